import { describe, expect, it } from 'vitest';
import { deletionWaves } from '#domain/plan/deletion.ts';
import { shapeOf } from '#domain/plan/shape.ts';
import { parseClusterText } from '#domain/spec/parse.ts';
import { sampleDocument, samplePlan } from '../../support/sample-plan.ts';

const capstanNetwork = { addresses: ['203.0.113.10'] };
const planOf = (storage: object, facts: object = { capstanNetwork }) => samplePlan({ spec: { storage }, facts });
const imageWaves = (storage: object, facts?: object) => shapeOf(planOf(storage, facts)).waves.image;

describe('the plan of a storage account', () => {
  it('of the user, or open to everybody, has no network rules and waits for no network', () => {
    for (const storage of [{}, { account: 'stown', networkAccess: 'private' }]) {
      const plan = planOf(storage);
      expect(plan.storage.network).toBeUndefined();
      expect(shapeOf(plan).imageAfterNetwork).toBeUndefined();
      expect(imageWaves(storage)).toEqual([['storageAccount'], ['blobContainer'], ['image']]);
    }
  });

  it('for selected networks comes after the network and lets in both subnets, the networks asked for and Capstan', () => {
    const storage = { networkAccess: 'selectedNetworks', allowedNetworks: ['198.51.100.7', '198.51.100.7'] };
    const plan = planOf(storage);
    expect(plan.storage.network).toMatchObject({ mode: 'selectedNetworks', closes: false });
    expect(plan.storage.network?.addresses).toEqual(['198.51.100.7', '203.0.113.10']);
    expect(plan.storage.network?.subnetIds).toEqual([plan.network.controlPlaneSubnet.id, plan.network.workerSubnet.id]);
    expect(shapeOf(plan).imageAfterNetwork).toBe(true);
    expect(plan.resources.find(({ key }) => key === 'storageAccount')?.needs).toEqual(['virtualNetwork']);
  });

  it('that is private has endpoint, zone, link and record before the copy, and is closed after the image', () => {
    const waves = imageWaves({ networkAccess: 'private' }) ?? [];
    expect(waves.slice(-2)).toEqual([['image'], ['storageClosure']]);
    expect(waves.slice(0, -2).flat().toSorted()).toEqual([
      'blobContainer',
      'privateDnsZone',
      'privateDnsZoneGroup',
      'privateDnsZoneLink',
      'privateEndpoint',
      'storageAccount',
    ]);
  });

  it('that is private is never open where Capstan comes through the private endpoint', () => {
    expect(planOf({ networkAccess: 'private' }, {}).storage.network).toMatchObject({ addresses: [], closes: false });
    expect(imageWaves({ networkAccess: 'private' }, {})?.at(-1)).toEqual(['image']);
  });

  it('uses a zone of the user, and neither makes nor links one', () => {
    const zone =
      '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/hub/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net';
    const { resources } = planOf({ networkAccess: 'private', privateDnsZone: zone });
    expect(resources.find(({ key }) => key === 'privateDnsZone')).toMatchObject({ id: zone, owned: false });
    expect(resources.some(({ key }) => key === 'privateDnsZoneLink')).toBe(false);
    expect(resources.find(({ key }) => key === 'privateDnsZoneGroup')?.detail).toMatchObject({ zoneId: zone });
  });

  it('is taken away in reverse: endpoint and link before the network, account and zone last', () => {
    const waves = deletionWaves(planOf({ networkAccess: 'private' }).resources);
    const rank = (key: string) => waves.findIndex((wave) => wave.includes(key));
    expect(rank('privateEndpoint')).toBeLessThan(rank('virtualNetwork'));
    expect(rank('privateDnsZoneLink')).toBeLessThan(rank('privateDnsZone'));
    expect(rank('privateEndpoint')).toBeLessThan(rank('storageAccount'));
    expect([rank('storageClosure'), rank('privateDnsZoneGroup')]).toEqual([-1, -1]);
  });
});

describe('a request for network rules', () => {
  const problems = (storage: object) => {
    const parsed = parseClusterText(
      JSON.stringify({ ...sampleDocument(), spec: { ...sampleDocument().spec, storage } }),
    );
    return 'error' in parsed ? (parsed.error.problems ?? []).map(({ path }) => path) : [];
  };

  it.each([
    [{ networkAccess: 'selectedNetworks', allowedNetworks: ['10.1.0.0/16'] }, ['spec.storage.allowedNetworks[0]']],
    [{ networkAccess: 'selectedNetworks', allowedNetworks: ['198.51.100.7/32'] }, ['spec.storage.allowedNetworks[0]']],
    [{ networkAccess: 'selectedNetworks', allowedNetworks: ['198.51.100.300'] }, ['spec.storage.allowedNetworks[0]']],
    [{ allowedNetworks: ['198.51.100.7'] }, ['spec.storage.allowedNetworks']],
    [
      { account: 'stown', networkAccess: 'selectedNetworks', allowedNetworks: ['198.51.100.7'] },
      ['spec.storage.allowedNetworks'],
    ],
    [{ networkAccess: 'selectedNetworks', allowedNetworks: ['198.51.100.7', '198.51.100.0/24'] }, []],
  ])('%j is told what is wrong with it', (storage, paths) => {
    expect(problems(storage)).toEqual(paths);
  });
});
