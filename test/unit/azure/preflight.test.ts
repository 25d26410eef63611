import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { missingActions, neededActions } from '../../../azure/preflight/actions.ts';
import { addressCheck, coreChecks, nameCheck, sizeChecks, versionCheck } from '../../../azure/preflight/checks.ts';
import { coreDemand, machineResourceCount } from '../../../azure/preflight/demand.ts';
import { criticalPath } from '#domain/plan/estimate.ts';
import { networkCheck } from '../../../azure/preflight/readings.ts';
import { skuCatalogue } from '../../../azure/facts/skus.ts';
import { tenantOf } from '../../../azure/facts/facts.ts';
import { sampleFacts, samplePlan } from '../../support/sample-plan.ts';

const nothing = { keys: new Set<string>(), foreign: [], machineSizes: [] };

function sku(name: string, zones: string[], restrictions: object[] = []) {
  return {
    resourceType: 'virtualMachines',
    name,
    family: 'standardDSv5Family',
    locationInfo: [{ location: 'westeurope', zones }],
    capabilities: [
      { name: 'vCPUs', value: '4' },
      { name: 'MemoryGB', value: '16' },
    ],
    restrictions,
  } as never;
}

describe('the SKU catalogue', () => {
  it('takes restricted zones away, keeps the region zones of all sizes, and names unusable sizes', () => {
    const catalogue = skuCatalogue(
      [
        sku('Standard_D4s_v5', ['3', '1', '2']),
        sku('Standard_D4as_v5', ['1', '2', '3'], [{ type: 'Zone', restrictionInfo: { zones: ['3'] } }]),
        sku('Standard_E4s_v5', ['1'], [{ type: 'Location', reasonCode: 'NotAvailableForSubscription' }]),
        { resourceType: 'disks', name: 'Premium_LRS', locationInfo: [{ location: 'westeurope', zones: ['9'] }] },
      ],
      'westeurope',
    );
    expect(catalogue.zones).toEqual(['1', '2', '3']);
    expect(catalogue.sizes.get('standard_d4as_v5')?.zones).toEqual(['1', '2']);
    expect(catalogue.sizes.get('standard_e4s_v5')?.unavailable).toBe('NotAvailableForSubscription');
    expect(catalogue.sizes.get('standard_d4s_v5')).toMatchObject({ cores: 4, memoryGiB: 16 });
  });
});

describe('preflight checks', () => {
  it('say which size is not offered and which zones are left', () => {
    const facts = sampleFacts({
      vmSizes: {
        Standard_D2s_v5: { family: 'f', cores: 2, memoryGiB: 8, zones: ['1', '2', '3'] },
        Standard_D4s_v5: {
          family: 'f',
          cores: 4,
          memoryGiB: 16,
          zones: ['1'],
          unavailable: 'NotAvailableForSubscription',
        },
      },
    });
    const rows = sizeChecks(samplePlan({ facts }), facts);
    expect(rows).toMatchObject([
      { id: 'size:controlPlane', ok: true },
      { id: 'size:general', ok: false, error: { code: 'CAP-2003', cause: 'NotAvailableForSubscription' } },
    ]);
    const two = {
      ...facts,
      vmSizes: { ...facts.vmSizes, Standard_D4s_v5: { family: 'f', cores: 4, memoryGiB: 16, zones: ['1', '2'] } },
    };
    expect(sizeChecks(samplePlan({ facts: two }), two)[1]).toMatchObject({
      ok: true,
      detail: expect.stringContaining('not offered in 3'),
    });
    const only3 = samplePlan({
      spec: { workerPools: [{ name: 'p', replicas: 1, vmSize: 'Standard_D4s_v5', zones: ['3'] }] },
      facts: two,
    });
    expect(sizeChecks(only3, two)[1]).toMatchObject({
      ok: false,
      error: { code: 'CAP-2004', cause: expect.stringContaining('1, 2') },
    });
  });

  it('count one machine more per pool, and not what runs already', () => {
    const plan = samplePlan();
    const facts = sampleFacts();
    expect(coreDemand(plan, facts, []).total).toBe(4 * 2 + 6 * 4);
    expect(coreDemand(plan, facts, ['Standard_D2s_v5', 'standard_d4s_v5']).total).toBe(32 - 6);
  });

  it('name the quota that is too small and the limit that would do', () => {
    const quotas = [
      { name: 'cores', used: 0, limit: 100 },
      { name: 'StandardDSv5Family', used: 10, limit: 40 },
    ];
    const rows = coreChecks(samplePlan(), sampleFacts(), nothing, quotas);
    expect(rows.map((row) => row.ok)).toEqual([false, true]);
    expect(rows[0]?.error).toMatchObject({ code: 'CAP-2005', remedy: expect.stringContaining('at least 42') });
    expect(addressCheck(samplePlan(), nothing, [{ name: 'PublicIPAddresses', used: 9, limit: 10 }])).toMatchObject({
      ok: false,
      error: { code: 'CAP-2006' },
    });
    expect(
      addressCheck(samplePlan(), { ...nothing, keys: new Set(['apiPublicIp', 'natGatewayPublicIp']) }, [
        { name: 'PublicIPAddresses', used: 10, limit: 10 },
      ]).ok,
    ).toBe(true);
  });

  it('name every missing action once, and respect wildcards and notActions', () => {
    const needed = neededActions(samplePlan()).get('platform') ?? [];
    expect(missingActions(needed, [{ actions: ['*'] }])).toEqual([]);
    const contributor = [{ actions: ['*'], notActions: ['Microsoft.Authorization/*/Write'] }];
    expect(missingActions(needed, contributor)).toEqual(['Microsoft.Authorization/roleAssignments/write']);
    expect(
      missingActions(needed, [...contributor, { actions: ['Microsoft.Authorization/roleAssignments/*'] }]),
    ).toEqual([]);
    expect(missingActions(needed, [])).toEqual(needed);
    expect(new Set(needed).size).toBe(needed.length);
  });

  it('find subnets without room, names of others, and a version that differs', () => {
    expect(networkCheck(samplePlan()).ok).toBe(true);
    const tight = samplePlan({
      spec: {
        network: {
          cidrs: { virtualNetwork: '10.0.0.0/16', controlPlaneSubnet: '10.0.0.0/24', workerSubnet: '10.0.1.0/29' },
        },
      },
    });
    expect(networkCheck(tight)).toMatchObject({ ok: false, error: { code: 'CAP-2009' } });
    const plan = samplePlan();
    expect(nameCheck(plan, { ...nothing, foreign: [plan.resources[0]!] })).toMatchObject({
      ok: false,
      error: { code: 'CAP-2013' },
    });
    const other = sampleFacts({ imageSource: { etag: 'x', sizeBytes: 1, kubernetesVersion: 'v1.34.1' } });
    expect(versionCheck(plan, other)).toMatchObject({ ok: true, detail: expect.stringContaining('warning') });
  });
});

describe('duration', () => {
  it('follows the longest chain through steps and resources', () => {
    const plan = samplePlan();
    const path = criticalPath(plan);
    expect(path.resources.at(-1)).toBe('virtualMachine');
    expect(path.resources).toContain('storageAccount');
    expect(path.seconds).toBeGreaterThan(plan.resources.find((resource) => resource.key === 'virtualMachine')!.seconds);
  });

  it('never shrinks when a resource takes longer', () => {
    fc.assert(
      fc.property(fc.nat(15), fc.nat(500), (index, more) => {
        const plan = samplePlan();
        const slower = {
          ...plan,
          resources: plan.resources.map((resource, at) =>
            at === index ? { ...resource, seconds: resource.seconds + more } : resource,
          ),
        };
        expect(criticalPath(slower).seconds).toBeGreaterThanOrEqual(criticalPath(plan).seconds);
      }),
    );
  });

  it('counts what the controllers will make', () => {
    expect(machineResourceCount(samplePlan())).toBe(2 + 2 * 5 + 5 * 3);
  });
});

it('the tenant is read from a token, and from nothing else', () => {
  const token = `a.${Buffer.from(JSON.stringify({ tid: 't-1' })).toString('base64url')}.c`;
  expect(tenantOf(token)).toBe('t-1');
  expect(tenantOf('opaque')).toBeUndefined();
});
