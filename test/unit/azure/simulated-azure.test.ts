import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAzure, type Azure, type AzureSettings, type EnsureDone, type RemoveOutcome } from '#azure/index.ts';
import { Secret } from '#domain/secret.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { Outcome } from '#domain/outcome.ts';
import { planCluster } from '#domain/plan/plan.ts';
import { createArm } from '#local/azure/azure.ts';
import { composeSimulator, type Simulator } from '#local/simulator/compose.ts';
import { armAs, assignRole, makeIdentity, ownerClientId, simulatedSubscription } from '../../support/arm.ts';
import { sampleDocument } from '../../support/sample-plan.ts';

const uid = 'c0ffee00-0000-4000-8000-000000000001';
let simulator: Simulator;
let arm: ReturnType<typeof createArm>;
let azure: Azure;
let directory: string;
const booted: string[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'capstan-azure-sim-'));
  simulator = await composeSimulator(
    { port: 0, dataDirectory: directory, timeScale: 2000, throttle: false },
    {
      createControlPlane: (options) => (arm = createArm(options)),
      createMachines: () => ({
        start: (machine) => void booted.push(machine.customData),
        stop: () => undefined,
        serialConsole: () => 'kubeadm init: done',
        listeningPort: () => undefined,
        clusters: () => [],
        close: () => undefined,
      }),
    },
  );
  process.env['IDENTITY_ENDPOINT'] = `${simulator.url}/msi/token`;
  process.env['IDENTITY_HEADER'] = 'x';
  azure = createAzure(settings());
});
afterAll(async () => {
  await simulator.close();
  rmSync(directory, { recursive: true, force: true });
});

const settings = (): AzureSettings => ({
  environment: 'public',
  gatewayUrl: simulator.url,
  managedIdentityClientId: ownerClientId,
  keyVaultUri: 'https://capstan-kv.vault.azure.net',
});

function value<Value extends object>(outcome: Outcome<Value>): Value {
  if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome));
  return outcome.value;
}
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function ensureAll(plan: ClusterPlan): Promise<Map<string, EnsureDone>> {
  const finished = new Map<string, EnsureDone>();
  for (const resource of plan.resources) {
    if (resource.kind === 'image') {
      const copy = value(await azure.copy.plan(plan));
      for (const slice of copy.slices) value(await azure.copy.slice(plan, copy, slice));
      if (!copy.complete) value(await azure.copy.finish(plan, copy));
    }
    const outputs = Object.fromEntries([...finished].map(([key, outcome]) => [key, outcome.outputs]));
    let poller: string | undefined;
    for (let tries = 0; ; tries++) {
      const outcome = await azure.ensure({
        plan,
        resource,
        outputs,
        customData: new Secret('#cloud-config'),
        ...(poller === undefined ? {} : { poller }),
      });
      if (outcome.status === 'failed' || tries > 60) throw new Error(`${resource.key}: ${JSON.stringify(outcome)}`);
      if (outcome.status === 'done') {
        finished.set(resource.key, outcome);
        break;
      }
      poller = outcome.poller;
      await pause(Math.min(60, (outcome.retryAfter * 1000) / 2000 + 2));
    }
  }
  return finished;
}

/** Somebody changes a rule and takes a tag away. */
async function meddle(plan: ClusterPlan): Promise<void> {
  const owner = await armAs(simulator.url);
  const id = (key: string) => plan.resources.find((resource) => resource.key === key)!.id;
  const version = '2025-05-01';
  const group = (await owner.need('GET', id('controlPlaneSecurityGroup'), version)) as {
    properties: { securityRules: { name: string; properties: { destinationPortRange: string } }[] };
  };
  group.properties.securityRules.find((rule) => rule.name === 'allow_apiserver')!.properties.destinationPortRange = '1';
  await owner.need('PUT', id('controlPlaneSecurityGroup'), version, group);
  const table = (await owner.need('GET', id('routeTable'), version)) as { tags: Record<string, string> };
  delete table.tags['department'];
  await owner.need('PUT', id('routeTable'), version, table);
  const state = async (key: string) =>
    ((await owner.need('GET', id(key), version)) as { properties: { provisioningState: string } }).properties
      .provisioningState;
  for (const key of ['controlPlaneSecurityGroup', 'routeTable'])
    await expect.poll(async () => state(key), { interval: 5 }).toBe('Succeeded');
}

/** The app under an identity that may read everything and write nothing. */
async function asReader(): Promise<Azure> {
  const owner = await armAs(simulator.url);
  const { clientId, principalId } = await makeIdentity(owner, 'reader');
  await assignRole(owner, principalId, 'acdd72a7-3385-48ef-bd42-f606fba81ae7', simulatedSubscription);
  // Assignments take effect after a while, as in Azure.
  await pause(700);
  return createAzure({ ...settings(), managedIdentityClientId: clientId });
}

async function remove(id: string, kind: never, clusterName = 'demo'): Promise<RemoveOutcome> {
  let poller: string | undefined;
  for (let tries = 0; tries < 100; tries++) {
    const outcome = await azure.remove({ id, kind, clusterName, ...(poller === undefined ? {} : { poller }) });
    if (outcome.status !== 'wait') return outcome;
    poller = outcome.poller;
    await pause(Math.min(60, (outcome.retryAfter * 1000) / 2000 + 2));
  }
  throw new Error(`${id} is not gone`);
}

describe('the sample cluster on the simulated Azure', () => {
  const document = sampleDocument();

  it('is read, checked, built, found again, and taken away', { timeout: 60_000 }, async () => {
    const { facts } = value(await azure.readFacts(document, uid));
    expect(facts).toMatchObject({
      tenantId: '11111111-1111-4111-8111-111111111111',
      regionZones: ['1', '2', '3'],
      storageAccountExists: false,
    });
    expect(facts.imageSource).toMatchObject({ kubernetesVersion: 'v1.33.4' });
    const plan = planCluster(document, facts, uid);
    const before = simulator.log.entries().length;
    const report = value(await azure.preflight(plan, facts));
    expect(report.checks.filter((check) => !check.ok)).toEqual([]);
    expect(report.resources.every((resource) => resource.action === '+')).toBe(true);
    expect(report.sentence).toMatch(/^\d+ checks · \d+ resources to create · about \d+ m on Azure$/);
    expect(
      simulator.log
        .entries()
        .slice(before)
        .filter((entry) => entry.method !== 'GET'),
    ).toEqual([]);

    const built = await ensureAll(plan);
    expect([...built.values()].every((outcome) => outcome.action === 'created')).toBe(true);
    expect(booted).toEqual(['#cloud-config']);
    const vm = built.get('virtualMachine')!.id;
    expect(await azure.instanceView(vm)).toMatchObject({ exists: true, powerState: 'running' });
    expect(await azure.serialConsole(vm)).toContain('kubeadm init');
    expect(await azure.instanceView(`${vm}x`)).toEqual({ exists: false, problems: [] });

    // Grants carry no tags: they are found by their identity, whatever the inventory knows of them.
    const grants = (await azure.findOwned(plan)).filter((found) => found.kind === 'roleAssignment');
    expect(new Set(grants.map((grant) => grant.id))).toEqual(
      new Set(['groupRole', 'subscriptionRole'].map((key) => built.get(key)!.id)),
    );

    const again = await ensureAll(plan);
    expect(
      [...again.values()]
        .map((outcome) => `${outcome.id.split('/').at(-2)} ${outcome.action}`)
        .filter((line) => !line.endsWith('exists')),
    ).toEqual([]);
    const second = value(await azure.preflight(plan, facts));
    expect(second.checks.filter((check) => !check.ok)).toEqual([]);
    expect(second.resources.filter((resource) => resource.action !== '=')).toEqual([]);
    expect(second.resources.filter((resource) => resource.key === 'groupRole')).toMatchObject([{ action: '=' }]);

    await meddle(plan);
    const third = value(await azure.preflight(plan, facts));
    expect(third.resources.filter((resource) => resource.action !== '=')).toMatchObject([
      {
        key: 'controlPlaneSecurityGroup',
        action: '~',
        differs: ['securityRules[allow_apiserver].destinationPortRange'],
        seconds: 5,
      },
      { key: 'routeTable', action: '~', differs: ['tags[department]'] },
    ]);
    expect(third).toMatchObject({ change: 2, create: 0, sentence: expect.stringContaining(', 2 to change ·') });
    // What the plan calls different is what an apply writes, and nothing else.
    const mended = await ensureAll(plan);
    expect(
      [...mended].filter(([, { action }]) => action !== 'exists').map(([key, { action }]) => [key, action]),
    ).toEqual([
      ['controlPlaneSecurityGroup', 'updated'],
      ['routeTable', 'updated'],
    ]);
    expect(arm.control.unmodelled()).toEqual([]);

    for (const resource of plan.resources.toReversed()) {
      const outcome = await remove(built.get(resource.key)!.id, resource.kind as never);
      expect(outcome, resource.key).toMatchObject({ status: 'done', action: expect.stringMatching(/deleted|absent/) });
    }
    const left = arm.control.resources().filter((resource) => JSON.stringify(resource).includes('demo'));
    expect(left).toEqual([]);
  });

  it('is refused before anything is written when something is wrong', async () => {
    const missing = sampleDocument({
      azure: { subscriptionId: document.spec.azure.subscriptionId, location: 'westeurope', resourceGroup: 'nowhere' },
    });
    expect(await azure.readFacts(missing, uid)).toMatchObject({ status: 'failed', error: { code: 'CAP-2001' } });
    const inside = sampleDocument({ image: { vhd: 'https://169.254.169.254/a.vhd' } });
    expect(await azure.readFacts(inside, uid)).toMatchObject({ status: 'failed', error: { code: 'CAP-1007' } });
    const gone = sampleDocument({ image: { vhd: 'https://capstanimages.blob.core.windows.net/images/none.vhd' } });
    expect(await azure.readFacts(gone, uid)).toMatchObject({ status: 'failed', error: { code: 'CAP-2012' } });
  });

  it('says which quota, which size and which zone', async () => {
    const { facts } = value(await azure.readFacts(document, uid));
    arm.control.faults.add({ quota: { location: 'westeurope', family: 'standardDSv5Family', limit: 10 } });
    const report = value(await azure.preflight(planCluster(document, facts, uid), facts));
    const failed = report.checks.filter((check) => !check.ok);
    expect(failed).toMatchObject([{ id: 'quota:standardDSv5Family', error: { code: 'CAP-2005' } }]);
    expect(failed[0]?.error?.remedy).toMatch(/at least \d+/);
    arm.control.faults.clear();
  });

  it('tells every obstacle together, before there is a plan', async () => {
    const bad = sampleDocument({
      azure: { subscriptionId: document.spec.azure.subscriptionId, location: 'westeurope', resourceGroup: 'nowhere' },
      image: { vhd: 'https://capstanimages.blob.core.windows.net/images/none.vhd' },
      storage: { account: 'doesnotexist0' },
    });
    const { facts, checks } = value(await azure.survey(bad, uid));
    expect(facts).toBeUndefined();
    expect(checks.map((check) => [check.id, check.ok ? 'ok' : check.error?.code])).toEqual([
      ['resourceGroup', 'CAP-2001'],
      ['region', 'ok'],
      ['imageSource', 'CAP-2012'],
      ['storageAccount', 'CAP-2010'],
    ]);
    expect(checks.filter((check) => !check.ok && check.error?.remedy === undefined)).toEqual([]);
  });

  it('names what the identity may not do, at which scope', async () => {
    const { facts } = value(await azure.readFacts(document, uid));
    const plan = planCluster(document, facts, uid);
    const reader = await asReader();
    const report = value(await reader.preflight(plan, facts));
    const failed = new Map(report.checks.filter((check) => !check.ok).map((check) => [check.id, check.error]));
    expect([...failed.keys()]).toEqual(['permissions', 'keyVault', 'dataRole']);
    expect(failed.get('permissions')).toMatchObject({ code: 'CAP-2008' });
    expect(failed.get('permissions')?.remedy).toMatch(/virtualMachines\/write.* at \/subscriptions\/.*platform/);
    expect(failed.get('permissions')?.remedy).not.toContain('virtualMachines/read');
    expect(failed.get('dataRole')?.remedy).toContain('Storage Blob Data Contributor');
  });

  it('keeps secrets, and lets one of two writers win', async () => {
    const { secrets } = azure;
    expect(await secrets.get('demo-none')).toBeUndefined();
    await secrets.set('demo-a', new Secret('one'), { cluster: 'demo' });
    expect((await secrets.get('demo-a'))?.reveal()).toBe('one');
    const [first, second] = await Promise.all([
      secrets.setIfAbsent('demo-b', new Secret('x'), {}),
      secrets.setIfAbsent('demo-b', new Secret('y'), {}),
    ]);
    expect(first.reveal()).toBe(second.reveal());
    expect((await secrets.get('demo-b'))?.reveal()).toBe(first.reveal());
    expect((await secrets.setIfAbsent('demo-a', new Secret('two'), {})).reveal()).toBe('one');
    await secrets.remove('demo-a');
    expect(await secrets.get('demo-a')).toBeUndefined();
    await pause(30);
    expect(await secrets.remove('demo-a')).toEqual({ purged: true });
  });

  it('reads the network of static placement and a region without zones', async () => {
    const network = {
      placement: 'static',
      resourceGroup: 'network',
      virtualNetwork: 'corp-vnet',
      controlPlaneSubnet: 'corp-control-plane',
      workerSubnet: 'corp-workers',
    };
    const document = sampleDocument({ network }, 'corp');
    const { facts } = value(await azure.readFacts(document, uid));
    expect(facts.staticNetwork).toMatchObject({
      cidrs: ['10.60.0.0/16'],
      workerSubnet: { name: 'corp-workers', cidr: '10.60.1.0/24' },
    });
    const plan = planCluster(document, facts, uid);
    expect(value(await azure.preflight(plan, facts)).checks.filter((check) => !check.ok)).toEqual([]);
    const writes = () =>
      simulator.log.entries().filter((entry) => entry.method !== 'GET' && entry.path.includes('corp-vnet')).length;
    const resource = plan.resources.find((candidate) => candidate.key === 'virtualNetwork')!;
    expect(await azure.ensure({ plan, resource, outputs: {} })).toMatchObject({ status: 'done', action: 'exists' });
    expect(writes()).toBe(0);
    const wrong = sampleDocument({ network: { ...network, workerSubnet: 'nope' } }, 'corp');
    expect(await azure.readFacts(wrong, uid)).toMatchObject({
      status: 'failed',
      error: { code: 'CAP-2009', cause: expect.stringContaining('corp-workers') },
    });

    const noZones = sampleDocument(
      {
        azure: {
          subscriptionId: sampleDocument().spec.azure.subscriptionId,
          location: 'northcentralus',
          resourceGroup: 'nozones',
        },
      },
      'flat',
    );
    const flat = value(await azure.readFacts(noZones, uid)).facts;
    expect(flat.regionZones).toEqual([]);
    expect(
      value(await azure.preflight(planCluster(noZones, flat, uid), flat)).checks.filter((check) => !check.ok),
    ).toEqual([]);
  });

  it('checks an account of the user, and names what does not fit', async () => {
    const own = (storage: Record<string, unknown>) => sampleDocument({ storage }, 'own');
    const { facts } = value(
      await azure.readFacts(own({ account: 'corpimages0001', resourceGroup: 'storage', container: 'images' }), uid),
    );
    expect(facts).toMatchObject({ storageAccountName: 'corpimages0001', storageAccountExists: true });
    const good = planCluster(
      own({ account: 'corpimages0001', resourceGroup: 'storage', container: 'images' }),
      facts,
      uid,
    );
    expect(value(await azure.preflight(good, facts)).checks.filter((check) => !check.ok)).toEqual([]);
    const bad = planCluster(
      own({ account: 'corpimages0001', resourceGroup: 'storage', container: 'missing' }),
      facts,
      uid,
    );
    expect(value(await azure.preflight(bad, facts)).checks.filter((check) => !check.ok)).toMatchObject([
      { id: 'ownContainer', error: { code: 'CAP-2010' } },
    ]);
    expect(await azure.readFacts(own({ account: 'doesnotexist0' }), uid)).toMatchObject({
      status: 'failed',
      error: { code: 'CAP-2010' },
    });
  });

  it('checks an image of a gallery, and makes no storage for it', async () => {
    const id =
      '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform/providers/Microsoft.Compute/galleries/g/images/i/versions/1.0.0';
    const document = sampleDocument({ image: { gallery: { id } } }, 'gal');
    const { facts } = value(await azure.readFacts(document, uid));
    expect(facts.imageSource).toBeUndefined();
    const plan = planCluster(document, facts, uid);
    expect(plan.resources.some((resource) => resource.kind === 'storageAccount')).toBe(false);
    const failed = value(await azure.preflight(plan, facts)).checks.filter((check) => !check.ok);
    expect(failed).toMatchObject([{ id: 'galleryImage', error: { code: 'CAP-2016', where: id } }]);
  });

  it('says what is not registered, not offered and not allowed by policy', async () => {
    const { facts } = value(await azure.readFacts(document, uid));
    const plan = planCluster(document, facts, uid);
    arm.control.faults.add({ provider: { namespace: 'Microsoft.Compute', registered: false } });
    const report = value(await azure.preflight(plan, facts));
    expect(report.checks.filter((check) => !check.ok)).toMatchObject([
      {
        id: 'provider:Microsoft.Compute',
        error: { code: 'CAP-2007', remedy: expect.stringContaining('az provider register') },
      },
    ]);
    expect(report.sentence).toMatch(/1 of \d+ checks failed · nothing was created/);
    arm.control.faults.clear();
    arm.control.faults.add({
      policy: {
        name: 'no-route-tables',
        effect: 'deny',
        type: 'Microsoft.Network/routeTables',
        property: 'location',
        equals: 'westeurope',
      },
    });
    const denied = value(await azure.preflight(plan, facts)).checks.filter((check) => !check.ok);
    expect(denied).toMatchObject([
      { id: 'policy', error: { code: 'CAP-2019', cause: expect.stringContaining('demo-node-routetable') } },
    ]);
    expect(denied[0]?.error?.remedy).toContain('policyAssignments/no-route-tables');
    const resource = plan.resources.find((candidate) => candidate.key === 'routeTable')!;
    const outcome = await azure.ensure({ plan, resource, outputs: {} });
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-3002' } });
    expect(JSON.stringify(outcome)).toContain('no-route-tables');
    arm.control.faults.clear();
  });

  it.each([
    { kind: 'status', status: 503, code: 'ServiceUnavailable', message: 'try later' },
    { kind: 'status', status: 429, code: 'TooManyRequests', message: 'slow down' },
    { kind: 'reset-before' },
    { kind: 'reset-after' },
    { kind: 'truncate' },
  ])('builds the network in spite of $kind $status at one call in three', { timeout: 60_000 }, async (action) => {
    const name = `storm-${action.kind}-${action.status ?? ''}`.replaceAll(/-+$/g, '');
    const document = sampleDocument({}, name);
    const { facts } = value(await azure.readFacts(document, uid));
    const whole = planCluster(document, facts, uid);
    const plan = {
      ...whole,
      resources: whole.resources.filter((resource) => resource.step === 'network' || resource.step === 'identity'),
    };
    arm.control.faults.add({ match: { path: name, probability: 0.33 }, times: 40, action });
    arm.control.faults.add({ match: { path: '/operations/', probability: 0.33 }, times: 20, action });
    const built = await ensureAll(plan);
    const applied = [...JSON.stringify(arm.control.faults.list()).matchAll(/"applied":(\d+)/g)];
    expect(applied.reduce((sum, [, count]) => sum + Number(count), 0)).toBeGreaterThan(4);
    arm.control.faults.clear();
    expect([...built.keys()]).toEqual(plan.resources.map((resource) => resource.key));
    const again = await ensureAll(plan);
    expect([...again.values()].every((outcome) => outcome.action === 'exists')).toBe(true);
  });
});

describe('a zone without room', () => {
  const document = sampleDocument();
  const size = document.spec.controlPlane.vmSize;

  it('sends the first machine to the next zone, and tells which it was', { timeout: 60_000 }, async () => {
    const { facts } = value(await azure.readFacts(document, uid));
    const plan = planCluster(document, facts, uid);
    expect(plan.controlPlane.zone).toBe('1');
    arm.control.faults.add({ capacity: { size, location: 'westeurope', zones: ['1', '2'] } });
    const built = await ensureAll(plan);
    arm.control.faults.clear();
    expect(built.get('virtualMachine')?.outputs).toMatchObject({ zone: '3' });
    const machines = arm.control.resources().filter((resource) => resource.type.endsWith('/virtualMachines'));
    expect(machines.map((machine) => machine.zones)).toEqual([['3']]);
    const again = await ensureAll(plan);
    expect(again.get('virtualMachine')).toMatchObject({ action: 'exists', outputs: { zone: '3' } });
    expect(arm.control.unmodelled()).toEqual([]);
    for (const resource of plan.resources.toReversed())
      await remove(built.get(resource.key)!.id, resource.kind as never);
  });

  it('is named with the others when no zone has room', { timeout: 60_000 }, async () => {
    const { facts } = value(await azure.readFacts(document, uid));
    const plan = planCluster(document, facts, uid);
    arm.control.faults.add({ capacity: { size, location: 'westeurope' } });
    const message = await ensureAll(plan).then(
      () => '',
      (error: unknown) => String(error),
    );
    arm.control.faults.clear();
    expect(message).toMatch(/CAP-3006.*zones 1, 2, 3 tried/);
    expect(message).toMatch(/Choose another size than Standard_D2s_v5/);
  });
});

describe('a resource whose last write failed', () => {
  it('is written again, so that those who refer to it are not refused for ever', { timeout: 60_000 }, async () => {
    const document = sampleDocument({}, 'mended');
    const { facts } = value(await azure.readFacts(document, uid));
    const plan = planCluster(document, facts, uid);
    const action = { kind: 'operation-fails', code: 'InternalServerError', after: 1 } as const;
    for (const kind of [
      'publicIPAddresses',
      'natGateways',
      'networkSecurityGroups',
      'loadBalancers',
      'storageAccounts',
    ])
      arm.control.faults.add({ match: { method: 'PUT', path: `/${kind}/[^/]+$` }, action });
    const built = await ensureAll(plan);
    expect(built.size).toBe(plan.resources.length);
    const states = arm.control.resources().filter((resource) => resource.id.includes('mended'));
    expect(states.filter((resource) => resource.provisioningState !== 'Succeeded')).toEqual([]);
    arm.control.faults.clear();
    for (const resource of plan.resources.toReversed())
      await remove(built.get(resource.key)!.id, resource.kind as never, 'mended');
  });
});
