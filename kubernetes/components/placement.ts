import { field, listField, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';

/** Where the Deployments of a component run. */
export type Placement =
  /** Only on control-plane nodes: those machines carry the identity that the component signs in with. */
  | 'controlPlane'
  /** Anywhere, control-plane nodes included: at the hand-over there is no other node. */
  | 'anywhere';

const role = 'node-role.kubernetes.io/control-plane';
const toleration = { key: role, operator: 'Exists', effect: 'NoSchedule' };

/**
 * The objects with their Deployments placed. Released manifests of cert-manager and Azure Service Operator tolerate
 * no control-plane node and would stay Pending on the only node there is (cluster-api-pivot.md §2d.4 and R6); what
 * signs in with the machine's identity must not land on a worker, which has none. DaemonSets stay as they are.
 */
export function placed(
  objects: readonly KubernetesObject[],
  placement: Placement | undefined,
): readonly KubernetesObject[] {
  return placement === undefined
    ? objects
    : objects.map((object) => (object.kind === 'Deployment' ? place(object, placement) : object));
}

/** An entry of a pod's hosts file. */
export interface HostAlias {
  readonly ip: string;
  readonly hostname: string;
}

/** The objects with the name put into the hosts file of every Deployment's pods. */
export function withHostAlias(
  objects: readonly KubernetesObject[],
  alias: HostAlias | undefined,
): readonly KubernetesObject[] {
  if (alias === undefined) return objects;
  return objects.map((object) =>
    object.kind === 'Deployment'
      ? withPod(object, (pod) => ({
          ...pod,
          hostAliases: [...listField(pod, 'hostAliases'), { ip: alias.ip, hostnames: [alias.hostname] }],
        }))
      : object,
  );
}

type Pod = Readonly<Record<string, unknown>>;

function withPod(deployment: KubernetesObject, change: (pod: Pod | undefined) => Pod): KubernetesObject {
  const pod = field(deployment, 'spec', 'template', 'spec') as Pod | undefined;
  const spec = deployment['spec'] as Pod;
  const template = field(spec, 'template') as Pod;
  return { ...deployment, spec: { ...spec, template: { ...template, spec: change(pod) } } };
}

function place(deployment: KubernetesObject, placement: Placement): KubernetesObject {
  return withPod(deployment, (pod) => placedPod(pod, placement));
}

function placedPod(pod: Pod | undefined, placement: Placement): Pod {
  const tolerations = listField(pod, 'tolerations');
  const tolerates = tolerations.some(
    (given) =>
      ['', role].includes(textField(given, 'key') ?? '') &&
      ['', 'NoSchedule'].includes(textField(given, 'effect') ?? '') &&
      textField(given, 'operator') === 'Exists',
  );
  const selector = field(pod, 'nodeSelector') as Readonly<Record<string, string>> | undefined;
  return {
    ...pod,
    tolerations: tolerates ? tolerations : [...tolerations, toleration],
    ...(placement === 'controlPlane' ? { nodeSelector: { ...selector, [role]: '' } } : {}),
  };
}
