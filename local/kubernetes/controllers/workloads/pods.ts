import type { KubeObject } from '../../contract.ts';
import { isTrue } from '../conditions.ts';
import type { PodObject, PodTemplate, WorkloadObject } from '../kinds.ts';
import { POD } from '../kinds.ts';
import type { Key, Kind, Kube } from '../objects.ts';
import { controllerOf, keyOf, ownerReference, shortHash } from '../objects.ts';

/** Pods whose controller is the given object. */
export function podsOf(kube: Kube, owner: KubeObject): PodObject[] {
  const namespace = owner.metadata.namespace ?? '';
  return kube.list(POD, namespace, undefined, (pod) => controllerOf(pod)?.uid === owner.metadata.uid);
}

/** Names of the pods of a namespace; asked only where a pod is missing. */
export function takenNames(kube: Kube, namespace: string, missing: boolean): Set<string> {
  return new Set(missing ? kube.list(POD, namespace).map((pod) => pod.metadata.name) : []);
}

export function isReadyPod(pod: PodObject): boolean {
  return pod.metadata.deletionTimestamp === undefined && isTrue(pod.status?.conditions, 'Ready');
}

export function isActivePod(pod: PodObject): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed'
  );
}

/** Creates a pod of a template under its controller. */
export function createPod(
  kube: Kube,
  owner: WorkloadObject,
  template: PodTemplate,
  name: string,
  nodeName?: string,
): void {
  kube.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: owner.metadata.namespace ?? 'default',
      labels: { ...template.metadata?.labels },
      ...(template.metadata?.annotations === undefined ? {} : { annotations: { ...template.metadata.annotations } }),
      ownerReferences: [ownerReference(owner, true)],
    },
    spec: { ...template.spec, ...(nodeName === undefined ? {} : { nodeName }) },
  });
}

/** First unused `<prefix>-<hash>` name; the same history of names gives the same next name. */
export function freeName(prefix: string, taken: ReadonlySet<string>): string {
  for (let index = 0; ; index += 1) {
    const name = `${prefix}-${shortHash(`${prefix}/${index}`)}`;
    if (!taken.has(name)) return name;
  }
}

/** Hash of a pod template, for ReplicaSet names. */
export function templateHash(template: PodTemplate | undefined): string {
  return shortHash(JSON.stringify(template ?? {}), 10);
}

/** Maps a pod or replica set to its controlling owner of the given kind. */
export function toController(kind: Kind): (object: KubeObject) => readonly Key[] {
  return (object) => {
    const owner = controllerOf(object);
    return owner?.kind === kind.kind ? [{ namespace: keyOf(object).namespace, name: owner.name }] : [];
  };
}
