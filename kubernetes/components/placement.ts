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

function place(deployment: KubernetesObject, placement: Placement): KubernetesObject {
  const pod = field(deployment, 'spec', 'template', 'spec') as Readonly<Record<string, unknown>> | undefined;
  const tolerations = listField(pod, 'tolerations');
  const tolerates = tolerations.some(
    (given) =>
      ['', role].includes(textField(given, 'key') ?? '') &&
      ['', 'NoSchedule'].includes(textField(given, 'effect') ?? '') &&
      textField(given, 'operator') === 'Exists',
  );
  const selector = field(pod, 'nodeSelector') as Readonly<Record<string, string>> | undefined;
  const placedPod = {
    ...pod,
    tolerations: tolerates ? tolerations : [...tolerations, toleration],
    ...(placement === 'controlPlane' ? { nodeSelector: { ...selector, [role]: '' } } : {}),
  };
  const spec = deployment['spec'] as Readonly<Record<string, unknown>>;
  const template = field(spec, 'template') as Readonly<Record<string, unknown>>;
  return { ...deployment, spec: { ...spec, template: { ...template, spec: placedPod } } };
}
