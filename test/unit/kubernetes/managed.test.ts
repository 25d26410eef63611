import { mkdtempSync, rmSync } from 'node:fs';
import https from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse } from 'yaml';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createWallClock } from '#local/azure/clock.ts';
import type { ManagedCluster, ManagedNode } from '#local/azure/machines.ts';
import { createMachineHost, type SimulatedMachines } from '#local/kubernetes/machines.ts';

const ID = '/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/aks';
const HOST = 'aks-12345678.hcp.westeurope.azmk8s.io';

let directory: string;
let host: SimulatedMachines;

const open = () =>
  createMachineHost(
    { gatewayUrl: 'http://127.0.0.1:1', resolveLoadBalancer: () => undefined, clock: createWallClock(1000) },
    { directory },
  );

beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'managed-'));
  host = open();
});

afterEach(() => {
  host.close();
  rmSync(directory, { recursive: true, force: true });
});

const node = (name: string, image = 'AKSUbuntu/1.34.1'): ManagedNode => ({
  machine: {
    id: `${ID}/${name}`,
    name,
    computerName: name,
    subscriptionId: 's',
    resourceGroup: 'mc',
    location: 'westeurope',
    zone: '1',
    vmSize: 'Standard_D2s_v5',
    cores: 2,
    memoryGiB: 8,
    customData: '',
    imageReference: image,
    identityIds: [],
    privateIp: '10.224.0.4',
    backendPoolIds: [],
    dataDisks: [],
    tags: {},
  },
  labels: { agentpool: 'system' },
  taints: [],
});

const cluster = (nodes: readonly ManagedNode[], running = true): ManagedCluster => ({
  id: ID,
  name: 'aks',
  host: HOST,
  kubernetesVersion: 'v1.34.1',
  serviceCidr: '10.0.0.0/16',
  running,
  nodes,
});

interface Kubeconfig {
  clusters: { cluster: { server: string; 'certificate-authority-data': string } }[];
  users: { user: { 'client-certificate-data': string; 'client-key-data': string } }[];
}

/** Asks the API server with the administrator's kubeconfig, as kubectl does: CA and client certificate are checked. */
async function nodesSeen(): Promise<string[]> {
  const config = parse(host.managedClusters?.kubeconfig(ID, 'clusterAdmin') ?? '') as Kubeconfig;
  const decode = (text = '') => Buffer.from(text, 'base64').toString();
  const [user, own] = [config.users[0]?.user, config.clusters[0]?.cluster];
  expect(own?.server).toBe(`https://${HOST}:443`);
  const options = {
    host: '127.0.0.1',
    port: host.listeningPort(ID, 443),
    servername: HOST,
    path: '/api/v1/nodes',
    ca: decode(own?.['certificate-authority-data']),
    cert: decode(user?.['client-certificate-data']),
    key: decode(user?.['client-key-data']),
    agent: false,
  } as const;
  const body = await new Promise<string>((done, fail) => {
    https
      .get(options, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => done(text));
      })
      .on('error', fail);
  });
  const { items } = JSON.parse(body) as {
    items: { metadata: { name: string }; status: { nodeInfo: { kubeletVersion: string } } }[];
  };
  return items.map(({ metadata, status }) => `${metadata.name} ${status.nodeInfo.kubeletVersion}`).toSorted();
}

const settled = (expected: readonly string[]) =>
  vi.waitFor(async () => expect(await nodesSeen()).toEqual(expected), { timeout: 20_000, interval: 50 });

test('the kubeconfig of a managed cluster opens its API; nodes follow the pools, upgrades and a restart', async () => {
  host.managedClusters?.apply(cluster([node('a'), node('b')]));
  await settled(['a v1.34.1', 'b v1.34.1']);
  const before = host.managedClusters?.kubeconfig(ID, 'clusterAdmin');
  host.managedClusters?.apply(cluster([node('a', 'AKSUbuntu/1.34.2')]));
  await settled(['a v1.34.2']);
  host.close();
  host = open();
  host.managedClusters?.apply(cluster([node('a', 'AKSUbuntu/1.34.2')]));
  await settled(['a v1.34.2']);
  expect(host.managedClusters?.kubeconfig(ID, 'clusterAdmin')).toBe(before);
  host.managedClusters?.remove(ID);
  expect(host.managedClusters?.kubeconfig(ID, 'clusterAdmin')).toBeUndefined();
  expect(host.listeningPort(ID, 443)).toBeUndefined();
});
