import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { missingActions, neededActions } from '../../../azure/preflight/actions.ts';
import {
  addressCheck,
  coreChecks,
  nameCheck,
  quotaCheck,
  roomChecks,
  sizeChecks,
  versionCheck,
} from '../../../azure/preflight/checks.ts';
import { coreDemand } from '../../../azure/preflight/demand.ts';
import { criticalPath } from '#domain/plan/estimate.ts';
import { laterResources } from '#domain/plan/later.ts';
import { networkCheck, overlapCheck } from '../../../azure/preflight/readings.ts';
import { covers, differences } from '../../../azure/resource/covers.ts';
import { skuCatalogue } from '../../../azure/facts/skus.ts';
import { tenantOf } from '../../../azure/facts/facts.ts';
import { sampleFacts, samplePlan } from '../../support/sample-plan.ts';

const nothing = { found: new Map<string, readonly string[]>(), foreign: [], full: [], machineSizes: [] };

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

  it('let a change pass that needs no more, also where the quota was lowered below what is used', () => {
    const lowered = [{ name: 'cores', used: 40, limit: 30 }];
    const check = (needed: number) =>
      quotaCheck('quota:cores', 'Quota of the region', 'CAP-2005', needed, 'cores', ['cores'], 'westeurope', lowered);
    expect(check(0)).toMatchObject({ ok: true, detail: 'no more cores needed, 0 free' });
    expect(check(-2).ok).toBe(true);
    expect(check(1)).toMatchObject({ ok: false, error: { code: 'CAP-2005' } });
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
      addressCheck(
        samplePlan(),
        {
          ...nothing,
          found: new Map([
            ['apiPublicIp', []],
            ['natGatewayPublicIp', []],
          ]),
        },
        [{ name: 'PublicIPAddresses', used: 10, limit: 10 }],
      ).ok,
    ).toBe(true);
  });

  it('name every missing action once, and respect wildcards and notActions', () => {
    const group = '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform';
    const scopes = neededActions(samplePlan());
    // The reading of VM sizes is granted at the subscription, so the right to grant is needed there too.
    expect([...scopes.keys()]).toEqual([group, group.split('/resourceGroups')[0]]);
    const needed = scopes.get(group) ?? [];
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
    const { resources } = samplePlan({ spec: { storage: { networkAccess: 'private' } } });
    expect(roomChecks(nothing)).toEqual([]);
    // Accounts and images have a next one; the name of a private zone is the only one.
    expect(roomChecks({ full: resources })).toMatchObject([
      { ok: false, error: { code: 'CAP-3019', remedy: expect.stringContaining('spec.storage.privateDnsZone') } },
    ]);
    const other = sampleFacts({ imageSource: { etag: 'x', sizeBytes: 1, kubernetesVersion: 'v1.34.1' } });
    expect(versionCheck(plan, other)).toMatchObject({
      ok: false,
      error: { code: 'CAP-2020', remedy: expect.stringContaining('Set spec.kubernetes.version to v1.34.1') },
    });
    const patch = sampleFacts({ imageSource: { etag: 'x', sizeBytes: 1, kubernetesVersion: 'v1.33.9' } });
    expect(versionCheck(plan, patch)).toMatchObject({ ok: true, detail: expect.stringContaining('warning') });
  });
});

describe('the ranges of a cluster', () => {
  it('may not overlap the network it stands in, nor one that is peered with it', () => {
    expect(overlapCheck(samplePlan(), ['10.90.0.0/16']).ok).toBe(true);
    const plan = samplePlan();
    expect(overlapCheck(plan, [plan.network.podCidr])).toMatchObject({
      ok: false,
      error: { code: 'CAP-2009', where: 'spec.network.podCidr', cause: expect.stringContaining('a peered network') },
    });
    const inside = { ...plan.network.virtualNetwork, cidrs: [plan.network.serviceCidr] };
    const clash = overlapCheck({ ...plan, network: { ...plan.network, virtualNetwork: inside } }, []);
    expect(clash.error?.remedy).toContain('Choose another range for spec.network.serviceCidr');
  });
});

describe('actions', () => {
  it('on what belongs to the user are asked for at the single resources, and never include a write', () => {
    const user = '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups';
    const identity = `${user}/ids/providers/Microsoft.ManagedIdentity/userAssignedIdentities/own`;
    const account = `${user}/storage/providers/Microsoft.Storage/storageAccounts/corpimages0001`;
    const plan = samplePlan({
      spec: {
        azure: {
          subscriptionId: '22222222-2222-4222-8222-222222222222',
          location: 'westeurope',
          resourceGroup: 'platform',
          identity,
        },
        storage: { account: 'corpimages0001', resourceGroup: 'storage', container: 'images' },
      },
      facts: { storageAccountName: 'corpimages0001', storageAccountExists: true },
    });
    const needed = neededActions(plan);
    expect(needed.get(identity)).toEqual([
      'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action',
      'Microsoft.ManagedIdentity/userAssignedIdentities/read',
    ]);
    expect(needed.get(account)).toEqual([
      'Microsoft.Storage/storageAccounts/blobServices/containers/read',
      'Microsoft.Storage/storageAccounts/read',
    ]);
    expect([...needed.keys()]).toHaveLength(3);
  });
});

describe('differences', () => {
  it('name the field, the tag and the named element that differ, and nothing when all is covered', () => {
    const actual = {
      location: 'westeurope',
      tags: { Name: 'a', 'x.y/z': '1' },
      sku: { name: 'Basic' },
      securityRules: [{ name: 'allow_apiserver', sourceAddressPrefix: '*', priority: 2201 }, { name: 'theirs' }],
      cidrs: ['10.0.0.0/8'],
    };
    const wanted = {
      location: 'westeurope',
      tags: { Name: 'a', 'x.y/z': '2', owner: 'us' },
      sku: { name: 'Standard' },
      securityRules: [
        { name: 'allow_apiserver', sourceAddressPrefix: '192.0.2.0/24', priority: 2201 },
        { name: 'deny_ssh' },
      ],
      cidrs: ['10.0.0.0/16'],
    };
    expect(differences(actual, wanted)).toEqual([
      'tags[x.y/z]',
      'tags[owner]',
      'sku.name',
      'securityRules[allow_apiserver].sourceAddressPrefix',
      'securityRules[deny_ssh]',
      'cidrs',
    ]);
    expect(differences(actual, { sku: { name: 'Basic' }, securityRules: [{ name: 'theirs' }] })).toEqual([]);
  });

  it('are there exactly when something is not covered', () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(json, json, (actual, wanted) => {
        expect(differences({ x: actual }, { x: wanted }).length === 0).toBe(covers({ x: actual }, { x: wanted }));
      }),
    );
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
    expect(laterResources(samplePlan())).toHaveLength(2 + 2 * 5 + 5 * 3);
  });
});

it('the tenant is read from a token, and from nothing else', () => {
  const token = `a.${Buffer.from(JSON.stringify({ tid: 't-1' })).toString('base64url')}.c`;
  expect(tenantOf(token)).toBe('t-1');
  expect(tenantOf('opaque')).toBeUndefined();
});
