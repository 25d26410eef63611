import ipaddr from 'ipaddr.js';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { AzureForMachines, BootedMachine } from '#local/azure/machines.ts';
import type { ApiClient, CreateSimulatedApi, SimulatedApi } from '../contract.ts';
import { startControllers } from '../controllers/manager.ts';
import type { ControllerManager } from '../controllers/manager.ts';
import type { ClusterMachines } from '../controllers/context.ts';
import { createFirstObjects, createStaticPods, imageVersion, registerNode } from './first-objects.ts';
import type { InitPlan, NodePlan } from './kubeadm.ts';
import { issueCertificate } from './pki.ts';
import type { KeyPair } from './pki.ts';
import type { ClusterRecord } from './records.ts';

interface Member {
  readonly machine: BootedMachine;
  readonly nodeName: string;
  readonly controlPlane: boolean;
  running: boolean;
  endpoint: { readonly port: number; close(): void } | undefined;
}

/** One simulated cluster: an object store, an API endpoint per running control-plane machine, and its controllers. */
export interface Cluster {
  readonly record: ClusterRecord;
  readonly api: SimulatedApi;
  /** Starts an API server on the machine and registers its node; called again after a restart. */
  joinControlPlane(machine: BootedMachine, node: NodePlan, authority: KeyPair): Promise<void>;
  joinWorker(machine: BootedMachine, node: NodePlan): void;
  /** Starts the API server of a managed control plane, which has neither machine nor node. */
  serve(machine: BootedMachine, authority: KeyPair): Promise<void>;
  leave(machineId: string, reason: 'deleted' | 'deallocated'): void;
  /** The machine of a node is gone. */
  leaveNode(nodeName: string): void;
  port(machineId: string): number | undefined;
  ownsPort(port: number): boolean;
  /** True while no control-plane machine is left, running or not. */
  isAbandoned(): boolean;
  nodeNames(): string[];
  close(): void;
  /** Closes and removes the stored objects. */
  destroy(): void;
}

export interface ClusterOptions {
  readonly directory: string;
  readonly record: ClusterRecord;
  readonly azure: AzureForMachines;
  readonly createApi: CreateSimulatedApi;
  /** True while a machine with this node name exists in Azure, also when it has not been started (again) yet. */
  readonly knows: (nodeName: string) => boolean;
}

function viewOf(members: ReadonlyMap<string, Member>, options: ClusterOptions): ClusterMachines {
  const all = (): Member[] => [...members.values()];
  const running = (): Member[] => all().filter((member) => member.running);
  return {
    byNode: (nodeName) => all().find((member) => member.nodeName === nodeName)?.machine,
    exists: (nodeName) => all().some((member) => member.nodeName === nodeName) || options.knows(nodeName),
    isRunning: (nodeName) => running().some((member) => member.nodeName === nodeName),
    controlPlane: () => running().flatMap((member) => (member.endpoint === undefined ? [] : [member.machine])),
    ownsPort: (port) => running().some((member) => member.endpoint?.port === port),
    caCertificate: options.record.caCertificate,
  };
}

/** Names of the nodes; a managed control plane has none. */
function namesOf(members: ReadonlyMap<string, Member>): string[] {
  return [...members.values()].flatMap(({ nodeName }) => (nodeName === '' ? [] : [nodeName])).toSorted();
}

function machinesOf(members: ReadonlyMap<string, Member>, nodeName: string): string[] {
  return [...members].flatMap(([id, member]) => (member.nodeName === nodeName ? [id] : []));
}

/** Version that the API server tells: the oldest of the control-plane machines that run, as behind a load balancer. */
function servedVersion(members: ReadonlyMap<string, Member>, first: string): string {
  const versions = [...members.values()]
    .filter((member) => member.endpoint !== undefined)
    .map((member) => imageVersion(member.machine) ?? first);
  return versions.toSorted((left, right) => left.localeCompare(right, 'en', { numeric: true }))[0] ?? first;
}

function openApi(
  { createApi, record, azure }: ClusterOptions,
  file: string,
  members: ReadonlyMap<string, Member>,
): SimulatedApi {
  return createApi({
    file,
    get kubernetesVersion() {
      return servedVersion(members, record.version);
    },
    now: () => azure.clock.now(),
  });
}

/** Opens a cluster's store and prepares its controllers; they run while at least one control-plane machine runs. */
export function openCluster(options: ClusterOptions): Cluster {
  const { record, azure } = options;
  const file = join(options.directory, `${record.key}.sqlite`);
  const members = new Map<string, Member>();
  const api = openApi(options, file, members);
  const kubelet = (): ApiClient =>
    api.client('system:node:simulator', ['system:masters', 'system:nodes', 'system:authenticated']);
  let manager: ControllerManager | undefined;

  const machines = viewOf(members, options);
  const settle = (nodeName: string): void => {
    const serves = machines.controlPlane().length > 0;
    if (serves && manager === undefined) manager = startControllers({ api, azure, machines, seed: record.key });
    if (!serves && manager !== undefined) {
      manager.stop();
      manager = undefined;
    }
    manager?.machineChanged(nodeName);
  };

  const cluster: Cluster = {
    record,
    api,
    joinControlPlane: async (machine, node, authority) => {
      if (members.get(machine.id)?.endpoint !== undefined) return;
      const certificate = await servingCertificate(record, machine, node.name, authority);
      const endpoint = await api.listen({
        caCertificate: authority.certificate,
        certificate: certificate.certificate,
        key: certificate.key,
      });
      members.set(machine.id, { machine, nodeName: node.name, controlPlane: true, running: true, endpoint });
      registerNode(kubelet(), machine, node, 'control-plane', record.version);
      createStaticPods(kubelet(), node.name, imageVersion(machine) ?? record.version);
      settle(node.name);
    },
    joinWorker: (machine, node) => {
      members.set(machine.id, {
        machine,
        nodeName: node.name,
        controlPlane: false,
        running: true,
        endpoint: undefined,
      });
      registerNode(kubelet(), machine, node, 'worker', record.version);
      settle(node.name);
    },
    serve: async (machine, authority) => {
      if (members.get(machine.id)?.endpoint !== undefined) return;
      const certificate = await servingCertificate(record, machine, 'kube-apiserver', authority);
      const { certificate: chain, key } = certificate;
      const endpoint = await api.listen({ caCertificate: authority.certificate, certificate: chain, key });
      members.set(machine.id, { machine, nodeName: '', controlPlane: true, running: true, endpoint });
      settle('');
    },
    leave: (machineId, reason) => {
      const member = members.get(machineId);
      if (member === undefined) return;
      member.endpoint?.close();
      member.endpoint = undefined;
      member.running = false;
      if (reason === 'deleted') members.delete(machineId);
      settle(member.nodeName);
    },
    leaveNode: (nodeName) => machinesOf(members, nodeName).forEach((id) => cluster.leave(id, 'deleted')),
    port: (machineId) => members.get(machineId)?.endpoint?.port,
    ownsPort: machines.ownsPort,
    isAbandoned: () => ![...members.values()].some((member) => member.controlPlane),
    nodeNames: () => namesOf(members),
    close: () => {
      manager?.stop();
      manager = undefined;
      members.forEach((member) => member.endpoint?.close());
      api.close();
    },
    destroy: () => {
      cluster.close();
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${file}${suffix}`, { force: true });
    },
  };
  return cluster;
}

/** Writes what `kubeadm init` leaves in a fresh API. */
export function initialiseCluster(cluster: Cluster, plan: InitPlan): void {
  createFirstObjects(cluster.api.client('kubernetes-admin', ['system:masters', 'system:authenticated']), plan);
}

/** Names as kubeadm puts them into apiserver.crt. */
async function servingCertificate(
  record: ClusterRecord,
  machine: BootedMachine,
  nodeName: string,
  authority: KeyPair,
): Promise<KeyPair> {
  const isAddress = (name: string): boolean => ipaddr.isValid(name);
  const names = [record.endpointHost, ...record.certificateNames];
  const inCluster = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'kubernetes.default.svc.cluster.local',
  ];
  return issueCertificate(authority, {
    commonName: 'kube-apiserver',
    dnsNames: [...new Set([...inCluster, nodeName, ...names.filter((name) => !isAddress(name))])],
    addresses: [
      ...new Set([machine.privateIp, serviceAddress(record.serviceSubnet), ...names.filter(isAddress)]),
    ].filter(isAddress),
    usage: 'server',
    days: 365,
  });
}

/** First address of the service range: the `kubernetes` service. */
function serviceAddress(subnet: string): string {
  const first = ipaddr.IPv4.networkAddressFromCIDR(subnet.split(',')[0] ?? subnet).octets;
  return [first[0] ?? 10, first[1] ?? 96, first[2] ?? 0, (first[3] ?? 0) + 1].join('.');
}
