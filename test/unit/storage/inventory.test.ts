import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../../azure/clients/clients.ts';
import { listStorage } from '../../../azure/storage/inventory.ts';
import { seededClientId } from '#local/simulator/compose.ts';
import { value } from '../../full/storage/copy-world.ts';
import { StorageWorld } from '../../full/storage/harness.ts';

const world = new StorageWorld();
const subscriptionId = '22222222-2222-4222-8222-222222222222';
beforeAll(async () => {
  await world.start({ images: [] });
  await world.createAccount('stopen');
  await world.createContainer('stopen', 'golden');
  await world.createAccount('stclosed', {
    allowSharedKeyAccess: false,
    networkAcls: { defaultAction: 'Deny', bypass: 'AzureServices' },
  });
  await world.createAccount('stprivate', { publicNetworkAccess: 'Disabled' });
});
afterAll(() => world.stop());

const connection = () =>
  connect({ environment: 'public', gatewayUrl: world.simulator.url, managedIdentityClientId: seededClientId });

describe('the list of storage to choose from', () => {
  it('tells what matters for a base image, without keys', async () => {
    const { accounts } = value(await listStorage(connection(), subscriptionId, 'platform'));
    expect(accounts).toMatchObject([
      { name: 'stclosed', sharedKeyAccess: 'denied', networkAccess: 'selectedNetworks', containers: [] },
      {
        name: 'stopen',
        resourceGroup: 'platform',
        location: 'westeurope',
        holdsPageBlobs: true,
        sharedKeyAccess: 'allowed',
        networkAccess: 'open',
        containers: [{ name: 'golden', publicAccess: 'none' }],
      },
      { name: 'stprivate', networkAccess: 'private' },
    ]);
    const asked = world.simulator.log.entries().filter((entry) => entry.service === 'arm');
    expect(asked.some((entry) => /listKeys/i.test(entry.path))).toBe(false);
  });

  it('covers the whole subscription when no group is named', async () => {
    const { accounts } = value(await listStorage(connection(), subscriptionId));
    expect(accounts.map((account) => account.name)).toContain('corpimages0001');
  });

  it('lists an account whose containers cannot be read as such', async () => {
    await world.fault({
      match: { path: 'stclosed/blobServices/default/containers' },
      times: 1,
      action: { kind: 'status', status: 403, code: 'AuthorizationFailed' },
    });
    const { accounts } = value(await listStorage(connection(), subscriptionId, 'platform'));
    expect(accounts.find((account) => account.name === 'stclosed')).toMatchObject({
      containers: undefined,
      unreadable: '403 AuthorizationFailed',
    });
  });

  it('says what is wrong with the group', async () => {
    expect(await listStorage(connection(), subscriptionId, 'nowhere')).toMatchObject({ status: 'failed' });
  });
});
