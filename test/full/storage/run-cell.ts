import { expect } from 'vitest';
import type { Azure, CopyPlan, EnsureOutcome } from '#azure/index.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { sampleFacts, samplePlan } from '../../support/sample-plan.ts';
import { dataRoles, idOfAccount, pause, privateImage, type StorageWorld, timeScale } from './harness.ts';
import type { Cell, Expected, Ownership, SituationId, Source } from './matrix.ts';

const publicImage = { account: 'capstanimages', container: 'images', name: 'ubuntu-2404-v1.34.1.vhd' };

/** How a cell ended. */
type Ending =
  | { readonly plan: CopyPlan; readonly waits: number }
  | { readonly error: CapstanError; readonly waits: number };

let counter = 0;

/** Calls until there is no more waiting, in the simulation's time. */
async function pursue<Value extends object>(
  call: () => Promise<Outcome<Value> | EnsureOutcome>,
  onWait: () => Promise<void> = async () => undefined,
): Promise<{ outcome: any; waits: number }> {
  for (let waits = 0; ; waits++) {
    const outcome = await call();
    if (outcome.status !== 'wait' || waits > 60) return { outcome, waits };
    if (waits === 0) await onWait();
    await pause((outcome.retryAfter * 1000) / timeScale + 1);
  }
}

async function sourceUrl(world: StorageWorld, source: Source): Promise<string> {
  const { account, container, name } = source === 'public' ? publicImage : privateImage;
  const url = `https://${account}.blob.core.windows.net/${container}/${name}`;
  return source === 'sas' ? `${url}?${await world.sasOf(account, container, name)}` : url;
}

function planOf(account: string, ownership: Ownership, situation: SituationId, vhd: string): ClusterPlan {
  const keysDenied = ['keysDenied', 'roleMissing', 'roleLate'].includes(situation);
  const storage =
    ownership === 'created'
      ? { sharedKeyAccess: keysDenied ? 'denied' : 'allowed' }
      : ownership === 'ownAccount'
        ? { account }
        : { account, container: 'golden' };
  const { imageSource } = sampleFacts();
  return samplePlan({
    spec: { storage, image: { vhd } },
    facts: { storageAccountName: account, ...(imageSource === undefined ? {} : { imageSource }) },
  });
}

/** What the administrator of the account does to it. */
const hardships: Readonly<Record<SituationId, (world: StorageWorld, account: string) => Promise<unknown>>> = {
  keysAllowed: async () => undefined,
  keysDenied: (world, account) => world.patchAccount(account, { allowSharedKeyAccess: false }),
  sasPolicy: (world, account) =>
    world.patchAccount(account, { sasPolicy: { sasExpirationPeriod: '00.00:30:00', expirationAction: 'Block' } }),
  readOnlyLock: (world, account) => world.lock(idOfAccount(account)),
  noListKeys: (world, account) => world.fault({ keys: { account, deny: true } }),
  networkDenied: (world, account) =>
    world.patchAccount(account, { networkAcls: { defaultAction: 'Deny', bypass: 'AzureServices' } }),
  roleMissing: (world, account) => world.patchAccount(account, { allowSharedKeyAccess: false }),
  roleLate: (world, account) => world.patchAccount(account, { allowSharedKeyAccess: false }),
};

async function ensure(azure: Azure, plan: ClusterPlan, key: string): Promise<CapstanError | undefined> {
  const resource = plan.resources.find((candidate) => candidate.key === key)!;
  let poller: string | undefined;
  const { outcome } = await pursue(async () => {
    const answer = await azure.ensure({ plan, resource, outputs: {}, ...(poller === undefined ? {} : { poller }) });
    poller = answer.status === 'wait' ? answer.poller : undefined;
    return answer;
  });
  return outcome.status === 'failed' ? outcome.error : undefined;
}

/** Brings account, container and hardship about, in the order of the ownership. */
async function prepare(
  world: StorageWorld,
  azure: Azure,
  plan: ClusterPlan,
  cell: Cell,
): Promise<CapstanError | undefined> {
  const { name } = plan.storage.account;
  const { ownership, situation } = cell;
  if (ownership !== 'created') await world.createAccount(name);
  if (ownership === 'ownContainer') await world.createContainer(name, 'golden');
  const denied = ['keysDenied', 'roleMissing', 'roleLate'].includes(situation.id);
  const giveRole = async (): Promise<void> => {
    if (['roleMissing', 'roleLate'].includes(situation.id)) return;
    await world.assignRole(idOfAccount(name), dataRoles.contributor);
  };
  const settle = async (): Promise<CapstanError | undefined> =>
    (await ensure(azure, plan, 'storageAccount')) ?? (await ensure(azure, plan, 'blobContainer'));
  if (ownership !== 'created') {
    await giveRole();
    await hardships[situation.id](world, name);
    return settle();
  }
  const problem = await settle();
  await giveRole();
  // A created account refuses keys because the request says so, not because somebody changes it.
  if (!denied) await hardships[situation.id](world, name);
  return problem;
}

/** Copies as the activities do; the data role comes with the first wait where it is late. */
async function copy(world: StorageWorld, azure: Azure, plan: ClusterPlan, late: boolean): Promise<Ending> {
  const arrive = async () => {
    if (late) await world.assignRole(plan.storage.account.id, dataRoles.contributor);
  };
  const planned = await pursue(() => azure.copy.plan(plan), arrive);
  let { waits } = planned;
  if (planned.outcome.status !== 'done') return { error: planned.outcome.error, waits };
  const copyPlan: CopyPlan = planned.outcome.value;
  for (const slice of copyPlan.slices) {
    const copied = await pursue(() => azure.copy.slice(plan, copyPlan, slice));
    waits += copied.waits;
    if (copied.outcome.status !== 'done') return { error: copied.outcome.error, waits };
  }
  const finished = await pursue(() => azure.copy.finish(plan, copyPlan));
  if (finished.outcome.status !== 'done') return { error: finished.outcome.error, waits };
  return { plan: { ...copyPlan, ...finished.outcome.value }, waits: waits + finished.waits };
}

/** Only the data roles that a cell gives count: the seeded one is taken away, the sources stay readable. */
export async function prepareWorld(world: StorageWorld): Promise<void> {
  await world.assignRole(privateImageAccount(), dataRoles.reader);
  await world.removeRole('/subscriptions/22222222-2222-4222-8222-222222222222', dataRoles.owner);
}

function privateImageAccount(): string {
  return idOfAccount(privateImage.account).replace('/platform/', '/storage/');
}

/** Runs one cell and compares its ending with the data of the matrix. */
export async function runCell(world: StorageWorld, cell: Cell): Promise<void> {
  const account = `stmatrix${process.pid}x${counter++}`;
  const url = await sourceUrl(world, cell.source);
  const plan = planOf(account, cell.ownership, cell.situation.id, url);
  const azure = world.azure();
  const problem = await prepare(world, azure, plan, cell);
  const ending: Ending =
    problem === undefined
      ? await copy(world, azure, plan, cell.situation.id === 'roleLate')
      : { error: problem, waits: 0 };
  const shown = JSON.stringify(ending);
  expect(shown).not.toMatch(/sig=|Bearer |eyJ/);
  const expected: Expected = cell.situation.expected[cell.ownership];
  if ('error' in expected) {
    expect(ending).toMatchObject({ error: { code: expected.error } });
    return;
  }
  if ('error' in ending) throw new Error(shown);
  const { waits, ...credential } = expected;
  expect(ending.plan).toMatchObject(credential);
  if (!('reason' in expected)) expect(ending.plan.reason).toBeUndefined();
  if (waits === true) expect(ending.waits).toBeGreaterThan(0);
  const access = { sas: 'urlSas', entra: 'entra', public: 'anonymous' } as const;
  expect(ending.plan.sourceAccess).toBe(access[cell.source]);
  const original = cell.source === 'public' ? publicImage : privateImage;
  const before = world.fingerprint(original.account, original.container, original.name);
  expect(before).toBeDefined();
  expect(world.fingerprint(account, plan.storage.container.name, plan.storage.blob)).toBe(before);
}
