import type { NodeRecord } from '#domain/record.ts';
import type { KubernetesClient } from '../client/client.ts';
import { conditionStatus } from '../components/readiness.ts';
import { zoneOf } from './nodes.ts';

/** Label with which AKS names the pool of a node. */
const poolLabel = 'kubernetes.azure.com/agentpool';

/** The nodes of an AKS cluster by pool and name; each is an instance of its pool's scale set. */
export async function readManagedNodes(client: KubernetesClient): Promise<readonly NodeRecord[]> {
  const nodes = await client.list({ apiVersion: 'v1', kind: 'Node' });
  return nodes
    .map((node): NodeRecord => {
      const { name, labels = {} } = node.metadata;
      const zone = zoneOf(labels['topology.kubernetes.io/zone']);
      const pool = labels[poolLabel];
      return {
        name,
        role: 'worker',
        ready: conditionStatus(node, 'Ready') === 'True',
        machine: name,
        ...(pool === undefined ? {} : { pool }),
        ...(zone === undefined ? {} : { zone }),
      };
    })
    .toSorted((a, b) => (`${a.pool} ${a.name}` < `${b.pool} ${b.name}` ? -1 : 1));
}
