import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAzure, type Azure, type EnsureOutcome } from '#azure/index.ts';
import { hasRoom } from '#azure/resource/room.ts';
import { storageAccountCandidates } from '#domain/names/names.ts';
import { sharedImageResources } from '#domain/plan/image.ts';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import { FakeArm } from '../../support/azure-fake-arm.ts';
import { sampleDocument, sampleFacts, samplePlan } from '../../support/sample-plan.ts';

/** What clusters share takes 50 tags: who comes later goes on to the next one. */
let arm: FakeArm;
let azure: Azure;

beforeEach(async () => {
  arm = new FakeArm();
  const gatewayUrl = await arm.start();
  process.env['IDENTITY_ENDPOINT'] = `${gatewayUrl}/msi/token`;
  process.env['IDENTITY_HEADER'] = 'x';
  azure = createAzure({ environment: 'public', gatewayUrl });
});
afterEach(async () => {
  delete process.env['IDENTITY_ENDPOINT'];
  delete process.env['IDENTITY_HEADER'];
  await arm.stop();
});

/** Tags of a shared resource with so many users besides its mark and one tag of the user's own. */
function tags(users: number, ...more: readonly string[]): Record<string, string> {
  const names = [...Array.from({ length: users - more.length }, (_, index) => `other-${index}`), ...more];
  const own = names.map((name): [string, string] => [`capstan_cluster_${name}`, 'user']);
  return { capstan_managed: 'true', department: 'finance', ...Object.fromEntries(own) };
}

const put = (id: string, users: Record<string, string>) => arm.resources.set(id.toLowerCase(), { id, tags: users });
const idOf = (plan: ClusterPlan, key: string) => plan.resources.find((one) => one.key === key)!.id;

async function ensure(plan: ClusterPlan, key: string): Promise<EnsureOutcome> {
  return azure.ensure({ plan, resource: plan.resources.find((one) => one.key === key)!, outputs: {} });
}

describe('room for another user', () => {
  it('is there below 50 tags, those of the user included, and for who is a user already', () => {
    expect(hasRoom(undefined, 'demo')).toBe(true);
    expect(hasRoom(tags(47), 'demo')).toBe(true);
    expect(hasRoom(tags(48), 'demo')).toBe(false);
    expect(hasRoom(tags(48, 'demo'), 'demo')).toBe(true);
  });

  it.each(['storageAccount', 'image'])('is not asked for where there is none: %s, no write', async (key) => {
    const plan = samplePlan();
    put(idOf(plan, key), tags(48));
    const outcome = await ensure(plan, key);
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-3019', where: idOf(plan, key) } });
    expect(JSON.stringify(outcome)).toContain('48 clusters use it');
    expect(arm.writes()).toEqual([]);
  });

  it('is gone when another cluster was faster: the refused tag says so', async () => {
    const plan = samplePlan();
    put(idOf(plan, 'image'), tags(47));
    const body = { error: { code: 'TooManyTags', message: 'Too many tags' } };
    arm.planned.push({ method: 'PATCH', path: /tags\/default/, times: 1, status: 400, body });
    expect(await ensure(plan, 'image')).toMatchObject({ status: 'failed', error: { code: 'CAP-3019' } });
  });

  it('is no matter of a first write: a user with too many tags of his own hears what Azure says', async () => {
    const plan = samplePlan();
    const body = { error: { code: 'TooManyTags', message: 'Too many tags' } };
    arm.planned.push({ method: 'PUT', path: /images/, times: 1, status: 400, body });
    expect(await ensure(plan, 'image')).toMatchObject({ status: 'failed', error: { code: 'CAP-3010' } });
  });
});

describe('the share of a cluster', () => {
  const document = sampleDocument();
  const { subscriptionId, resourceGroup, location } = document.spec.azure;
  const accountName = (share: number) =>
    storageAccountCandidates(subscriptionId, resourceGroup, location, { share })[0]!;
  const account = (share: number) =>
    idOf(samplePlan({ facts: { storageAccountName: accountName(share) } }), 'storageAccount');
  const image = (share: number) => idOf(samplePlan({ facts: { shares: { image: share } } }), 'image');

  beforeEach(() => {
    arm.extra = ({ path }) =>
      path.includes('/checkNameAvailability') ? { status: 200, body: { nameAvailable: true } } : undefined;
  });

  async function chosen(from: AzureFacts['shares'] = {}, given = document) {
    const outcome = await azure.shareFrom(given, sampleFacts(), from);
    if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome));
    const { storageAccountName, storageAccountExists, shares } = outcome.value.facts;
    return [storageAccountName, storageAccountExists, shares];
  }

  it('is the first one while there is room', async () => {
    expect(await chosen()).toEqual([accountName(0), false, undefined]);
    put(account(0), tags(47));
    put(image(0), tags(47));
    expect(await chosen()).toEqual([accountName(0), true, undefined]);
    expect(arm.writes().filter(({ path }) => !path.includes('checkNameAvailability'))).toEqual([]);
  });

  it('is the next account that has room, with an image from that number on', async () => {
    put(account(0), tags(48));
    put(account(1), tags(48));
    put(account(2), tags(3));
    expect(await chosen()).toEqual([accountName(2), true, { account: 2, image: 2 }]);
    put(image(2), tags(48));
    expect(await chosen()).toEqual([accountName(2), true, { account: 2, image: 3 }]);
  });

  it('is where the cluster is a user already, full or not', async () => {
    put(account(1), tags(48, 'demo'));
    put(image(1), tags(48, 'demo'));
    expect(await chosen({ account: 1, image: 1 })).toEqual([accountName(1), true, { account: 1, image: 1 }]);
  });

  it('counts every part of an image: a full gallery or disk is a full image', async () => {
    const spec = {
      image: { vhd: document.spec.image.vhd, as: 'galleryVersion', through: 'disk' },
      storage: { account: 'corpimages0001' },
    };
    const given = sampleDocument(spec);
    const own = samplePlan({ spec, facts: { storageAccountName: 'corpimages0001' } });
    put(idOf(own, 'storageAccount'), tags(48));
    const part = (share: number, key: string) =>
      sharedImageResources(given, sampleFacts({ shares: { image: share } })).find((one) => one.key === key)!.id;
    // The account is the user's: it has no users to count, and stays.
    expect(await chosen({}, given)).toEqual(['corpimages0001', true, undefined]);
    put(part(0, 'gallery'), tags(48));
    put(part(1, 'imageDisk'), tags(48));
    expect(await chosen({}, given)).toEqual(['corpimages0001', true, { image: 2 }]);
  });

  it('ends with a remedy when a hundred are full', async () => {
    for (let share = 0; share < 100; share++) put(account(share), tags(48));
    const outcome = await azure.shareFrom(document, sampleFacts(), {});
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-3019' } });
    expect(JSON.stringify(outcome)).toContain('another resource group');
  });
});
