import { apiVersions, namespaceOf, wellKnown } from '#domain/cluster-api/names.ts';
import { textField } from '#domain/cluster-api/object.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { done } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome } from '../client/errors.ts';
import { conditionStatus } from '../components/readiness.ts';

/** One node of the status document (experience.md). */
export interface NodeView {
  readonly name: string;
  readonly role: 'controlPlane' | 'worker';
  readonly pool?: string;
  readonly zone?: string;
  readonly ready: boolean;
  /** The Machine it belongs to, once Cluster API has linked the two. */
  readonly machine?: string;
}

/** The nodes, control plane first, then by pool and zone. Two list requests; before the pivot there are no machines. */
export async function readNodes(
  client: KubernetesClient,
  plan: ClusterPlan,
  options: { readonly machines: boolean } = { machines: true },
): Promise<Outcome<{ readonly nodes: readonly NodeView[] }>> {
  try {
    const nodes = await client.list({ apiVersion: 'v1', kind: 'Node' });
    const machines = options.machines
      ? await client.list({ apiVersion: apiVersions.core, kind: 'Machine', namespace: namespaceOf(plan) })
      : [];
    const byNode = new Map(machines.map((machine) => [textField(machine, 'status', 'nodeRef', 'name') ?? '', machine]));
    const views = nodes.map((node): NodeView => {
      const labels = node.metadata.labels ?? {};
      const machine = byNode.get(node.metadata.name);
      const pool = machine?.metadata.labels?.[wellKnown.pool] ?? labels[wellKnown.pool];
      const zone = textField(machine, 'spec', 'failureDomain') ?? zoneOf(labels['topology.kubernetes.io/zone']);
      return {
        name: node.metadata.name,
        role: 'node-role.kubernetes.io/control-plane' in labels ? 'controlPlane' : 'worker',
        ready: conditionStatus(node, 'Ready') === 'True',
        ...(pool === undefined ? {} : { pool }),
        ...(zone === undefined ? {} : { zone }),
        ...(machine === undefined ? {} : { machine: machine.metadata.name }),
      };
    });
    const key = (node: NodeView) =>
      `${node.role === 'controlPlane' ? 0 : 1} ${node.pool ?? ''} ${node.zone ?? ''} ${node.name}`;
    return done({ nodes: views.sort((a, b) => (key(a) < key(b) ? -1 : 1)) });
  } catch (error) {
    return errorOutcome(error, plan.network.api.host, { refused: 'CAP-4202' });
  }
}

/** `westeurope-2` → `2`; fault domains of regions without zones are plain numbers and no zones. */
export function zoneOf(label: string | undefined): string | undefined {
  return /-(\d+)$/.exec(label ?? '')?.[1];
}
