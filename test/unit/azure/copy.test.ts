import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createAzure, type Azure, type CopyPlan } from '#azure/index.ts';
import type { Outcome } from '#domain/outcome.ts';
import { fullPart } from '#domain/plan/shares.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { accountView, StorageSimulator } from '../../support/azure-storage-simulator.ts';
import { samplePlan } from '../../support/sample-plan.ts';

let azureSide: StorageSimulator;
let azure: Azure;
let gatewayUrl: string;
let account = '';
let next = 0;

beforeAll(async () => {
  azureSide = new StorageSimulator();
  gatewayUrl = await azureSide.start();
});
afterAll(() => azureSide.stop());

// The managed-identity library remembers its endpoint for the life of the process: one simulator for all tests.
beforeEach(() => {
  account = `stcopytest${next++}`;
  azureSide.reset();
  azureSide.accounts.set('capstanimages', accountView('capstanimages', { allowBlobPublicAccess: true }));
  azureSide.accounts.set(account, accountView(account));
  azureSide.simulator.storage.dataPlane.createContainer(account, 'images', 'None');
  azure = createAzure({
    environment: 'public',
    gatewayUrl,
    managedIdentityClientId: '33333333-3333-4333-8333-333333333333',
  });
});

function planOf(spec: Record<string, unknown> = {}): ClusterPlan {
  return samplePlan({ spec, facts: { storageAccountName: account } });
}

function value<Value extends object>(outcome: Outcome<Value>): Value {
  if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome));
  return outcome.value;
}

async function copyAll(plan: ClusterPlan): Promise<CopyPlan> {
  const copy = value(await azure.copy.plan(plan));
  for (const slice of copy.slices) value(await azure.copy.slice(plan, copy, slice));
  if (!copy.complete) value(await azure.copy.finish(plan, copy));
  return copy;
}

describe('copy of the base image', () => {
  it('moves only the data, with SAS, and finds it complete the second time', async () => {
    const plan = planOf();
    const copy = await copyAll(plan);
    expect(copy).toMatchObject({ complete: false, credential: 'sas', sourceAccess: 'anonymous' });
    expect(copy.totalBytes).toBeGreaterThan(20 * 1024 ** 2);
    expect(copy.totalBytes).toBeLessThan(26 * 1024 ** 2);
    expect(copy.slices.length).toBeGreaterThan(1);
    const again = value(await azure.copy.plan(plan));
    expect(again).toMatchObject({ complete: true, slices: [] });
    const source = azureSide.simulator.storage.dataPlane.blob('capstanimages', 'images', 'ubuntu-2404-v1.33.4.vhd');
    const target = azureSide.simulator.storage.dataPlane.blob(account, 'images', plan.storage.blob);
    expect(target).toMatchObject({ size: source?.size, endsWithVhdFooter: true, blobType: 'PageBlob' });
  });

  it('continues where it stopped, without moving a finished operation again', async () => {
    const plan = planOf();
    const first = value(await azure.copy.plan(plan));
    value(await azure.copy.slice(plan, first, first.slices[0]!));
    const resumed = value(await azure.copy.plan(plan));
    expect(resumed.remainingBytes).toBe(first.totalBytes - first.slices[0]!.bytes);
    const repeated = value(await azure.copy.slice(plan, first, first.slices[0]!));
    expect(repeated).toMatchObject({ operations: 0, bytes: 0 });
    await copyAll(plan);
    expect(value(await azure.copy.plan(plan)).complete).toBe(true);
  });

  it('changes to Entra ID when the account refuses keys, and tells the reason', async () => {
    azureSide.accounts.set(account, accountView(account, { allowSharedKeyAccess: false }));
    const copy = await copyAll(planOf());
    expect(copy).toMatchObject({ credential: 'entra', reason: 'KeyBasedAuthenticationNotPermitted' });
    expect(azureSide.listKeysCalls).toBe(1);
  });

  it.each([
    [403, 'AuthorizationFailed'],
    [409, 'ScopeLocked'],
  ])('changes to Entra ID when listing keys answers %i %s', async (status, code) => {
    azureSide.listKeysRefusal = { status, code };
    expect(value(await azure.copy.plan(planOf()))).toMatchObject({ credential: 'entra', reason: code });
  });

  it('never lists keys when Entra ID is asked for', async () => {
    await copyAll(planOf({ storage: { authentication: 'entra' } }));
    expect(azureSide.listKeysCalls).toBe(0);
  });

  it('does not fall back when SAS is asked for', async () => {
    azureSide.accounts.set(account, accountView(account, { allowSharedKeyAccess: false }));
    const outcome = await azure.copy.plan(planOf({ storage: { authentication: 'sas' } }));
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-3301' } });
  });

  it('keeps its credential and says so when the network refuses', async () => {
    azureSide.accounts.set(account, accountView(account, { callerReaches: false }));
    expect(await azure.copy.plan(planOf())).toMatchObject({ status: 'failed', error: { code: 'CAP-3303' } });
  });

  it('waits for a late data role, and names it when it never comes', async () => {
    const plan = planOf({ storage: { authentication: 'entra' } });
    azureSide.denied = (_, scope) => scope.includes(account);
    expect(await azure.copy.plan(plan)).toMatchObject({ status: 'wait', retryAfter: 30 });
    azureSide.denied = () => false;
    expect((await azure.copy.plan(plan)).status).toBe('done');
    azureSide.denied = (_, scope) => scope.includes(account);
    let outcome = await azure.copy.plan(plan);
    for (let tries = 0; tries < 30 && outcome.status === 'wait'; tries++) outcome = await azure.copy.plan(plan);
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-3302' } });
    expect(JSON.stringify(outcome)).toContain('Storage Blob Data Contributor');
  });

  it('reads a private source with a bearer only when its account is found through ARM', async () => {
    azureSide.accounts.set('capstanimages', accountView('capstanimages'));
    expect(await azure.copy.plan(planOf())).toMatchObject({ status: 'failed' });
    azureSide.listed.add('capstanimages');
    const copy = await copyAll(planOf());
    expect(copy.sourceAccess).toBe('entra');
  });

  it('shows no key, SAS or token in what it returns, also when it fails', async () => {
    azureSide.accounts.set(account, accountView(account, { callerReaches: false }));
    const failedPlan = await azure.copy.plan(
      planOf({
        image: {
          vhd: 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd?sv=2024&sig=CANARY-SAS',
        },
      }),
    );
    azureSide.accounts.set(account, accountView(account));
    const good = await azure.copy.plan(planOf());
    const text = JSON.stringify([failedPlan, good]);
    expect(text).not.toMatch(/CANARY|sig=|Bearer|eyJ/);
  });

  it('lets clusters of one process note themselves at the same moment: none is refused and none is lost', async () => {
    const planFor = (index: number) => samplePlan({ name: `user-${index}`, facts: { storageAccountName: account } });
    await copyAll(planFor(0));
    const others = Array.from({ length: 12 }, (_, index) => planFor(index + 1));
    const joined = await Promise.all(others.map(async (plan) => azure.copy.plan(plan)));
    expect(joined.map(({ status }) => status)).toEqual(others.map(() => 'done'));
    // A second look finds every note in its place.
    const before = azureSide.simulator.log.entries().length;
    await Promise.all(others.map(async (plan) => azure.copy.plan(plan)));
    const writes = azureSide.simulator.log
      .entries()
      .slice(before)
      .filter(({ method }) => method === 'PUT');
    expect(writes).toEqual([]);
  });

  it('leaves a copy without room for another note to its users, whole, and moves to the next one', async () => {
    const spec = { storage: { account } };
    const planFor = (name: string, copy = 0) =>
      samplePlan({ name, spec, facts: { storageAccountName: account, shares: { copy } } });
    const blobOf = (plan: ClusterPlan) =>
      azureSide.simulator.storage.dataPlane.blob(account, 'images', plan.storage.blob);
    await copyAll(planFor('first'));
    let users = 1;
    let outcome = await azure.copy.plan(planFor('first'));
    // Names as long as they may be: the note of each is 53 bytes.
    const nameOf = (index: number) => `user-${String(index).padStart(3, '0')}`.padEnd(44, 'x');
    for (; outcome.status === 'done'; users++) outcome = await azure.copy.plan(planFor(nameOf(users)));
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-3310' } });
    expect(users).toBeGreaterThan(140);
    expect(users).toBeLessThan(156);
    // Who is noted there already stays.
    expect((await azure.copy.plan(planFor(nameOf(1)))).status).toBe('done');
    expect(fullPart(planFor('late'), outcome.status === 'failed' ? outcome.error : { code: 'CAP-9001' })).toBe('copy');
    await copyAll(planFor('late', 1));
    const [one, two] = [blobOf(planFor('late')), blobOf(planFor('late', 1))];
    expect(two).toMatchObject({ size: one?.size, endsWithVhdFooter: true });
  });

  it('refuses a blob of the same name that somebody else made', async () => {
    const plan = planOf();
    const copy = value(await azure.copy.plan(plan));
    expect(copy.blobUrl).not.toContain('?');
    const wrong = await azure.copy.slice(plan, { ...copy, sourceEtag: '"other"' }, copy.slices[0]!);
    expect(wrong).toMatchObject({ status: 'failed', error: { code: 'CAP-3305' } });
  });
});
