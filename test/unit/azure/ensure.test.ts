import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAzure, type Azure, type EnsureOutcome, type RemoveOutcome } from '#azure/index.ts';
import { Secret } from '#domain/secret.ts';
import type { ClusterPlan, PlannedResource } from '#domain/plan/types.ts';
import { FakeArm } from '../../support/azure-fake-arm.ts';
import { corporateNetwork, samplePlan } from '../../support/sample-plan.ts';

let arm: FakeArm;
let azure: Pick<Azure, 'ensure' | 'remove'>;
let url: string;
const outputs = { identity: { principalId: '99999999-9999-4999-8999-999999999999' } };

beforeEach(async () => {
  arm = new FakeArm();
  const gatewayUrl = await arm.start();
  process.env['IDENTITY_ENDPOINT'] = `${gatewayUrl}/msi/token`;
  process.env['IDENTITY_HEADER'] = 'x';
  url = gatewayUrl;
  azure = createAzure({ environment: 'public', gatewayUrl });
});
afterEach(async () => {
  delete process.env['IDENTITY_ENDPOINT'];
  delete process.env['IDENTITY_HEADER'];
  await arm.stop();
});

function resource(plan: ClusterPlan, key: string): PlannedResource {
  return plan.resources.find((candidate) => candidate.key === key)!;
}

/** Calls `ensure` until it no longer waits; returns every outcome. */
async function run(plan: ClusterPlan, key: string, limit = 12): Promise<EnsureOutcome[]> {
  const seen: EnsureOutcome[] = [];
  let poller: string | undefined;
  while (seen.length < limit) {
    const outcome = await azure.ensure({
      plan,
      resource: resource(plan, key),
      outputs,
      customData: new Secret('#cloud-config'),
      ...(poller === undefined ? {} : { poller }),
    });
    seen.push(outcome);
    if (outcome.status !== 'wait') return seen;
    poller = outcome.poller;
  }
  return seen;
}

describe('ensure', () => {
  it('creates every planned resource of the sample cluster, one HTTP step at a time', async () => {
    const plan = samplePlan();
    for (const planned of plan.resources) {
      const outcome = (await run(plan, planned.key)).at(-1);
      expect(outcome, planned.key).toMatchObject({ status: 'done', action: 'created' });
    }
    for (const planned of plan.resources) {
      expect((await run(plan, planned.key)).at(-1), planned.key).toMatchObject({ status: 'done', action: 'exists' });
    }
    expect(arm.seen.every((request) => request.host === 'management.azure.com')).toBe(true);
  });

  it('continues one operation over many calls, and honours Retry-After', async () => {
    arm.polls = 3;
    const outcomes = await run(samplePlan(), 'virtualNetwork');
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['wait', 'wait', 'wait', 'wait', 'done']);
    expect(outcomes.map((outcome) => (outcome.status === 'wait' ? outcome.retryAfter : 0))).toEqual([3, 10, 10, 10, 0]);
    expect(arm.writes()).toHaveLength(1);
  });

  it('keeps the last good poller when a poll does not come through', async () => {
    arm.planned.push({ method: 'GET', path: /\/operations\//, times: 2, status: 503, body: '<html></html>' });
    arm.planned.push({ method: 'GET', path: /\/operations\//, times: 1, status: 0, reset: true });
    const outcomes = await run(samplePlan(), 'routeTable');
    expect(outcomes.at(-1)).toMatchObject({ status: 'done' });
    const network = await run(samplePlan(), 'virtualNetwork');
    expect(network.at(-1)).toMatchObject({ status: 'done', action: 'created' });
    expect(arm.writes().filter((request) => request.path.includes('virtualNetworks'))).toHaveLength(1);
  });

  it('reads the resource when Azure does not know the operation, instead of writing again', async () => {
    const gone = { error: { code: 'NotFound', message: 'x' } };
    arm.planned.push({ method: 'GET', path: /\/operations\//, times: 1, status: 404, body: gone });
    expect((await run(samplePlan(), 'virtualNetwork')).at(-1)).toMatchObject({ status: 'done', action: 'created' });
    expect(arm.writes()).toHaveLength(1);
  });

  it('tells the inner code of an operation that failed, with the correlation id', async () => {
    arm.planned.push({
      method: 'PUT',
      path: /virtualMachines/,
      times: 1,
      status: 201,
      operationError: {
        code: 'ResourceDeploymentFailure',
        message: 'outer',
        details: [{ code: 'ZonalAllocationFailed', message: 'zone 1 is full' }],
      },
    });
    // A region without zones: there is no other place to try.
    const plan = samplePlan({ facts: { regionZones: [] } });
    const last = (await run(plan, 'virtualMachine')).at(-1);
    expect(last).toMatchObject({ status: 'failed', error: { code: 'CAP-3006', correlationId: 'corr-1' } });
    expect(JSON.stringify(last)).toContain('ZonalAllocationFailed');
  });

  it('waits and tries again when Azure is busy or the connection breaks, and gives up with a code', async () => {
    const busy = {
      error: {
        code: 'RetryableError',
        message: 'x',
        details: [{ code: 'ReferencedResourceNotProvisioned', message: 'y' }],
      },
    };
    arm.planned.push({ method: 'PUT', path: /natGateways/, times: 2, status: 429, body: busy });
    arm.planned.push({ method: 'PUT', path: /natGateways/, times: 1, status: 0, reset: true });
    expect((await run(samplePlan(), 'natGateway')).at(-1)).toMatchObject({ status: 'done' });
    arm.planned.push({ method: 'PUT', path: /routeTables/, times: 99, status: 503, body: busy });
    expect((await run(samplePlan(), 'routeTable', 40)).at(-1)).toMatchObject({
      status: 'failed',
      error: { code: 'CAP-3013' },
    });
  });

  it('asks for cloud-init only when the machine is about to be created, also after a wait', async () => {
    const plan = samplePlan();
    arm.planned.push({
      method: 'PUT',
      path: /virtualMachines/,
      times: 1,
      status: 429,
      body: { error: { code: 'TooManyRequests' } },
    });
    let asked = 0;
    const customData = () => {
      asked++;
      return Promise.resolve(new Secret('#cloud-config'));
    };
    let poller: string | undefined;
    let last: EnsureOutcome | undefined;
    for (let tries = 0; tries < 8 && last?.status !== 'done'; tries++) {
      last = await azure.ensure({
        plan,
        resource: resource(plan, 'virtualMachine'),
        outputs,
        customData,
        ...(poller === undefined ? {} : { poller }),
      });
      poller = last.status === 'wait' ? last.poller : undefined;
      expect(poller ?? '').not.toContain('cloud-config');
    }
    expect(last?.status).toBe('done');
    expect(asked).toBe(2);
    expect(arm.writes().at(-1)?.body.properties.osProfile.customData).toBe(
      Buffer.from('#cloud-config').toString('base64'),
    );
    await expect(
      createAzure({ environment: 'public', gatewayUrl: url }).ensure({
        plan: samplePlan({ name: 'other' }),
        resource: resource(samplePlan({ name: 'other' }), 'virtualMachine'),
        outputs,
      }),
    ).rejects.toThrow(/cloud-init/);
  });

  it('writes nothing over a resource that is not ours', async () => {
    const plan = samplePlan();
    const id = resource(plan, 'routeTable').id;
    arm.resources.set(id.toLowerCase(), { id, location: 'westeurope', properties: { provisioningState: 'Succeeded' } });
    expect(await run(plan, 'routeTable')).toMatchObject([{ status: 'failed', error: { code: 'CAP-3009', where: id } }]);
    expect(arm.writes()).toHaveLength(0);
  });

  it('puts back what was taken away, and keeps what others added', async () => {
    const plan = samplePlan();
    await run(plan, 'controlPlaneSecurityGroup');
    const stored = arm.resources.get(resource(plan, 'controlPlaneSecurityGroup').id.toLowerCase());
    stored.properties.securityRules = [{ name: 'theirs', properties: { priority: 300, destinationPortRange: '80' } }];
    expect((await run(plan, 'controlPlaneSecurityGroup')).at(-1)).toMatchObject({ status: 'done', action: 'updated' });
    const write = arm.writes().at(-1)!;
    expect(write.headers['if-match']).toBe(stored.etag);
    expect(write.body.properties.securityRules.map((rule: any) => rule.name).sort()).toEqual([
      'allow_apiserver',
      'deny_ssh',
      'theirs',
    ]);
  });

  it('joins a shared account by a tag of its own, and writes nothing else', async () => {
    await run(samplePlan(), 'storageAccount');
    const other = samplePlan({ name: 'second' });
    expect((await run(other, 'storageAccount')).at(-1)).toMatchObject({ status: 'done', action: 'exists' });
    const stored = arm.resources.get(resource(other, 'storageAccount').id.toLowerCase());
    expect(stored.tags).toMatchObject({
      capstan_managed: 'true',
      capstan_cluster_demo: 'user',
      capstan_cluster_second: 'user',
    });
  });

  it('reads a network of the user and never writes it', async () => {
    const staticNetwork = {
      virtualNetworkId:
        '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/corp-vnet',
      cidrs: ['10.60.0.0/16'],
      controlPlaneSubnet: { id: '/cp', name: 'corp-control-plane', cidr: '10.60.0.0/24' },
      workerSubnet: { id: '/w', name: 'corp-workers', cidr: '10.60.1.0/24' },
    };
    const plan = samplePlan({
      spec: {
        network: corporateNetwork,
      },
      facts: { staticNetwork },
    });
    expect(await run(plan, 'virtualNetwork')).toMatchObject([{ status: 'failed', error: { code: 'CAP-3018' } }]);
    arm.resources.set(staticNetwork.virtualNetworkId.toLowerCase(), {
      id: staticNetwork.virtualNetworkId,
      location: 'westeurope',
      properties: { subnets: [{ name: 'corp-control-plane' }, { name: 'corp-workers' }] },
    });
    expect(await run(plan, 'virtualNetwork')).toMatchObject([{ status: 'done', action: 'exists' }]);
    expect(arm.writes()).toHaveLength(0);
  });

  it('refuses a gateway that is not on this machine', () => {
    expect(() => createAzure({ environment: 'public', gatewayUrl: 'http://10.0.0.5:7080' })).toThrow(/loopback/);
    expect(() => createAzure({ environment: 'public', gatewayUrl: 'https://example.com' })).toThrow(/loopback/);
  });
});

async function leave(id: string, clusterName: string): Promise<RemoveOutcome> {
  let poller: string | undefined;
  for (;;) {
    const step = { id, kind: 'storageAccount' as const, clusterName, ...(poller === undefined ? {} : { poller }) };
    const outcome = await azure.remove(step);
    if (outcome.status !== 'wait') return outcome;
    poller = outcome.poller;
  }
}

describe('remove', () => {
  it('of a shared account by its last two users at the same moment leaves none behind', async () => {
    await run(samplePlan(), 'storageAccount');
    await run(samplePlan({ name: 'second' }), 'storageAccount');
    const { id } = resource(samplePlan(), 'storageAccount');
    const step = { id, kind: 'storageAccount' as const };
    // Both have seen the other one before either has left.
    await Promise.all(['demo', 'second'].map((clusterName) => azure.remove({ ...step, clusterName })));
    const ends = await Promise.all(['demo', 'second'].map(async (clusterName) => leave(id, clusterName)));
    expect(ends.map((end) => end.status === 'done' && end.action)).toContain('deleted');
    expect(arm.resources.has(id.toLowerCase())).toBe(false);
  });

  it('deletes what carries the tag, once, and finds it absent later', async () => {
    const plan = samplePlan();
    await run(plan, 'routeTable');
    const { id } = resource(plan, 'routeTable');
    expect(await azure.remove({ id, kind: 'routeTable', clusterName: 'demo' })).toMatchObject({
      status: 'done',
      action: 'deleted',
    });
    // A first look may be stale; the second one decides.
    const look = await azure.remove({ id, kind: 'routeTable', clusterName: 'demo' });
    expect(look).toMatchObject({ status: 'wait', retryAfter: 5 });
    const poller = look.status === 'wait' ? (look.poller ?? '') : '';
    expect(await azure.remove({ id, kind: 'routeTable', clusterName: 'demo', poller })).toMatchObject({
      status: 'done',
      action: 'absent',
    });
  });

  it('keeps what is not ours', async () => {
    const { id } = resource(samplePlan(), 'routeTable');
    arm.resources.set(id.toLowerCase(), { id, tags: { department: 'finance' }, properties: {} });
    expect(await azure.remove({ id, kind: 'routeTable', clusterName: 'demo' })).toMatchObject({ action: 'kept' });
    expect(arm.writes()).toHaveLength(0);
  });

  it('leaves a shared account to its other users and deletes it with the last one', async () => {
    await run(samplePlan(), 'storageAccount');
    await run(samplePlan({ name: 'second' }), 'storageAccount');
    const { id } = resource(samplePlan(), 'storageAccount');
    expect(await leave(id, 'demo')).toMatchObject({ action: 'kept', reason: 'used by second' });
    expect(await leave(id, 'second')).toMatchObject({ action: 'deleted' });
  });
});
