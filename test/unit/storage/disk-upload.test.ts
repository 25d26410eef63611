import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Azure, createAzure } from '#azure/index.ts';
import { shapeOf } from '#domain/plan/shape.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { type SeededImage, seededImages } from '#local/azure/storage/seed.ts';
import { seededClientId } from '#local/simulator/compose.ts';
import { samplePlan } from '../../support/sample-plan.ts';
import { value } from '../../full/storage/copy-world.ts';
import { pause, privateImage, StorageWorld } from '../../full/storage/harness.ts';

const world = new StorageWorld();
const another = { ...privateImage, name: 'another-v1.33.4.vhd' };
beforeAll(() => world.start({ images: [...seededImages.slice(1), privateImage, another] }));
afterAll(() => world.stop());

const publicImage = {
  account: 'capstanimages',
  container: 'images',
  name: 'ubuntu-2404-v1.34.1.vhd',
  diskSize: 30 * 1024 ** 3,
};
let counter = 0;

/** A cluster whose image goes through a disk, in an account of the user with these properties. */
async function scene(
  source: Pick<SeededImage, 'account' | 'container' | 'name' | 'diskSize'>,
  properties: object,
): Promise<{ plan: ClusterPlan; azure: Azure }> {
  const account = `stdisk${process.pid}x${counter++}`;
  await world.createAccount(account, properties);
  const azure = createAzure({
    environment: 'public',
    gatewayUrl: world.simulator.url,
    managedIdentityClientId: seededClientId,
    keyVaultUri: 'https://capstan-kv.vault.azure.net',
  });
  const vhd = `https://${source.account}.blob.core.windows.net/${source.container}/${source.name}`;
  const imageSource = { etag: '"0x1"', sizeBytes: source.diskSize + 512 };
  const facts = { storageAccountName: account, imageSource };
  return { azure, plan: samplePlan({ spec: { storage: { account }, image: { vhd, through: 'disk' } }, facts }) };
}

async function ensure(azure: Azure, plan: ClusterPlan, key: string) {
  const resource = plan.resources.find((candidate) => candidate.key === key)!;
  for (let poller: string | undefined; ; ) {
    const answer = await azure.ensure({ plan, resource, outputs: {}, ...(poller === undefined ? {} : { poller }) });
    if (answer.status !== 'wait') return answer;
    ({ poller } = answer);
    await pause(2);
  }
}

async function copyToAccount(azure: Azure, plan: ClusterPlan): Promise<void> {
  for (const key of ['storageAccount', 'blobContainer', 'imageDisk'])
    expect(await ensure(azure, plan, key)).toMatchObject({ status: 'done' });
  const copy = value(await azure.copy.plan(plan));
  for (const slice of copy.slices) value(await azure.copy.slice(plan, copy, slice));
  value(await azure.copy.finish(plan, copy));
}

/** Steps until the disk is written; `forget` loses what was said before, as a process that is killed does. */
async function upload(azure: () => Azure, plan: ClusterPlan, forget = false): Promise<readonly string[]> {
  const said: string[] = [];
  let poller: string | undefined;
  for (let step = 0; step < 50; step++) {
    const outcome = await azure().copy.toDisk(plan, forget && step % 2 === 1 ? undefined : poller);
    said.push(JSON.stringify(outcome));
    if (outcome.status === 'done') return said;
    if (outcome.status !== 'wait') throw new Error(said.at(-1));
    poller = 'poller' in outcome ? outcome.poller : undefined;
  }
  throw new Error(`no end: ${said.at(-1) ?? ''}`);
}

/** Hash over the pages of the newest disk. */
function diskFingerprint(): string | undefined {
  const { database } = world.simulator.storage.state;
  const rows = database.prepare("SELECT account FROM containers WHERE name = 'upload' ORDER BY rowid").all();
  return world.fingerprint((rows.at(-1) as { account: string }).account, 'upload', 'abcd');
}

describe('an image through a disk', () => {
  it.each([
    ['with SAS', publicImage, {}, 'sas'],
    ['with Entra ID, where the account refuses keys', privateImage, { allowSharedKeyAccess: false }, 'entra'],
  ] as const)('is written equal to the copy, read %s, and made from the disk', async (_, source, properties, how) => {
    const { azure, plan } = await scene(source, properties);
    await copyToAccount(azure, plan);
    expect(value(await azure.copy.probe(plan)).credential).toBe(how);
    expect(await ensure(azure, plan, 'image')).toMatchObject({ status: 'failed' });
    const said = await upload(() => azure, plan);
    expect(said.length).toBeGreaterThan(3);
    expect(said.join('\n')).not.toMatch(/sig=|Bearer |eyJ/);
    expect(diskFingerprint()).toBe(world.fingerprint(source.account, source.container, source.name));
    expect(await ensure(azure, plan, 'image')).toMatchObject({ status: 'done', action: 'created' });
    const image = await world.arm('GET', `${plan.image.id}?api-version=2023-07-01`);
    expect(image.properties.storageProfile.osDisk.managedDisk.id).toBe(plan.image.disk?.id);
    expect(image.properties.storageProfile.osDisk.blobUri).toBeUndefined();
    const secret = await azure.secrets.get(`${plan.secretPrefix}-image-disk`);
    expect(secret).toBeUndefined();
    expect(JSON.parse((await upload(() => azure, plan)).at(-1) ?? '')).toMatchObject({ value: { uploaded: false } });
  });

  it('goes on after a process that forgot everything, with the access that was granted', async () => {
    const source = another;
    const { azure, plan } = await scene(source, {});
    await copyToAccount(azure, plan);
    const granted: string[] = [];
    await upload(() => azure, plan, true);
    for (const { method, path } of world.simulator.log.entries())
      if (method === 'POST' && path.endsWith('/beginGetAccess') && path.includes(plan.image.disk?.name ?? '-'))
        granted.push(path);
    expect(granted).toHaveLength(1);
    expect(diskFingerprint()).toBe(world.fingerprint(source.account, source.container, source.name));
  });

  it('that the request does not ask for is not made', () => {
    const plan = samplePlan();
    expect(plan.resources.some(({ kind }) => kind === 'imageDisk')).toBe(false);
    expect(shapeOf(plan).uploadDisk).toBeUndefined();
  });
});
