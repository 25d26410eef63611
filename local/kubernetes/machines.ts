import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AzureForMachines, BootedMachine, MachineHost } from '#local/azure/machines.ts';
import { createSimulatedApi } from './api/index.ts';
import { planOf, startBoot } from './boot/boot.ts';
import type { BootWorld } from './boot/boot.ts';
import { initialiseCluster, openCluster } from './boot/cluster.ts';
import type { Cluster } from './boot/cluster.ts';
import type { InitPlan, JoinPlan } from './boot/kubeadm.ts';
import { fingerprint, publicKeyHash } from './boot/pki.ts';
import type { ClusterRecord, MachineRecord } from './boot/records.ts';
import { openRecords } from './boot/records.ts';
import type { CreateSimulatedApi, SimulatedApi } from './contract.ts';

/** A cluster as the observation doors and tests see it. */
export interface SimulatedCluster {
  /** CA fingerprint (first 16 hex digits) and a hash of the machine that ran `kubeadm init`. */
  readonly key: string;
  readonly kubernetesVersion: string;
  readonly endpointHost: string;
  readonly nodes: readonly string[];
  readonly api: SimulatedApi;
}

/** The hypervisor's guests: everything that runs inside the simulated virtual machines. */
export interface SimulatedMachines extends MachineHost {
  clusters(): readonly SimulatedCluster[];
  close(): void;
}

interface Guest {
  readonly machine: BootedMachine;
  readonly record: MachineRecord;
  boot: { cancel(): void } | undefined;
}

/**
 * Creates the machine host. A machine that boots with Capstan's (or Cluster API's) cloud-init becomes a Kubernetes node; the
 * first one of a cluster becomes its API server. All state lies under `options.directory` and survives a kill.
 *
 * @param azure what the machines may ask of the simulated Azure
 * @param options `directory` for the state files; `createApi` replaces the API server in tests
 */
export function createMachineHost(
  azure: AzureForMachines,
  options: { directory: string; createApi?: CreateSimulatedApi },
): SimulatedMachines {
  const machineRecords = openRecords<MachineRecord>(join(options.directory, 'machines'));
  const clusterRecords = openRecords<ClusterRecord>(join(options.directory, 'clusters'));
  const guests = new Map<string, Guest>();
  const clusters = new Map<string, Cluster>();
  const idOf = (id: string): string => id.toLowerCase();
  let closed = false;
  const save = (record: MachineRecord): void => {
    if (!closed) machineRecords.save(record.id, record);
  };

  const open = (record: ClusterRecord): Cluster => {
    const existing = clusters.get(record.key);
    if (existing !== undefined) return existing;
    const directory = join(options.directory, 'clusters');
    const cluster = openCluster({ directory, record, azure, createApi: options.createApi ?? createSimulatedApi });
    clusters.set(record.key, cluster);
    return cluster;
  };
  const clusterOf = (guest: Guest): Cluster | undefined => {
    const key = guest.record.clusterKey;
    if (key === undefined) return undefined;
    const record = clusterRecords.load(key);
    return clusters.get(key) ?? (record === undefined ? undefined : open(record));
  };
  const reachable = (plan: JoinPlan): Cluster | undefined => {
    const port = azure.resolveLoadBalancer(plan.endpointHost, plan.endpointPort);
    return port === undefined ? undefined : [...clusters.values()].find((cluster) => cluster.ownsPort(port));
  };
  const enter = async (guest: Guest, cluster: Cluster, plan: InitPlan | JoinPlan): Promise<void> => {
    guest.record.clusterKey = cluster.record.key;
    guest.record.nodeName = plan.node.name;
    save(guest.record);
    const machine = { ...guest.machine, id: idOf(guest.machine.id) };
    if (plan.authority === undefined) cluster.joinWorker(machine, plan.node);
    else await cluster.joinControlPlane(machine, plan.node, plan.authority);
  };
  const worldOf = (guest: Guest): BootWorld => ({
    clock: azure.clock,
    save: () => save(guest.record),
    init: async (plan) => {
      const record = clusterRecordOf(plan, guest.machine);
      clusterRecords.save(record.key, record);
      const cluster = open(record);
      initialiseCluster(cluster, plan);
      await enter(guest, cluster, plan);
    },
    discover: (plan) => {
      const cluster = reachable(plan);
      return cluster === undefined ? undefined : checkDiscovery(cluster, plan);
    },
    join: async (plan) => {
      const cluster = reachable(plan) ?? clusterOf(guest);
      if (cluster === undefined)
        throw new Error(`the API server ${plan.endpointHost} stopped answering during the join`);
      await enter(guest, cluster, plan);
    },
  });

  const resume = async (guest: Guest): Promise<void> => {
    const cluster = clusterOf(guest);
    const plan = planOf(guest.machine);
    if (cluster !== undefined && plan !== undefined) await enter(guest, cluster, plan);
  };

  return {
    start: (machine) => {
      const id = idOf(machine.id);
      if (closed || guests.has(id)) return;
      const userData = createHash('sha256').update(machine.customData).digest('hex');
      const known = machineRecords.load(id);
      const record: MachineRecord =
        known?.userData === userData ? known : { id, userData, state: 'booting', step: 0, console: '' };
      const guest: Guest = { machine, record, boot: undefined };
      guests.set(id, guest);
      if (record.state === 'booting') guest.boot = startBoot(machine, record, worldOf(guest));
      else if (record.state === 'running') {
        resume(guest).catch((error: unknown) => {
          record.console += `kubelet: the machine could not resume: ${error instanceof Error ? error.message : String(error)}\n`;
        });
      }
    },
    stop: (machineId, reason) => {
      const id = idOf(machineId);
      const guest = guests.get(id);
      guest?.boot?.cancel();
      guests.delete(id);
      const key = (guest?.record ?? machineRecords.load(id))?.clusterKey;
      if (reason === 'deleted') machineRecords.remove(id);
      const cluster = key === undefined ? undefined : clusters.get(key);
      if (cluster === undefined || key === undefined) return;
      cluster.leave(id, reason);
      const isMember = (other: MachineRecord): boolean => other.clusterKey === key && other.id !== id;
      if (cluster.isAbandoned() && !machineRecords.all().some(isMember)) {
        cluster.destroy();
        clusters.delete(key);
        clusterRecords.remove(key);
      }
    },
    serialConsole: (machineId) =>
      guests.get(idOf(machineId))?.record.console ?? machineRecords.load(idOf(machineId))?.console ?? '',
    listeningPort: (machineId, guestPort) => {
      const id = idOf(machineId);
      const guest = guests.get(id);
      const cluster = guest === undefined ? undefined : clusters.get(guest.record.clusterKey ?? '');
      return guestPort === 6443 ? cluster?.port(id) : undefined;
    },
    clusters: () =>
      [...clusters.values()].map((cluster) => ({
        key: cluster.record.key,
        kubernetesVersion: cluster.record.version,
        endpointHost: cluster.record.endpointHost,
        nodes: cluster.nodeNames(),
        api: cluster.api,
      })),
    close: () => {
      closed = true;
      guests.forEach((guest) => guest.boot?.cancel());
      guests.clear();
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
function checkDiscovery(cluster: Cluster, plan: JoinPlan): { problem: string } | 'ready' {
  const pin = publicKeyHash(cluster.record.caCertificate);
  if (plan.caHashes.length > 0 && !plan.caHashes.includes(pin)) {
    return {
      problem: `cluster CA found in cluster-info ConfigMap is invalid: none of the public keys "${pin}" are pinned`,
    };
  }
  const tokenId = plan.token.split('.')[0] ?? '';
  const client = cluster.api.client('system:bootstrap:discovery', ['system:masters']);
  const secret = client.get({
    apiVersion: 'v1',
    kind: 'Secret',
    namespace: 'kube-system',
    name: `bootstrap-token-${tokenId}`,
  });
  if (secret === undefined)
    return { problem: `could not find a JWS signature in the cluster-info ConfigMap for token ID "${tokenId}"` };
  return 'ready';
}
