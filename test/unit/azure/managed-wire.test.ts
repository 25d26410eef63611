import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Azure, createAzure, type EnsureDone } from '#azure/index.ts';
import { planManagedCluster } from '#domain/managed/plan.ts';
import type { ManagedDocument, ManagedPlan } from '#domain/managed/types.ts';
import { createArm } from '#local/azure/azure.ts';
import { composeSimulator, type Simulator } from '#local/simulator/compose.ts';
import { armAs, ownerClientId } from '../../support/arm.ts';
import { managedSample } from '../../support/managed-sample.ts';

/** Every body as the SDK sends it, against the rules of AKS as the simulated Azure holds them. */
let simulator: Simulator;
let azure: Azure;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'capstan-aks-wire-'));
  simulator = await composeSimulator(
    { port: 0, dataDirectory: directory, timeScale: 20_000, throttle: false },
    {
      createControlPlane: createArm,
      createMachines: () => ({
        start: () => undefined,
        stop: () => undefined,
        serialConsole: () => '',
        listeningPort: () => undefined,
        clusters: () => [],
        close: () => undefined,
      }),
    },
  );
  process.env['IDENTITY_ENDPOINT'] = `${simulator.url}/msi/token`;
  process.env['IDENTITY_HEADER'] = 'x';
  azure = createAzure({ environment: 'public', gatewayUrl: simulator.url, managedIdentityClientId: ownerClientId });
});
afterAll(async () => {
  await simulator.close();
  rmSync(directory, { recursive: true, force: true });
});

async function planOf(document: ManagedDocument, removedTags?: readonly string[]): Promise<ManagedPlan> {
  const read = await azure.surveyManaged(document);
  if (read.status !== 'done' || read.value.facts === undefined) throw new Error(JSON.stringify(read));
  const { facts } = read.value;
  const plan = planManagedCluster(document, facts, 'c0ffee00-0000-4000-8000-000000000003', removedTags);
  const checked = await azure.preflightManaged(plan, facts);
  expect(checked.status === 'done' && checked.value.checks.filter(({ ok }) => !ok)).toEqual([]);
  return plan;
}

/** @returns what became of each resource */
async function ensureAll(plan: ManagedPlan): Promise<Record<string, EnsureDone['action']>> {
  const done: Record<string, EnsureDone> = {};
  for (const resource of plan.resources) {
    let poller: string | undefined;
    for (let tries = 0; done[resource.key] === undefined; tries++) {
      const outputs = Object.fromEntries(Object.entries(done).map(([key, outcome]) => [key, outcome.outputs]));
      const outcome = await azure.ensure({ plan, resource, outputs, ...(poller === undefined ? {} : { poller }) });
      if (outcome.status === 'failed' || tries > 500) throw new Error(`${resource.key}: ${JSON.stringify(outcome)}`);
      if (outcome.status === 'done') done[resource.key] = outcome;
      else {
        ({ poller } = outcome);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }
  return Object.fromEntries(Object.entries(done).map(([key, { action }]) => [key, action]));
}

const system = { name: 'system', mode: 'System', replicas: 1, vmSize: 'Standard_D2s_v5' };
const small = (name: string, more: object = {}) => ({ name, replicas: 0, vmSize: 'Standard_D2s_v5', ...more });
const workspace = '/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w';
const channels = ['none', 'patch', 'stable', 'rapid', 'node-image'];

describe('AKS takes what Capstan sends', () => {
  it.each<[string, object]>([
    ...channels.map((upgradeChannel, index): [string, object] => [
      `channel ${upgradeChannel}`,
      { managedControlPlane: { sku: index % 2 === 0 ? 'Free' : 'Standard', autoUpgradeProfile: { upgradeChannel } } },
    ]),
    ['private', { network: { api: { exposure: 'private' } } }],
    ['kubenet', { network: { plugin: 'kubenet', policy: 'calico' } }],
    ['nodesubnet', { network: { pluginMode: 'nodeSubnet' } }],
    [
      'everything',
      {
        sshKeys: ['ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ== ops'],
        managedControlPlane: {
          aadProfile: { adminGroupObjectIDs: ['99999999-9999-4999-8999-999999999999'] },
          disableLocalAccounts: true,
          workloadIdentity: true,
          addonProfiles: {
            azurepolicy: { enabled: true },
            omsagent: { enabled: true, config: { logAnalyticsWorkspaceResourceID: workspace } },
          },
        },
        network: { api: { allowedCidrs: ['203.0.113.0/24'] } },
        nodePools: [
          { ...system, zones: ['1', '2'] },
          small('win', { osType: 'Windows', osSku: 'Windows2022' }),
          small('auto', { autoscaling: { min: 0, max: 3 }, labels: { a: 'b' }, maxSurge: '2' }),
          small('old', { taints: [{ key: 'a', value: 'b', effect: 'NoSchedule' }], maxPods: 40 }),
        ],
      },
    ],
    [
      'static',
      {
        network: {
          placement: 'static',
          resourceGroup: 'network',
          virtualNetwork: 'corp-vnet',
          subnet: 'corp-workers',
          outbound: 'userDefinedRouting',
        },
        proxy: { httpProxy: 'http://10.60.0.9:3128', noProxy: ['.corp'] },
      },
    ],
  ])('%s, and asks for nothing more afterwards', async (what, spec) => {
    const document = managedSample(spec, `aks-${what.replaceAll(' ', '-')}`);
    const plan = await planOf(document);
    expect((await ensureAll(plan))['managedCluster']).toBe('created');
    const again = await ensureAll(plan);
    expect(Object.entries(again).filter(([, action]) => action !== 'exists')).toEqual([]);
    const arm = await armAs(simulator.url);
    const { properties } = (await arm.need('GET', plan.managed.id, '2025-08-01')) as { properties: { fqdn?: string } };
    expect(properties.fqdn === undefined).toBe(document.spec.network.api.exposure === 'private');
  });

  it('says what AKS does not offer before anything is made', async () => {
    const refused = async (spec: object) => {
      const document = managedSample(spec, 'aks-refused');
      const read = await azure.surveyManaged(document);
      if (read.status !== 'done') throw new Error(JSON.stringify(read));
      const { facts, checks } = read.value;
      if (facts === undefined) return checks.flatMap(({ error }) => error?.code ?? []);
      const plan = planManagedCluster(document, facts, 'c0ffee00-0000-4000-8000-000000000004');
      const checked = await azure.preflightManaged(plan, facts);
      return checked.status === 'done' ? checked.value.checks.flatMap(({ error }) => error?.code ?? []) : [];
    };
    expect(await refused({ kubernetes: { version: 'v1.29.1' } })).toEqual(['CAP-2101']);
    expect(await refused({ nodePools: [{ ...system, vmSize: 'Standard_D1_v2' }] })).toEqual(['CAP-2003']);
    const quota = { location: 'westeurope', family: 'standardDSv5Family', limit: 30 };
    await fetch(`${simulator.url}/_simulator/faults`, { method: 'POST', body: JSON.stringify({ quota }) });
    expect(await refused({ nodePools: [{ ...system, replicas: 40 }] })).toEqual(['CAP-2005']);
    expect(await refused({ network: { cidrs: { subnet: '10.224.0.0/30' } } })).toEqual(['CAP-2009']);
    const elsewhere = { placement: 'static', resourceGroup: 'network', virtualNetwork: 'corp-vnet', subnet: 'none' };
    expect(await refused({ network: elsewhere })).toEqual(['CAP-2009']);
  });
});
