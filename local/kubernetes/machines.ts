import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { AzureForMachines, BootedMachine, MachineHost } from '#local/azure/machines.ts';
import { createSimulatedApi } from './api/index.ts';
import { planOf, startBoot } from './boot/boot.ts';
import type { BootWorld } from './boot/boot.ts';
import { initialiseCluster } from './boot/cluster.ts';
import type { Cluster } from './boot/cluster.ts';
import { type BootFaults, createBootFaults } from './boot/faults.ts';
import type { InitPlan, JoinPlan } from './boot/kubeadm.ts';
import { type Relay, startRelay } from './boot/relay.ts';
import type { MachineRecord, Records } from './boot/records.ts';
import { openRecords } from './boot/records.ts';
import { checkDiscovery, openClusterRegistry } from './boot/registry.ts';
import type { ClusterRegistry } from './boot/registry.ts';
import { createManagedClusters } from './boot/managed.ts';
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
  /** Machines that do not come up, by rule. */
  readonly bootFaults: BootFaults;
  close(): void;
}

interface Guest {
  /** Its id is in lower case: Azure's ids have no case. */
  readonly machine: BootedMachine;
  readonly record: MachineRecord;
  boot: { cancel(): void } | undefined;
  relay: Relay | undefined;
}

const idOf = (id: string): string => id.toLowerCase();

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
  const records = openRecords<MachineRecord>(join(options.directory, 'machines'));
  const guests = new Map<string, Guest>();
  const bootFaults = createBootFaults();
  let closed = false;
  const registry = openClusterRegistry(azure, {
    directory: options.directory,
    createApi: options.createApi ?? createSimulatedApi,
    knows: (key, nodeName) =>
      managed.knows(key, nodeName) ||
      records.all().some((record) => record.clusterKey === key && record.nodeName === nodeName),
  });
  const managed = createManagedClusters(options.directory, registry);
  const runner = createRunner(azure, registry, options.directory, (record) => {
    if (!closed) records.save(record.id, record);
  });

  return {
    start: (given) => {
      const machine = { ...given, id: idOf(given.id) };
      if (closed || guests.has(machine.id)) return;
      const guest: Guest = {
        machine,
        record: recordOf(records, machine, bootFaults),
        boot: undefined,
        relay: undefined,
      };
      guests.set(machine.id, guest);
      runner(guest);
    },
    stop: (machineId, reason) => {
      const id = idOf(machineId);
      const guest = guests.get(id);
      guest?.boot?.cancel();
      guest?.relay?.stop();
      guests.delete(id);
      const key = (guest?.record ?? records.load(id))?.clusterKey;
      if (reason === 'deleted') records.remove(id);
      const cluster = key === undefined ? undefined : registry.find(key);
      if (cluster === undefined || key === undefined) return;
      cluster.leave(id, reason);
      const isMember = (other: MachineRecord): boolean => other.clusterKey === key && other.id !== id;
      if (cluster.isAbandoned() && !records.all().some(isMember)) registry.remove(key);
    },
    serialConsole: (machineId) => (guests.get(idOf(machineId))?.record ?? records.load(idOf(machineId)))?.console ?? '',
    listeningPort: (machineId, guestPort) => {
      if (guestPort === 443) return managed.port(machineId);
      const guest = guests.get(idOf(machineId));
      const key = guest?.record.clusterKey;
      if (guestPort !== 6443 || guest === undefined || key === undefined) return undefined;
      return registry.find(key)?.port(guest.machine.id);
    },
    managedClusters: managed,
    bootFaults,
    clusters: () => registry.opened().map(describe),
    close: () => {
      closed = true;
      managed.close();
      guests.forEach((guest) => {
        guest.boot?.cancel();
        guest.relay?.stop();
      });
      guests.clear();
      registry.close();
    },
  };
}

function describe(cluster: Cluster): SimulatedCluster {
  return {
    key: cluster.record.key,
    kubernetesVersion: cluster.record.version,
    endpointHost: cluster.record.endpointHost,
    nodes: cluster.nodeNames(),
    api: cluster.api,
  };
}

/** The remembered machine, or a new one: other user data under the same id means another machine. */
function recordOf(records: Records<MachineRecord>, machine: BootedMachine, faults: BootFaults): MachineRecord {
  const userData = createHash('sha256').update(machine.customData).digest('hex');
  const known = records.load(machine.id);
  if (known?.userData === userData) return known;
  const fault = faults.take(machine.name);
  return {
    id: machine.id,
    userData,
    state: 'booting',
    step: 0,
    console: '',
    ...(fault === undefined ? {} : { fault }),
  };
}

/** Boots guests, or puts them back to work after a restart. */
function createRunner(
  azure: AzureForMachines,
  registry: ClusterRegistry,
  directory: string,
  save: (record: MachineRecord) => void,
): (guest: Guest) => void {
  const enter = async (guest: Guest, cluster: Cluster, plan: InitPlan | JoinPlan): Promise<void> => {
    guest.record.clusterKey = cluster.record.key;
    guest.record.nodeName = plan.node.name;
    save(guest.record);
    if (plan.authority === undefined) cluster.joinWorker(guest.machine, plan.node);
    else await cluster.joinControlPlane(guest.machine, plan.node, plan.authority);
    const port = cluster.port(guest.machine.id);
    if (plan.authority !== undefined && port !== undefined && guest.relay === undefined) {
      guest.relay = await startRelay({ machine: guest.machine, authority: plan.authority, port }, azure, directory);
    }
  };
  const worldOf = (guest: Guest): BootWorld => ({
    clock: azure.clock,
    save: () => save(guest.record),
    init: async (plan) => {
      const cluster = registry.create(plan, guest.machine);
      initialiseCluster(cluster, plan);
      await enter(guest, cluster, plan);
    },
    discover: (plan) => {
      const cluster = registry.reachable(plan);
      return cluster === undefined ? undefined : checkDiscovery(cluster, plan);
    },
    join: async (plan) => {
      const cluster = registry.reachable(plan) ?? registry.find(guest.record.clusterKey ?? '');
      if (cluster === undefined)
        throw new Error(`the API server ${plan.endpointHost} stopped answering during the join`);
      await enter(guest, cluster, plan);
    },
  });
  const resume = async (guest: Guest): Promise<void> => {
    const cluster = registry.find(guest.record.clusterKey ?? '');
    const plan = planOf(guest.machine);
    if (cluster !== undefined && plan !== undefined) await enter(guest, cluster, plan);
  };
  return (guest) => {
    if (guest.record.state === 'booting') {
      guest.boot = startBoot(guest.machine, guest.record, worldOf(guest));
      return;
    }
    if (guest.record.state === 'failed') return;
    resume(guest).catch((error: unknown) => {
      guest.record.console += `kubelet: the machine could not resume: ${error instanceof Error ? error.message : String(error)}\n`;
    });
  };
}
