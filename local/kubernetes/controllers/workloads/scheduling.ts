import type { NodeObject, NodeSelectorRequirement, PodSpec, Taint, Toleration } from '../kinds.ts';

/** Why no node takes a pod, in the scheduler's words, or the nodes that do. */
export interface Placement {
  readonly feasible: readonly NodeObject[];
  readonly message: string;
}

/** True when one of the tolerations matches the taint (core/v1 `ToleratesTaint`). */
export function tolerates(tolerations: readonly Toleration[] | undefined, taint: Taint): boolean {
  return (tolerations ?? []).some((toleration) => {
    if (toleration.effect !== undefined && toleration.effect !== '' && toleration.effect !== taint.effect) return false;
    if (toleration.operator === 'Exists') return (toleration.key ?? '') === '' || toleration.key === taint.key;
    return toleration.key === taint.key && (toleration.value ?? '') === (taint.value ?? '');
  });
}

/** The first taint of the node that keeps the pod away, if there is one. `PreferNoSchedule` never does. */
export function untoleratedTaint(node: NodeObject, tolerations: readonly Toleration[] | undefined): Taint | undefined {
  return node.spec?.taints?.find((taint) => taint.effect !== 'PreferNoSchedule' && !tolerates(tolerations, taint));
}

/** nodeSelector and required node affinity. */
export function selectsNode(spec: PodSpec, node: NodeObject): boolean {
  const labels = node.metadata.labels ?? {};
  const bySelector = Object.entries(spec.nodeSelector ?? {}).every(([name, value]) => labels[name] === value);
  if (!bySelector) return false;
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  if (terms === undefined || terms.length === 0) return true;
  return terms.some((term) => (term.matchExpressions ?? []).every((requirement) => meets(labels, requirement)));
}

function meets(labels: Record<string, string>, requirement: NodeSelectorRequirement): boolean {
  const value = labels[requirement.key];
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      throw new Error(`node affinity operator ${requirement.operator} is not modelled by the simulated scheduler`);
  }
}

/** Filters nodes as the default scheduler does and words the refusal as its `FailedScheduling` event. */
export function placePod(spec: PodSpec, nodes: readonly NodeObject[]): Placement {
  const reasons = new Map<string, number>();
  const refuse = (reason: string): void => void reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const feasible = nodes.filter((node) => {
    if (node.spec?.unschedulable === true) {
      refuse('node(s) were unschedulable');
      return false;
    }
    const taint = untoleratedTaint(node, spec.tolerations);
    if (taint !== undefined) {
      refuse(`node(s) had untolerated taint {${taint.key}: ${taint.value ?? ''}}`);
      return false;
    }
    if (!selectsNode(spec, node)) {
      refuse("node(s) didn't match Pod's node affinity/selector");
      return false;
    }
    return true;
  });
  const details = [...reasons]
    .map(([reason, count]) => `${count} ${reason}`)
    .toSorted()
    .join(', ');
  const message =
    nodes.length === 0 ? 'no nodes available to schedule pods' : `0/${nodes.length} nodes are available: ${details}.`;
  return { feasible, message };
}
