import { describe, expect, it } from 'vitest';
import type { ResourceKind } from '#domain/plan/types.ts';
import { kinds } from '../../../azure/kinds.ts';
import { actionsOf, neededActions } from '../../../azure/preflight/actions.ts';
import { actionsOfCall } from '../../../scripts/role/actions.ts';
import { type Recording, roleDefinitions } from '../../../scripts/role/definitions.ts';
import recorded from '../../../scripts/role/calls.json' with { type: 'json' };
import { samplePlan } from '../../support/sample-plan.ts';

/** What preflight asks for is held to the calls that whole lives of clusters made. */
const recording = recorded as Recording;
const calls = [...recording.dynamic, ...recording.static];
const planned = new Set(
  (Object.keys(kinds) as ResourceKind[]).flatMap(actionsOf).map((action) => action.toLowerCase()),
);
const made = new Set(calls.flatMap(({ call }) => actionsOfCall(call)).map((action) => action.toLowerCase()));

/** Reads around a cluster: before it is planned, while Azure works, and of what is left. */
const reads = [
  'Microsoft.Authorization/permissions/read',
  'Microsoft.Authorization/policyAssignments/read',
  'Microsoft.Compute/locations/capsOperations/read',
  'Microsoft.Compute/locations/diskOperations/read',
  'Microsoft.Compute/locations/operations/read',
  'Microsoft.Compute/locations/usages/read',
  'Microsoft.Compute/skus/read',
  'Microsoft.Network/locations/checkDnsNameAvailability/read',
  'Microsoft.Network/locations/operations/read',
  'Microsoft.Network/locations/usages/read',
  'Microsoft.Network/privateDnsOperationStatuses/read',
  'Microsoft.Resources/subscriptions/providers/read',
  'Microsoft.Resources/subscriptions/resourceGroups/read',
  'Microsoft.Resources/subscriptions/resourceGroups/resources/read',
  'Microsoft.Storage/checknameavailability/read',
].map((action) => action.toLowerCase());

/** Asked for by the check of data roles (dataRoleCheck), since only some ways of copying list keys. */
const elsewhere = ['Microsoft.Storage/storageAccounts/listKeys/action'.toLowerCase()];

/** A life without zones, or the end of what goes with its parent: asked for, and in no recorded life. */
const unrecorded = [
  /\/availabilitySets\//i,
  /\/inboundNatRules\/delete$/i,
  /\/privateDnsZoneGroups\/delete$/i,
  /\/containers\/delete$/i,
  /\/privateDnsZones\/A\//i,
  /^Microsoft.ContainerService\/managedClusters\//i,
];

describe('the actions that preflight asks for', () => {
  it('hold every call of a recorded life', () => {
    const known = new Set([...planned, ...reads, ...elsewhere]);
    const own = calls.map(({ call }) => ({ call, action: actionsOfCall(call)[0]?.toLowerCase() }));
    expect(own.filter(({ action }) => action !== undefined && !known.has(action))).toEqual([]);
    expect(reads.filter((action) => !made.has(action))).toEqual([]);
  });

  it('are made in a recorded life, each of them', () => {
    const idle = [...planned].filter((action) => !made.has(action) && !unrecorded.some((rare) => rare.test(action)));
    expect(idle).toEqual([]);
  });

  it.each([
    ['open', {}],
    ['selectedNetworks', { storage: { networkAccess: 'selectedNetworks' } }],
    ['private', { storage: { networkAccess: 'private' } }],
    ['through a disk', { image: { vhd: 'https://a.blob.core.windows.net/b/c.vhd', through: 'disk' } }],
  ])('are granted by the generated roles for a cluster whose storage is %s', (_, spec) => {
    const roles = roleDefinitions([]);
    const granted = new Set([...roles.dynamic.Actions, ...roles.grant.Actions].map((action) => action.toLowerCase()));
    const needed = [...neededActions(samplePlan({ spec })).values()].flat();
    expect(needed.filter((action) => !granted.has(action.toLowerCase()))).toEqual([]);
  });

  it('name what rules of an account and a private zone need at a network that is not made', () => {
    const subnetId =
      '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/apps/providers/Microsoft.Network/virtualNetworks/apps/subnets/capstan';
    const capstanNetwork = { subnetId, addresses: [] };
    const plan = samplePlan({ spec: { storage: { networkAccess: 'private' } }, facts: { capstanNetwork } });
    const needed = neededActions(plan);
    expect(needed.get(subnetId.split('/subnets/')[0] ?? '')).toEqual([
      'Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action',
    ]);
    const group = `/subscriptions/${plan.azure.subscriptionId}/resourceGroups/platform`;
    expect(needed.get(group)).toContain('Microsoft.Network/virtualNetworks/join/action');
    expect(needed.get(group)).not.toContain('Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action');
    expect([...neededActions(samplePlan()).values()].flat().join()).not.toContain('joinViaServiceEndpoint');
  });
});
