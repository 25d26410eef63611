import type { KubernetesClient } from '#kubernetes/client/client.ts';
import type { NodeView } from '#kubernetes/scale/nodes.ts';
import type { ClusterKeys } from '#domain/kubeadm/keys.ts';
import { type NodeRecord, nodesDocument } from '#domain/record.ts';
import type { ObservedAzure } from '#domain/cluster-api/cluster.ts';
import { bootstrapUserData, loadKeys, observedAzure } from './cluster-keys.ts';
import type { Work } from './runtime.ts';

/** What an activity that talks to the cluster works with. */
export interface ClusterSession {
  readonly client: KubernetesClient;
  readonly keys: ClusterKeys;
  readonly observed: ObservedAzure;
}

/** Opens a connection for one activity and closes it again, whatever happens. */
export async function withCluster<Value>(work: Work, run: (session: ClusterSession) => Promise<Value>): Promise<Value> {
  const keys = await loadKeys(work);
  const client = await open(work, keys);
  try {
    return await run({ client, keys, observed: await observedAzure(work) });
  } finally {
    client.close();
  }
}

/** Over HTTPS, or through the relay of the control-plane machines where the API server has no public address. */
async function open(work: Work, keys: ClusterKeys): Promise<KubernetesClient> {
  const { connect, connectThroughRelay } = await import('#kubernetes/client/connect.ts');
  const plan = await work.plan();
  const { host, private: inside } = plan.network.api;
  if (inside !== undefined) {
    const azure = await work.azure();
    const userData = await bootstrapUserData(work);
    // Where Azure's time runs faster, a machine that is not there yet must not hold a look for minutes of it.
    const timeoutMs = Math.max(4000, relayPatienceMs / work.ref.timeScale);
    const lookMs = Math.max(50, relayLookMs / work.ref.timeScale);
    return connectThroughRelay({ host, store: azure.relay(plan), keys, userData, timeoutMs, lookMs });
  }
  return connect({
    host,
    authority: keys.certificateAuthority,
    ...(work.config.gatewayUrl === undefined ? {} : { gatewayUrl: work.config.gatewayUrl }),
  });
}

/** The relay looks for requests every second and gives the API server a minute. */
const relayPatienceMs = 75_000;
const relayLookMs = 500;

/** Reads the nodes and keeps the list for the status document. Best effort: a failed look changes nothing. */
export async function observeNodes(
  work: Work,
  client: KubernetesClient,
  machines: boolean,
): Promise<readonly NodeRecord[]> {
  const { readNodes } = await import('#kubernetes/scale/nodes.ts');
  const outcome = await readNodes(client, await work.plan(), { machines });
  if (outcome.status !== 'done') return [];
  const nodes = outcome.value.nodes.map(nodeRecord);
  await work.store.documents.put(nodesDocument(work.ref.uid), JSON.stringify(nodes));
  return nodes;
}

function nodeRecord(view: NodeView): NodeRecord {
  return {
    name: view.name,
    role: view.role === 'controlPlane' ? 'control-plane' : 'worker',
    ready: view.ready,
    machine: view.machine ?? view.name,
    ...(view.pool === undefined ? {} : { pool: view.pool }),
    ...(view.zone === undefined ? {} : { zone: view.zone }),
  };
}
