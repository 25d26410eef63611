import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { clusterApi, clusterClient } from '../../support/cluster-client.ts';
import { type ClusterStatus, type Stack, startStack, story } from '../../support/stack.ts';

/**
 * The later life of the sample cluster: every change by applying the changed document, one after the other, with the
 * app killed in the middle of the longest.
 */
interface Changeable {
  metadata: { tags: Record<string, string> };
  spec: {
    kubernetes: { version: string };
    image: { vhd: string };
    sshKeys: string[];
    network: { api?: { allowedCidrs: string[] } };
    controlPlane: { replicas: number; vmSize: string };
    workerPools: Record<string, unknown>[];
    addOns: { name: string; manifests: string[] }[];
  };
}
let stack: Stack;
const document = parse(readFileSync(new URL('../../../samples/cluster.yaml', import.meta.url), 'utf8')) as Changeable;

beforeAll(async () => {
  stack = await startStack({ scale: 600 });
  await stack.post(document, 'sample');
  const { status } = await stack.settled('demo');
  if (status.phase !== 'Ready') throw new Error(`the sample cluster is ${status.phase}`);
}, 120_000);
afterAll(async () => stack.stop());

async function send(): Promise<void> {
  const answer = await stack.request('PUT', '/api/clusters/demo', JSON.stringify(document));
  expect([answer.status, answer.text.slice(0, 400)]).toEqual([202, expect.anything()]);
}

async function ready(): Promise<ClusterStatus> {
  const seen = await stack.settled('demo', 200_000);
  expect([seen.status.phase, seen.status.error], story(seen)).toEqual(['Ready', undefined]);
  return seen;
}

async function apply(): Promise<ClusterStatus> {
  await send();
  return ready();
}

const workers = (seen: ClusterStatus) => seen.status.nodes.filter((node) => node.role === 'worker' && node.ready);
const steps = (seen: ClusterStatus, state: string) =>
  seen.status.steps.filter((step) => step.state === state).map((step) => step.id);
const versions = async () => {
  const client = await clusterClient(stack, 'demo');
  const nodes = await client.list({ apiVersion: 'v1', kind: 'Node' });
  client.close();
  return [
    ...new Set(
      nodes.map((node) => (node['status'] as { nodeInfo: { kubeletVersion: string } }).nodeInfo.kubeletVersion),
    ),
  ];
};
const to = (version: string) => {
  document.spec.kubernetes.version = version;
  document.spec.image.vhd = document.spec.image.vhd.replace(/v1\.\d+\.\d+/, version);
};

describe('the later life of the sample cluster', () => {
  it('goes up two minor versions in a row, control plane first; the app is killed in the middle of the first', async () => {
    to('v1.34.1');
    const plan = JSON.parse((await stack.request('POST', '/api/clusters/demo/plan', JSON.stringify(document))).text);
    expect(plan).toMatchObject({ ok: true, update: { cost: { replaced: 8, surgeMachines: 4 }, refused: 0 } });
    await send();
    await stack.until('demo', (seen) => steps(seen, 'running').includes('controlPlaneScale'));
    await stack.killHost();
    await new Promise((resolve) => setTimeout(resolve, 2000));
    await stack.startHost();
    await stack.until('demo', (seen) => steps(seen, 'running').includes('workerPools'), 200_000);
    expect((await versions()).toSorted()).toEqual(['v1.33.4', 'v1.34.1']);
    await ready();
    expect(await versions()).toEqual(['v1.34.1']);
    to('v1.35.0');
    const seen = await apply();
    expect(await versions()).toEqual(['v1.35.0']);
    expect([1, 2, 3].map((zone) => seen.status.nodes.filter((node) => node.zone === String(zone)).length)).toEqual([
      3, 3, 2,
    ]);
    const images = (await stack.resources()).filter((resource) => /images\/ubuntu/.test(resource.id));
    expect(images.map((image) => image.id.split('/').at(-1))).toEqual([expect.stringContaining('v1.35.0')]);
  }, 300_000);

  it('does not jump over a minor version, and does not go back', async () => {
    const jump = structuredClone(document);
    jump.spec.kubernetes.version = 'v1.33.4';
    const refused = await stack.request('PUT', '/api/clusters/demo', JSON.stringify(jump));
    expect([refused.status, (JSON.parse(refused.text) as { code: string }).code]).toEqual([409, 'CAP-1008']);
  });

  it('replaces a pool by another size, one machine above the wanted number in each zone at a time', async () => {
    document.spec.workerPools[0]!['vmSize'] = 'Standard_D2s_v5';
    const seen = await apply();
    expect(workers(seen)).toHaveLength(5);
    expect(steps(seen, 'skipped')).toContain('controlPlaneScale');
    const client = await clusterClient(stack, 'demo');
    const templates = await client.list({
      apiVersion: 'infrastructure.cluster.x-k8s.io/v1beta1',
      kind: 'AzureMachineTemplate',
      namespace: 'demo',
      labelSelector: 'capstan.dev/template-for=demo-general-1',
    });
    client.close();
    expect(templates.map((template) => template.metadata.name)).toHaveLength(2);
  }, 200_000);

  it('changes labels and taints on running nodes, without replacing one', async () => {
    const before = workers((await stack.status('demo'))!).map((node) => node.name);
    document.spec.workerPools[0]!['labels'] = { tier: 'web' };
    document.spec.workerPools[0]!['taints'] = [{ key: 'spot', effect: 'PreferNoSchedule' }];
    const seen = await apply();
    expect(workers(seen).map((node) => node.name)).toEqual(before);
    const client = await clusterClient(stack, 'demo');
    const node = await client.get({ apiVersion: 'v1', kind: 'Node', name: before[0]! });
    client.close();
    expect(node).toMatchObject({
      metadata: { labels: { tier: 'web' } },
      spec: { taints: [{ key: 'spot', effect: 'PreferNoSchedule' }] },
    });
  }, 100_000);

  it('removes a pool while another is added, the new one first', async () => {
    document.spec.workerPools = [{ name: 'other', replicas: 3, vmSize: 'Standard_D4s_v5' }];
    const seen = await apply();
    expect(workers(seen).map((node) => node.pool)).toEqual(['other', 'other', 'other']);
    const left = (await stack.resources()).filter((resource) => resource.id.includes('demo-general'));
    expect(left).toEqual([]);
  }, 100_000);

  it('scales a pool to nothing and back, and leaves a zone', async () => {
    document.spec.workerPools[0]!['replicas'] = 0;
    expect(workers(await apply())).toEqual([]);
    document.spec.workerPools[0]!['replicas'] = 4;
    document.spec.workerPools[0]!['zones'] = ['1', '2'];
    const seen = await apply();
    expect(workers(seen).map((node) => node.zone)).toEqual(['1', '1', '2', '2']);
  }, 100_000);

  it('scales the control plane to five and to one', async () => {
    for (const replicas of [5, 1]) {
      document.spec.controlPlane.replicas = replicas;
      const seen = await apply();
      expect(seen.status.nodes.filter((node) => node.role === 'control-plane')).toHaveLength(replicas);
    }
  }, 200_000);

  it('writes changed tags onto what exists, also onto what the cluster made itself', async () => {
    document.metadata.tags = { owner: 'team-a' };
    const seen = await apply();
    expect(steps(seen, 'done')).toEqual(['preflight', 'clusterSettings', 'tags', 'finish']);
    const ours = (await stack.resources()).filter((resource) =>
      /(virtualMachines|virtualNetworks|networkInterfaces|loadBalancers)\/demo-/.test(resource.id),
    );
    expect(ours.length).toBeGreaterThan(5);
    for (const { id, tags } of ours)
      expect([id, tags?.['owner'], tags?.['department']]).toEqual([id, 'team-a', undefined]);
  }, 100_000);

  it('closes the API server to all but the named callers, and gives every node another SSH key', async () => {
    document.spec.network.api = { allowedCidrs: ['203.0.113.0/24'] };
    document.spec.sshKeys = ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFVuTm90QVJlYWxLZXlKdXN0QVNhbXBsZU9mMzJD next'];
    const seen = await apply();
    expect(steps(seen, 'done')).toContain('network');
    expect(seen.status.nodes.every((node) => node.ready)).toBe(true);
  }, 200_000);

  it('updates an add-on and takes away what it no longer has; removes another with the namespace it brought', async () => {
    const client = await clusterClient(stack, 'demo');
    const get = async (kind: string, name: string, namespace?: string) =>
      client.get({ apiVersion: 'v1', kind, name, ...(namespace === undefined ? {} : { namespace }) });
    expect(await get('Service', 'ingress-controller', 'ingress')).toBeDefined();
    const ingress = document.spec.addOns[0]!;
    ingress.manifests = [ingress.manifests[0]!.slice(0, ingress.manifests[0]!.lastIndexOf('---'))];
    document.spec.addOns = [ingress];
    await apply();
    expect(await get('Service', 'ingress-controller', 'ingress')).toBeUndefined();
    expect(await get('ServiceAccount', 'ingress-controller', 'ingress')).toBeDefined();
    expect(await get('Namespace', 'metrics')).toBeUndefined();
    client.close();
  }, 100_000);

  it('replaces the control plane for new certificates, and gives its controllers a new kubeconfig', async () => {
    const client = await clusterClient(stack, 'demo');
    const secret = async () =>
      (await client.get({ apiVersion: 'v1', kind: 'Secret', namespace: 'demo', name: 'demo-kubeconfig' }))?.['data'];
    const before = [await secret(), (await stack.status('demo'))!.status.nodes[0]!.name] as const;
    const answer = await stack.request('POST', '/api/clusters/demo/actions/renew-certificates');
    expect(answer.status).toBe(202);
    const seen = await ready();
    expect(seen.status.nodes[0]!.name).not.toBe(before[1]);
    expect(await secret()).not.toEqual(before[0]);
    expect(await client.get(clusterApi('KubeadmControlPlane', 'demo-control-plane'))).toMatchObject({
      spec: { rollout: { after: expect.stringMatching(/Z$/) } },
    });
    client.close();
  }, 100_000);

  it('leaves nothing behind when it is deleted after all that', async () => {
    await stack.request('DELETE', '/api/clusters/demo');
    await stack.until('demo', (seen) => seen.status.phase === 'Deleted');
    const left = (await stack.resources()).filter((resource) => /demo/.test(resource.id));
    expect(left.map((resource) => resource.id)).toEqual([]);
    expect(await stack.unmodelled()).toEqual([]);
  }, 100_000);
});
