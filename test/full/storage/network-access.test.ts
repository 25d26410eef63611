import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleDocument } from '../../support/sample-plan.ts';
import { askAzure, management } from './azure-door.ts';
import { type ClusterStatus, type Stack, startStack, story } from '../../support/stack.ts';

/** Whole clusters whose storage account lets in selected networks, or nobody but the cluster's own. */
let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

const vhd = 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd';
const small = { image: { vhd }, controlPlane: { replicas: 1 }, workerPools: [] };

async function settled(name: string, patch: Record<string, unknown>): Promise<ClusterStatus> {
  await stack.post(sampleDocument({ ...small, ...patch }, name));
  return stack.settled(name);
}

interface Properties {
  readonly publicNetworkAccess?: string;
  readonly networkAcls?: {
    readonly defaultAction: string;
    readonly ipRules: readonly { readonly value: string }[];
    readonly virtualNetworkRules: readonly { readonly id: string }[];
  };
  readonly aRecords?: readonly object[];
}

async function accountOf({ status }: ClusterStatus): Promise<Properties> {
  return propertiesOf(status.inventory.find(({ kind }) => kind === 'storageAccount')?.id ?? '', '2026-09-01');
}

async function propertiesOf(id: string, version: string): Promise<Properties> {
  const { text } = await askAzure(stack, management, 'GET', `${id}?api-version=${version}`);
  return (JSON.parse(text) as { properties: Properties }).properties;
}

const steps = (seen: ClusterStatus) => {
  const at = (id: string) => seen.status.steps.find((step) => step.id === id);
  return { networkEnded: at('network')?.endedAt ?? '', imageStarted: at('image')?.startedAt ?? '' };
};

describe('an account of its own cluster', () => {
  it('lets in the subnets, the networks asked for and Capstan, and nobody else', async () => {
    const storage = { networkAccess: 'selectedNetworks', allowedNetworks: ['198.51.100.0/24'] };
    const seen = await settled('selected', { storage });
    expect(seen.status.phase, story(seen)).toBe('Ready');
    const { publicNetworkAccess, networkAcls } = await accountOf(seen);
    expect([publicNetworkAccess, networkAcls?.defaultAction]).toEqual(['Enabled', 'Deny']);
    expect(networkAcls?.ipRules.map(({ value }) => value)).toEqual(['198.51.100.0/24', '203.0.113.10']);
    expect(networkAcls?.virtualNetworkRules.map(({ id }) => id.split('/').at(-1))).toEqual([
      'selected-controlplane-subnet',
      'selected-node-subnet',
    ]);
    const { networkEnded, imageStarted } = steps(seen);
    expect(networkEnded <= imageStarted).toBe(true);
  });

  it('is reached through a private endpoint alone when it is private, and open to Capstan only for the copy', async () => {
    const seen = await settled('private', { storage: { networkAccess: 'private' } });
    expect(seen.status.phase, story(seen)).toBe('Ready');
    const { publicNetworkAccess, networkAcls } = await accountOf(seen);
    expect([publicNetworkAccess, networkAcls?.defaultAction]).toEqual(['Disabled', 'Deny']);
    expect(networkAcls?.ipRules.map(({ value }) => value)).toEqual(['203.0.113.10']);
    const kinds = seen.status.inventory.filter(({ state }) => state === 'created').map(({ kind }) => kind);
    expect(kinds).toEqual(
      expect.arrayContaining(['privateEndpoint', 'privateDnsZone', 'privateDnsZoneLink', 'privateDnsZoneGroup']),
    );
    const account =
      seen.status.inventory
        .find(({ kind }) => kind === 'storageAccount')
        ?.id.split('/')
        .at(-1) ?? '';
    const zone = seen.status.inventory.find(({ kind }) => kind === 'privateDnsZone')?.id ?? '';
    expect((await propertiesOf(`${zone}/A/${account}`, '2024-06-01')).aRecords).toHaveLength(1);
  });

  it('is opened again for a run that continues, and closed again', async () => {
    await stack.fault({ capacity: { size: 'Standard_B2s', location: 'westeurope' } });
    const patch = { controlPlane: { replicas: 1, vmSize: 'Standard_B2s' }, storage: { networkAccess: 'private' } };
    const first = await settled('again', patch);
    expect(first.status.steps.find(({ id }) => id === 'image')?.state).toBe('done');
    expect([first.status.phase, (await accountOf(first)).publicNetworkAccess]).toEqual(['Failed', 'Disabled']);
    await fetch(`${stack.gatewayUrl}/_simulator/faults`, { method: 'DELETE' });
    await stack.post(sampleDocument({ ...small, ...patch }, 'again'));
    await stack.until('again', ({ status }) => status.operation.id !== first.status.operation.id);
    const second = await stack.settled('again');
    expect(second.status.phase, story(second)).toBe('Ready');
    expect((await accountOf(second)).publicNetworkAccess).toBe('Disabled');
  });

  it('goes with its cluster, and the zone with the last one', async () => {
    for (const name of ['selected', 'private', 'again']) await stack.request('DELETE', `/api/clusters/${name}`);
    for (const name of ['selected', 'private', 'again']) {
      const seen = await stack.until(name, ({ status }) => status.phase === 'Deleted' || status.phase === 'Failed');
      expect(seen.status.phase, story(seen)).toBe('Deleted');
    }
    const left = (await stack.resources()).filter(
      ({ id }) => /\/resourceGroups\/platform\//i.test(id) && /storage|private/i.test(id),
    );
    expect(left.map(({ id }) => id)).toEqual([]);
    expect(await stack.unmodelled()).toEqual([]);
  });
});
