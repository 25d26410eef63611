import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AzureForMachines, BootedMachine } from '#local/azure/machines.ts';
import type { CreateSimulatedApi } from '../contract.ts';
import { openCluster } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { InitPlan, JoinPlan } from './kubeadm.ts';
import { fingerprint, publicKeyHash } from './pki.ts';
import type { ClusterRecord } from './records.ts';
import { openRecords } from './records.ts';

/** All clusters of one simulator. */
export interface ClusterRegistry {
  /** The cluster that `kubeadm init` of this machine creates; the same again when the step is repeated. */
  create(plan: InitPlan, machine: BootedMachine): Cluster;
  /** A cluster by key, opened from its record when it is not open yet. */
  find(key: string): Cluster | undefined;
  /** The cluster whose API server answers behind the plan's load balancer. */
  reachable(plan: JoinPlan): Cluster | undefined;
  remove(key: string): void;
  opened(): readonly Cluster[];
  close(): void;
}

/** Opens the registry over its state files. */
export function openClusterRegistry(
  azure: AzureForMachines,
  options: {
    directory: string;
    createApi: CreateSimulatedApi;
    knows: (clusterKey: string, nodeName: string) => boolean;
  },
): ClusterRegistry {
  const directory = join(options.directory, 'clusters');
  const records = openRecords<ClusterRecord>(directory);
  const clusters = new Map<string, Cluster>();
  const open = (record: ClusterRecord): Cluster => {
    const existing = clusters.get(record.key);
    if (existing !== undefined) return existing;
    const knows = (nodeName: string): boolean => options.knows(record.key, nodeName);
    const cluster = openCluster({ directory, record, azure, createApi: options.createApi, knows });
    clusters.set(record.key, cluster);
    return cluster;
  };
  return {
    create: (plan, machine) => {
      const record = clusterRecordOf(plan, machine);
      records.save(record.key, record);
      return open(record);
    },
    find: (key) => {
      const record = clusters.get(key)?.record ?? records.load(key);
      return record === undefined ? undefined : open(record);
    },
    reachable: (plan) => {
      const port = azure.resolveLoadBalancer(plan.endpointHost, plan.endpointPort);
      return port === undefined ? undefined : [...clusters.values()].find((cluster) => cluster.ownsPort(port));
    },
    remove: (key) => {
      clusters.get(key)?.destroy();
      clusters.delete(key);
      records.remove(key);
    },
    opened: () => [...clusters.values()],
    close: () => {
      clusters.forEach((cluster) => cluster.close());
      clusters.clear();
    },
  };
}

/**
 * A second machine that runs `kubeadm init` with the same CA is a second cluster with an etcd of its own, as in reality:
 * the load balancer then sends callers to either. So the key holds the machine too.
 */
function clusterRecordOf(plan: InitPlan, machine: BootedMachine): ClusterRecord {
  const origin = createHash('sha256').update(machine.id.toLowerCase()).digest('hex').slice(0, 8);
  return {
    key: `${fingerprint(plan.authority.certificate).slice(0, 16)}-${origin}`,
    version: plan.version,
    caCertificate: plan.authority.certificate,
    endpointHost: plan.endpointHost,
    endpointPort: plan.endpointPort,
    serviceSubnet: plan.serviceSubnet,
    certificateNames: plan.certificateNames,
  };
}

/** Token-based discovery with CA pinning: the token must exist in the cluster, the CA must be one of the pinned ones. */
export function checkDiscovery(cluster: Cluster, plan: JoinPlan): { problem: string } | 'ready' {
  const pin = publicKeyHash(cluster.record.caCertificate);
  if (plan.caHashes.length > 0 && !plan.caHashes.includes(pin)) {
    return {
      problem: `cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "${pin}" are pinned`,
    };
  }
  const tokenId = plan.token.split('.')[0] ?? '';
  const client = cluster.api.client('system:bootstrap:discovery', ['system:masters']);
  const info = client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name: 'cluster-info' });
  if (info === undefined) return { problem: 'configmaps "cluster-info" not found' };
  const secret = client.get({
    apiVersion: 'v1',
    kind: 'Secret',
    namespace: 'kube-system',
    name: `bootstrap-token-${tokenId}`,
  });
  if (secret === undefined) {
    return { problem: `could not find a JWS signature in the cluster-info ConfigMap for token ID "${tokenId}"` };
  }
  return 'ready';
}
