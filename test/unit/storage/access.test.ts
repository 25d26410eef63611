import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AzureFacts } from '#domain/plan/types.ts';
import { sampleFacts, samplePlan } from '../../support/sample-plan.ts';
import { givePrivateEndpoint } from '../../full/storage/azure-door.ts';
import { dataRoles, idOfAccount, pause, StorageWorld, subscription } from '../../full/storage/harness.ts';

const world = new StorageWorld();
const network = `${subscription}/resourceGroups/network/providers/Microsoft.Network`;
const workers = `${network}/virtualNetworks/corp-vnet/subnets/corp-workers`;
const closed = { networkAcls: { defaultAction: 'Deny', bypass: 'AzureServices' } };

/** Writes as the administrator, and waits until it is done. */
async function settle(path: string, body: object): Promise<void> {
  await world.arm('PUT', path, body);
  while ((await world.arm('GET', path)).properties.provisioningState !== 'Succeeded') await pause(10);
}

beforeAll(async () => {
  await world.start();
  await world.removeRole(subscription, dataRoles.owner);
  for (const account of ['stown', 'stclosed', 'stinside', 'stkeyless']) await world.createAccount(account);
  await world.patchAccount('stclosed', closed);
  await givePrivateEndpoint(settle, workers, idOfAccount('stinside'));
  await world.patchAccount('stinside', { publicNetworkAccess: 'Disabled' });
  await world.patchAccount('stkeyless', { allowSharedKeyAccess: false });
});
afterAll(() => world.stop());

/** The rows of preflight that speak of the storage account. */
async function rows(
  storage: { readonly account?: string; readonly [field: string]: unknown },
  facts: Partial<AzureFacts> = {},
) {
  const known = sampleFacts({ storageAccountName: storage.account ?? 'stnew', ...facts });
  const plan = samplePlan({ spec: { storage }, facts: known });
  const checked = await world.azure().preflight(plan, known);
  if (checked.status !== 'done') throw new Error(JSON.stringify(checked));
  return checked.value.checks.filter(({ id }) => ['ownAccount', 'storageAccess'].includes(id));
}

describe('an account of the user, before anything is made', () => {
  it('is reached with the credential that will be used', async () => {
    expect(await rows({ account: 'stown' })).toMatchObject([
      { ok: true },
      { ok: true, detail: 'stown answers, by SAS' },
    ]);
  });

  it.each([
    ['network rules shut Capstan out', { account: 'stclosed' }, 'storageAccess', 'CAP-2015'],
    ['no private endpoint leads to it', { account: 'stown', networkAccess: 'private' }, 'ownAccount', 'CAP-2010'],
    ['the data role is missing', { account: 'stkeyless' }, 'storageAccess', 'CAP-3302'],
    ['only SAS is wanted of it', { account: 'stkeyless', authentication: 'sas' }, 'storageAccess', 'CAP-3301'],
  ])('is refused when %s', async (_, storage, id, code) => {
    const refused = (await rows(storage)).filter(({ ok }) => !ok);
    expect(refused).toMatchObject([{ id, error: { code, where: idOfAccount(storage.account) } }]);
  });

  it('is reached through its private endpoint from a network where its name resolves, and from nowhere else', async () => {
    const storage = { account: 'stinside', networkAccess: 'private' };
    expect(await rows(storage)).toMatchObject([{ ok: true }, { ok: false, error: { code: 'CAP-2015' } }]);
    await world.fault({ caller: { subnet: workers } });
    expect(await rows(storage)).toMatchObject([{ ok: true }, { ok: true }]);
    const record = `${network}/privateDnsZones/privatelink.blob.core.windows.net/A/stinside`;
    await world.arm('DELETE', `${record}?api-version=2024-06-01`);
    expect(await rows(storage)).toMatchObject([{ ok: true }, { ok: false, error: { code: 'CAP-2015' } }]);
    await world.fault({ caller: {} });
  });
});

describe('an account with network rules that is to be made', () => {
  const capstanNetwork = { addresses: ['203.0.113.10'] };

  it.each(['selectedNetworks', 'private'])(
    'is refused when its rules would shut out Capstan: %s',
    async (networkAccess) => {
      expect(await rows({ networkAccess })).toMatchObject([{ ok: false, error: { code: 'CAP-2015' } }]);
      expect(await rows({ networkAccess }, { capstanNetwork })).toMatchObject([{ ok: true }]);
    },
  );

  it('may name the network of Capstan in the request', async () => {
    const storage = { networkAccess: 'selectedNetworks', allowedNetworks: ['203.0.113.10'] };
    expect(await rows(storage)).toMatchObject([{ ok: true }]);
  });
});
