import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PlanAnswer } from '#services/plan.ts';
import { armAs } from '../support/arm.ts';
import { rawManagedSample } from '../support/managed-sample.ts';
import { type ClusterStatus, type Stack, startStack, story } from '../support/stack.ts';

/** An AKS cluster through the whole app: made, changed in every way that AKS allows, and deleted without a trace. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ scale: 600, settings: { CAPSTAN_SWEEP_GRACE_SECONDS: '1' } });
});
afterAll(async () => {
  await stack.stop();
});

const system = { name: 'system', mode: 'System', replicas: 1, vmSize: 'Standard_D2s_v5' };
const apps = { name: 'apps', replicas: 2, vmSize: 'Standard_D2s_v5', labels: { tier: 'apps' } };
const path =
  '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform/providers/Microsoft.ContainerService/managedClusters/aks';
const manifest = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: hello, namespace: tools }\ndata: { a: b }\n';
const addOns = [{ name: 'hello', namespace: 'tools', manifests: [manifest] }];

async function apply(document: object): Promise<ClusterStatus> {
  const answer = await stack.request('PUT', '/api/clusters/aks', JSON.stringify(document));
  expect(answer.status, answer.text).toBe(202);
  const seen = await stack.settled('aks');
  expect(seen.status.phase, story(seen)).toBe('Ready');
  expect(
    seen.status.nodes.filter((node) => !node.ready),
    'Ready is said when the nodes are',
  ).toEqual([]);
  return seen;
}

async function plan(document: object): Promise<PlanAnswer> {
  const answer = await stack.request('POST', '/api/clusters/aks/plan', JSON.stringify(document));
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text) as PlanAnswer;
}

const azure = async (): Promise<any> =>
  (await armAs(stack.gatewayUrl)).need('GET', path, '2025-08-01') as Promise<unknown>;
const signs = (answer: PlanAnswer) => Object.fromEntries(answer.resources.map((row) => [row.key, row.action]));

describe('an AKS cluster', () => {
  let seeded: readonly string[];

  it('is planned, made as planned, and its kubeconfig comes from AKS at each call', async () => {
    seeded = (await stack.resources()).map(({ id }) => id).toSorted((a, b) => a.localeCompare(b));
    const document = rawManagedSample({ nodePools: [system, apps], addOns });
    const planned = await plan(document);
    expect([planned.ok, signs(planned)]).toEqual([
      true,
      {
        virtualNetwork: '+',
        identity: '+',
        networkRole: '+',
        managedCluster: '+',
        'pool-system': '+',
        'pool-apps': '+',
      },
    ]);
    expect(planned.criticalPath).toEqual(['virtualNetwork', 'identity', 'networkRole', 'managedCluster']);
    const seen = await apply(document);
    expect(seen.status.steps.map(({ id, state }) => `${id} ${state}`)).toEqual(
      ['preflight', 'network', 'identity', 'managedCluster', 'nodePools', 'addOns', 'finish'].map((id) => `${id} done`),
    );
    expect(seen.status.nodes.map(({ pool, ready }) => [pool, ready])).toEqual([
      ['apps', true],
      ['apps', true],
      ['system', true],
    ]);
    expect(seen.status.endpoints.api).toMatch(/^https:\/\/aks-.*\.azmk8s\.io:443$/);
    for (const role of ['admin', 'user']) {
      const kubeconfig = await stack.request('GET', `/api/clusters/aks/kubeconfig?role=${role}`);
      expect([kubeconfig.status, kubeconfig.headers.get('cache-control')]).toEqual([200, 'no-store']);
      expect(kubeconfig.text).toContain(`proxy-url: ${stack.gatewayUrl}`);
    }
    expect((await stack.request('GET', '/api/clusters/aks/kubeconfig?role=viewer')).status).toBe(422);
    expect(signs(await plan(document))).toEqual({
      virtualNetwork: '=',
      identity: '=',
      networkRole: '=',
      managedCluster: '=',
      'pool-system': '=',
      'pool-apps': '=',
    });
  });

  it('is upgraded, control plane first, while pools scale, come and go', async () => {
    const changed = rawManagedSample(
      {
        kubernetes: { version: 'v1.34.2' },
        managedControlPlane: { sku: { tier: 'Free' }, autoUpgradeProfile: { upgradeChannel: 'patch' } },
        nodePools: [
          { ...system, autoscaling: { min: 1, max: 3 } },
          { name: 'batch', replicas: 0, vmSize: 'Standard_D2s_v5', taints: [{ key: 'batch', effect: 'NoSchedule' }] },
        ],
        addOns,
      },
      'aks',
      { owner: 'ops' },
    );
    const planned = await plan(changed);
    expect(signs(planned)).toMatchObject({ managedCluster: '~', 'pool-system': '~', 'pool-batch': '+' });
    const before = (await stack.requests()).length;
    const seen = await apply(changed);
    expect(seen.status.steps.find(({ id }) => id === 'poolRemovals')?.state).toBe('done');
    const { properties, sku, tags } = await azure();
    expect(properties).toMatchObject({
      currentKubernetesVersion: '1.34.2',
      autoUpgradeProfile: { upgradeChannel: 'patch' },
    });
    expect([sku.tier, tags.owner]).toEqual(['Free', 'ops']);
    expect(
      properties.agentPoolProfiles.map((pool: any) => [
        pool.name,
        pool.count,
        pool.currentOrchestratorVersion,
        pool.enableAutoScaling,
      ]),
    ).toEqual([
      ['system', 1, '1.34.2', true],
      ['batch', 0, '1.34.2', false],
    ]);
    const writes = (await stack.requests())
      .slice(before)
      .filter(({ method, path: at }) => ['PUT', 'DELETE'].includes(method) && /managedClusters/i.test(at))
      .map(({ method, path: at }) => `${method} ${at.split('?')[0]?.split('/').at(-1)}`);
    expect(writes).toEqual(['PUT aks', 'PUT system', 'PUT system', 'PUT batch', 'DELETE apps']);
  });

  it('refuses with a code what AKS cannot change', async () => {
    const base = { kubernetes: { version: 'v1.34.2' }, addOns };
    const refused = async (spec: object): Promise<[number, string]> => {
      const body = JSON.stringify(rawManagedSample({ ...base, ...spec }));
      const answer = await stack.request('PUT', '/api/clusters/aks', body);
      return [answer.status, (JSON.parse(answer.text) as { code: string }).code];
    };
    expect(await refused({ kubernetes: { version: 'v1.33.5' } })).toEqual([409, 'CAP-1008']);
    expect(await refused({ nodePools: [{ ...system, vmSize: 'Standard_D4s_v5' }] })).toEqual([422, 'CAP-1010']);
    expect(await refused({ network: { plugin: 'kubenet' } })).toEqual([422, 'CAP-1010']);
  });

  it('is deleted with its nodes, their group, and everything that was made around it', async () => {
    expect((await stack.request('DELETE', '/api/clusters/aks')).status).toBe(202);
    const deleted = await stack.until('aks', (seen) => seen.status.phase === 'Deleted');
    expect(deleted.status.inventory.map(({ state }) => state)).toEqual(deleted.status.inventory.map(() => 'deleted'));
    expect((await stack.resources()).map(({ id }) => id).toSorted((a, b) => a.localeCompare(b))).toEqual(seeded);
    expect(await stack.unmodelled()).toEqual([]);
  });
});
