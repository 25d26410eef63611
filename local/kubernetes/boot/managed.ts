import { join } from 'node:path';
import { stringify } from 'yaml';
import type { BootedMachine, ManagedCluster, ManagedClusterHost } from '#local/azure/machines.ts';
import { initialiseCluster } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { InitPlan } from './kubeadm.ts';
import { createAuthority, issueCertificate } from './pki.ts';
import type { KeyPair } from './pki.ts';
import { openRecords } from './records.ts';
import type { ClusterRegistry } from './registry.ts';

/** What is remembered of a managed cluster: its keys, and the kubeconfigs that were made from them. */
interface ManagedRecord {
  readonly id: string;
  readonly authority: KeyPair;
  readonly kubeconfigs: Readonly<Record<'clusterAdmin' | 'clusterUser', string>>;
  readonly clusterKey: string;
}

export interface ManagedClusters extends ManagedClusterHost {
  /** Local port of the control plane's API server. */
  port(id: string): number | undefined;
  /** True while a node with this name belongs to the cluster. */
  knows(clusterKey: string, nodeName: string): boolean;
  close(): void;
}

interface Live {
  wanted: ManagedCluster;
  cluster: Cluster | undefined;
  /** Image of each node that has joined. */
  readonly images: Map<string, string>;
  /** Why the last change could not be made. */
  problem: string | undefined;
  /** Work in progress; changes that come meanwhile are done after it. */
  work: Promise<void>;
}

const idOf = (id: string): string => id.toLowerCase();

/** The machine that stands for a control plane which has none. */
function controlPlaneOf(cluster: ManagedCluster): BootedMachine {
  const [, , subscriptionId = '', , resourceGroup = ''] = cluster.id.split('/');
  return {
    id: idOf(cluster.id),
    name: cluster.name,
    computerName: cluster.name,
    subscriptionId,
    resourceGroup,
    location: '',
    zone: undefined,
    vmSize: '',
    cores: 2,
    memoryGiB: 8,
    customData: '',
    imageReference: '',
    identityIds: [],
    privateIp: '',
    backendPoolIds: [],
    dataDisks: [],
    tags: {},
  };
}

function planOf(cluster: ManagedCluster, authority: KeyPair): InitPlan {
  return {
    kind: 'init',
    version: cluster.kubernetesVersion,
    endpointHost: cluster.host,
    endpointPort: 443,
    certificateNames: [],
    serviceSubnet: cluster.serviceCidr,
    podSubnet: undefined,
    clusterName: cluster.name,
    node: { name: '', externalCloudProvider: false, labels: {}, taints: undefined },
    authority,
    configuration: JSON.stringify({ kind: 'ClusterConfiguration', kubernetesVersion: cluster.kubernetesVersion }),
  };
}

async function kubeconfigOf(cluster: ManagedCluster, authority: KeyPair, user: string): Promise<string> {
  const pair = await issueCertificate(authority, {
    commonName: user === 'clusterAdmin' ? 'masterclient' : 'clusterUser',
    organization: 'system:masters',
    usage: 'client',
    days: 730,
  });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const name = `${user}_${cluster.id.split('/')[4] ?? ''}_${cluster.name}`;
  const context = user === 'clusterAdmin' ? `${cluster.name}-admin` : cluster.name;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: cluster.name,
        cluster: { 'certificate-authority-data': base64(authority.certificate), server: `https://${cluster.host}:443` },
      },
    ],
    contexts: [{ name: context, context: { cluster: cluster.name, user: name } }],
    'current-context': context,
    users: [
      { name, user: { 'client-certificate-data': base64(pair.certificate), 'client-key-data': base64(pair.key) } },
    ],
  });
}

/** The network plugin of AKS's nodes: they are ready once its pod runs on them. */
function networkPlugin(cluster: Cluster): void {
  const client = cluster.api.client('kubernetes-admin', ['system:masters', 'system:authenticated']);
  const key = { apiVersion: 'apps/v1', kind: 'DaemonSet', namespace: 'kube-system', name: 'azure-cns' };
  if (client.get(key) !== undefined) return;
  const labels = { 'k8s-app': 'azure-cns' };
  client.create({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: key.name, namespace: key.namespace },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          hostNetwork: true,
          containers: [{ name: 'azure-cns', image: 'mcr.microsoft.com/containernetworking/azure-cns:v1.6.30' }],
          tolerations: [{ operator: 'Exists' }],
        },
      },
    },
  });
}

/** Lets nodes join that should be there and removes those that should not. */
function settleNodes(cluster: Cluster, wanted: ManagedCluster, images: Map<string, string>): void {
  const names = new Set(wanted.nodes.map(({ machine }) => machine.name));
  const client = cluster.api.client('kubernetes-admin', ['system:masters', 'system:authenticated']);
  const remove = (name: string): void => {
    cluster.leaveNode(name);
    images.delete(name);
    const node = { apiVersion: 'v1', kind: 'Node', name };
    if (client.get(node) !== undefined) client.delete(node);
  };
  for (const { machine, labels, taints } of wanted.nodes) {
    // Another image is another machine: upgrades replace the nodes.
    if (images.get(machine.name) === machine.imageReference) continue;
    remove(machine.name);
    images.set(machine.name, machine.imageReference);
    const own = { ...machine, id: idOf(machine.id) };
    cluster.joinWorker(own, { name: machine.name, externalCloudProvider: false, labels, taints: [...taints] });
  }
  for (const { metadata } of client.list({ apiVersion: 'v1', kind: 'Node' })) {
    if (!names.has(metadata.name)) remove(metadata.name);
  }
}

/** Runs the control planes of managed clusters (AKS). State lies under `directory` and survives a kill. */
export function createManagedClusters(directory: string, registry: ClusterRegistry): ManagedClusters {
  const records = openRecords<ManagedRecord>(join(directory, 'managed'));
  const live = new Map<string, Live>();
  let closed = false;
  const recordOf = async (cluster: ManagedCluster): Promise<ManagedRecord> => {
    const known = records.load(idOf(cluster.id));
    if (known !== undefined) return known;
    const authority = await createAuthority('ca');
    const plan = planOf(cluster, authority);
    const created = registry.create(plan, controlPlaneOf(cluster));
    initialiseCluster(created, plan);
    networkPlugin(created);
    const record: ManagedRecord = {
      id: idOf(cluster.id),
      authority,
      clusterKey: created.record.key,
      kubeconfigs: {
        clusterAdmin: await kubeconfigOf(cluster, authority, 'clusterAdmin'),
        clusterUser: await kubeconfigOf(cluster, authority, 'clusterUser'),
      },
    };
    records.save(record.id, record);
    return record;
  };
  const settle = async (entry: Live): Promise<void> => {
    if (closed || live.get(idOf(entry.wanted.id)) !== entry) return;
    const record = await recordOf(entry.wanted);
    const cluster = registry.find(record.clusterKey);
    if (cluster === undefined || closed) return;
    entry.cluster = cluster;
    if (entry.wanted.running) {
      await cluster.serve(controlPlaneOf(entry.wanted), record.authority);
      settleNodes(cluster, entry.wanted, entry.images);
      return;
    }
    for (const name of cluster.nodeNames()) cluster.leaveNode(name);
    entry.images.clear();
    cluster.leave(record.id, 'deallocated');
  };
  return {
    apply(wanted) {
      const id = idOf(wanted.id);
      const entry = live.get(id) ?? {
        wanted,
        cluster: undefined,
        images: new Map(),
        problem: undefined,
        work: Promise.resolve(),
      };
      entry.wanted = wanted;
      live.set(id, entry);
      entry.work = entry.work
        .then(() => settle(entry))
        .catch((error: unknown) => {
          entry.problem = error instanceof Error ? (error.stack ?? error.message) : String(error);
        });
    },
    remove(id) {
      const record = records.load(idOf(id));
      live.delete(idOf(id));
      records.remove(idOf(id));
      if (record !== undefined) registry.remove(record.clusterKey);
    },
    kubeconfig(id, user) {
      const entry = live.get(idOf(id));
      if (entry?.problem !== undefined) throw new Error(`the control plane of ${id} did not start: ${entry.problem}`);
      return entry === undefined ? undefined : records.load(idOf(id))?.kubeconfigs[user];
    },
    port: (id) => live.get(idOf(id))?.cluster?.port(idOf(id)),
    knows: (clusterKey, nodeName) =>
      [...live.values()].some(
        ({ cluster, wanted }) =>
          cluster?.record.key === clusterKey && wanted.nodes.some(({ machine }) => machine.name === nodeName),
      ),
    close() {
      closed = true;
      live.clear();
    },
  };
}
