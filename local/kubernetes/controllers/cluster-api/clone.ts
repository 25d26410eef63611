import type { KubeObject } from '../../contract.ts';
import type { Json, Kind, Kube } from '../objects.ts';
import { ownerReference, shortHash } from '../objects.ts';
import type { ClusterObject, ContractReference, KubeadmConfigSpec, MachineObject } from './kinds.ts';
import {
  ANNOTATION,
  AZURE_MACHINE,
  AZURE_MACHINE_TEMPLATE,
  KUBEADM_CONFIG,
  LABEL,
  MACHINE,
  MACHINE_FINALIZER,
} from './kinds.ts';

/** What a new Machine is made of. */
export interface NewMachine {
  readonly cluster: ClusterObject;
  /** KubeadmControlPlane or MachineSet. */
  readonly owner: KubeObject;
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly annotations: Record<string, string>;
  readonly version: string | undefined;
  readonly failureDomain: string | undefined;
  readonly template: ContractReference;
  readonly bootstrap: KubeadmConfigSpec;
  readonly bootstrapAnnotations: Record<string, string>;
}

/** First generated name under the prefix that no live Machine has; the same history gives the same name. */
export function nextName(kube: Kube, prefix: string, namespace: string, seed: string, attempt: number): string {
  for (let index = attempt; ; index += 1) {
    const name = `${prefix}-${shortHash(`${seed}/${prefix}/${index}`)}`;
    const kinds: readonly Kind[] = [MACHINE, AZURE_MACHINE, KUBEADM_CONFIG];
    const isTaken = kinds.some((kind) => kube.get(kind, namespace, name) !== undefined);
    if (!isTaken) return name;
  }
}

/** Clones the infrastructure template and the bootstrap configuration, then creates the Machine that refers to both. */
export function createMachine(kube: Kube, wanted: NewMachine): MachineObject {
  const namespace = wanted.owner.metadata.namespace ?? '';
  const template = kube.get(AZURE_MACHINE_TEMPLATE, namespace, wanted.template.name);
  if (template === undefined) {
    throw new Error(
      `failed to clone infrastructure: ${wanted.template.kind} "${namespace}/${wanted.template.name}" not found`,
    );
  }
  const labels = { ...wanted.labels, [LABEL.cluster]: wanted.cluster.metadata.name };
  const { name } = wanted;
  const infrastructure = kube.create({
    ...AZURE_MACHINE,
    metadata: {
      name,
      namespace,
      labels: { ...template.spec?.template.metadata?.labels, ...labels },
      annotations: {
        ...template.spec?.template.metadata?.annotations,
        ...wanted.annotations,
        [ANNOTATION.clonedFromName]: wanted.template.name,
        [ANNOTATION.clonedFromGroupKind]: `${wanted.template.kind}.${wanted.template.apiGroup}`,
      },
      ownerReferences: [ownerReference(wanted.owner, false)],
    },
    spec: template.spec?.template.spec ?? {},
  });
  const reference = (apiVersion: string, kind: string): Json => ({ apiGroup: apiVersion.split('/')[0], kind, name });
  const made: KubeObject[] = [infrastructure];
  try {
    const bootstrap = kube.create({
      ...KUBEADM_CONFIG,
      metadata: {
        name,
        namespace,
        labels,
        annotations: wanted.bootstrapAnnotations,
        ownerReferences: [ownerReference(wanted.owner, false)],
      },
      spec: { ...wanted.bootstrap },
    });
    made.push(bootstrap);
    return kube.create<MachineObject>({
      apiVersion: MACHINE.apiVersion,
      kind: MACHINE.kind,
      metadata: {
        name,
        namespace,
        labels,
        annotations: wanted.annotations,
        finalizers: [MACHINE_FINALIZER],
        ownerReferences: [ownerReference(wanted.owner, true)],
      },
      spec: {
        clusterName: wanted.cluster.metadata.name,
        ...(wanted.version === undefined ? {} : { version: wanted.version }),
        ...(wanted.failureDomain === undefined ? {} : { failureDomain: wanted.failureDomain }),
        bootstrap: { configRef: reference(KUBEADM_CONFIG.apiVersion, KUBEADM_CONFIG.kind) as never },
        infrastructureRef: reference(AZURE_MACHINE.apiVersion, AZURE_MACHINE.kind) as never,
      },
    });
  } catch (error) {
    // What was cloned for a Machine that could not be made goes again (cluster-api, cleanupFromGeneration).
    made.forEach((object) => kube.remove(object));
    throw error;
  }
}
