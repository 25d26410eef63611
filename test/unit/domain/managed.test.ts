import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { managedShape } from '#domain/managed/shape.ts';
import { diffDocuments } from '#domain/spec/diff.ts';
import { parseClusterText, parseClusterValue } from '#domain/spec/parse.ts';
import { managedPlan, managedSample, rawManagedSample } from '../../support/managed-sample.ts';
import { sampleDocument } from '../../support/sample-plan.ts';

const system = { name: 'system', mode: 'System', replicas: 1, vmSize: 'Standard_D2s_v5' };
const pools = (...more: object[]) => ({ nodePools: [system, ...more] });
const control = (managedControlPlane: object) => ({ managedControlPlane });
const staticNetwork = { placement: 'static', resourceGroup: 'network', virtualNetwork: 'corp', subnet: 'nodes' };

function problemsOf(spec: object, tags: Record<string, string> = {}): string[] {
  const parsed = parseClusterValue(rawManagedSample(spec, 'aks', tags));
  return 'error' in parsed ? (parsed.error.problems ?? []).map(({ path, code }) => `${code} ${path}`) : [];
}

describe('a request for an AKS cluster', () => {
  it('is accepted as the sample has it', () => {
    const sample = readFileSync(new URL('../../../samples/aks.yaml', import.meta.url), 'utf8');
    const parsed = parseClusterText(sample);
    expect('document' in parsed && parsed.document.kind, JSON.stringify(parsed)).toBe('ManagedCluster');
  });

  it.each<[string, object]>([
    ['as users write it', control({ aadProfile: { managed: true, adminGroupObjectIDs: [] }, sku: 'Standard' })],
    ['tier in an object', control({ sku: { tier: 'Free' } })],
    ['a thousand nodes', pools({ name: 'many', replicas: 1000 })],
    ['none at all', pools({ name: 'none', replicas: 0 })],
    ['Windows', pools({ name: 'win', replicas: 1, osType: 'Windows' })],
    ['a proxy', { network: staticNetwork, proxy: { httpProxy: 'http://proxy:3128' } }],
    [
      'an older pool',
      { kubernetes: { version: 'v1.34.2' }, ...pools({ name: 'old', replicas: 1, version: 'v1.33.4' }) },
    ],
    ['an RSA key', { sshKeys: ['ssh-rsa AAAAB3NzaC1yc2E= ops'] }],
  ])('is accepted: %s', (_what, spec) => {
    expect(problemsOf(spec)).toEqual([]);
  });

  it.each<[string, object, string]>([
    ['no pool', { nodePools: [] }, 'CAP-1101 spec.nodePools'],
    ['no system pool', { nodePools: [{ name: 'a', replicas: 1 }] }, 'CAP-1101 spec.nodePools'],
    ['an empty system pool', { nodePools: [{ ...system, replicas: 0 }] }, 'CAP-1101 spec.nodePools[0].replicas'],
    [
      'a system pool that may become empty',
      { nodePools: [{ ...system, autoscaling: { min: 0, max: 3 } }] },
      'CAP-1101 spec.nodePools[0].replicas',
    ],
    [
      'a system pool with taints',
      { nodePools: [{ ...system, taints: [{ key: 'a', effect: 'NoSchedule' }] }] },
      'CAP-1101 spec.nodePools[0].taints',
    ],
    [
      'a Windows system pool',
      pools({ name: 'win', mode: 'System', replicas: 1, osType: 'Windows' }),
      'CAP-1101 spec.nodePools[1].osType',
    ],
    [
      'a long Windows name',
      pools({ name: 'windows', replicas: 1, osType: 'Windows' }),
      'CAP-1102 spec.nodePools[1].name',
    ],
    [
      'Windows with kubenet',
      { network: { plugin: 'kubenet' }, ...pools({ name: 'win', replicas: 1, osType: 'Windows' }) },
      'CAP-1102 spec.nodePools[1].osType',
    ],
    [
      'Ubuntu on Windows',
      pools({ name: 'win', replicas: 1, osType: 'Windows', osSku: 'Ubuntu' }),
      'CAP-1102 spec.nodePools[1].osSku',
    ],
    ['an ed25519 key', { sshKeys: ['ssh-ed25519 AAAAC3Nz ops'] }, 'CAP-1103 spec.sshKeys[0]'],
    [
      'bounds upside down',
      pools({ name: 'a', replicas: 1, autoscaling: { min: 5, max: 2 } }),
      'CAP-1104 spec.nodePools[1].autoscaling',
    ],
    [
      'nodes out of bounds',
      pools({ name: 'a', replicas: 9, autoscaling: { min: 1, max: 2 } }),
      'CAP-1104 spec.nodePools[1].replicas',
    ],
    ['too many nodes', pools({ name: 'a', replicas: 1001 }), 'CAP-1001 spec.nodePools[1].replicas'],
    [
      'local accounts disabled without Entra ID',
      control({ disableLocalAccounts: true }),
      'CAP-1105 spec.managedControlPlane.disableLocalAccounts',
    ],
    [
      'unmanaged Entra ID',
      control({ aadProfile: { managed: false } }),
      'CAP-1105 spec.managedControlPlane.aadProfile.managed',
    ],
    [
      'channels that contradict',
      control({ autoUpgradeProfile: { upgradeChannel: 'node-image', nodeOSUpgradeChannel: 'None' } }),
      'CAP-1106 spec.managedControlPlane.autoUpgradeProfile.nodeOSUpgradeChannel',
    ],
    [
      'an unknown channel',
      control({ autoUpgradeProfile: { upgradeChannel: 'fast' } }),
      'CAP-1001 spec.managedControlPlane.autoUpgradeProfile.upgradeChannel',
    ],
    ['an unknown tier', control({ sku: 'Gold' }), 'CAP-1001 spec.managedControlPlane.sku'],
    [
      'monitoring without a workspace',
      control({ addonProfiles: { omsagent: { enabled: true } } }),
      'CAP-1001 spec.managedControlPlane.addonProfiles.omsagent.config',
    ],
    ['a pool ahead', pools({ name: 'a', replicas: 1, version: 'v1.34.2' }), 'CAP-1107 spec.nodePools[1].version'],
    [
      'a pool too far behind',
      { kubernetes: { version: 'v1.35.5' }, ...pools({ name: 'a', replicas: 1, version: 'v1.31.1' }) },
      'CAP-1107 spec.nodePools[1].version',
    ],
    ['a proxy in a dynamic network', { proxy: { httpProxy: 'http://proxy:3128' } }, 'CAP-1006 spec.proxy'],
    [
      'static placement without a subnet',
      { network: { ...staticNetwork, subnet: undefined } },
      'CAP-1006 spec.network.subnet',
    ],
    ['routes of nobody', { network: { outbound: 'userDefinedRouting' } }, 'CAP-1006 spec.network.outbound'],
    ['pods over services', { network: { podCidr: '10.0.0.0/16' } }, 'CAP-1004 spec.network.podCidr'],
    ['a subnet outside', { network: { cidrs: { subnet: '10.1.0.0/16' } } }, 'CAP-1004 spec.network.cidrs.subnet'],
    [
      'pod range without a use',
      { network: { pluginMode: 'nodeSubnet', podCidr: '10.80.0.0/16' } },
      'CAP-1108 spec.network.podCidr',
    ],
    [
      'kubenet with a mode',
      { network: { plugin: 'kubenet', pluginMode: 'overlay' } },
      'CAP-1108 spec.network.pluginMode',
    ],
    [
      'a private API server with callers',
      { network: { api: { exposure: 'private', allowedCidrs: ['203.0.113.0/24'] } } },
      'CAP-1108 spec.network.api.allowedCidrs',
    ],
    [
      'add-ons without a way in',
      { network: { api: { exposure: 'private' } }, addOns: [{ name: 'a', manifests: ['x'] }] },
      'CAP-1011 spec.addOns',
    ],
    ['a field of the other kind', { controlPlane: {} }, 'CAP-1001 spec.controlPlane'],
  ])('is refused with a code and the field: %s', (_what, spec, problem) => {
    expect(problemsOf(spec)).toEqual([problem]);
  });

  it('refuses reserved words in tags, and reports them beside what the schema refuses', () => {
    expect(problemsOf({}, { owner: 'Windows team' })).toEqual(['CAP-1003 metadata.tags.owner']);
    expect(problemsOf(control({ sku: 'Gold' }), { azureTeam: 'a' })).toEqual([
      'CAP-1001 spec.managedControlPlane.sku',
      'CAP-1003 metadata.tags.azureTeam',
    ]);
  });
});

describe('a change of an AKS cluster', () => {
  const judged = (before: object, after: object) =>
    diffDocuments(managedSample(before), managedSample(after)).map(({ path, effect, code }) => [path, effect, code]);

  it.each<[string, object, object, unknown[]]>([
    [
      'scale',
      pools(),
      { nodePools: [{ ...system, replicas: 4 }] },
      ['spec.nodePools[system].replicas', 'in place', undefined],
    ],
    ['a new pool', pools(), pools({ name: 'b', replicas: 1 }), ['spec.nodePools[b]', 'in place', undefined]],
    ['a pool less', pools({ name: 'b', replicas: 1 }), pools(), ['spec.nodePools[b]', 'in place', undefined]],
    ['tier', {}, control({ sku: 'Free' }), ['spec.managedControlPlane.sku', 'in place', undefined]],
    ['one minor up', {}, { kubernetes: { version: 'v1.34.2' } }, ['spec.kubernetes.version', 'rollout', undefined]],
    ['two minors up', {}, { kubernetes: { version: 'v1.35.5' } }, ['spec.kubernetes.version', 'refused', 'CAP-1023']],
    ['back', { kubernetes: { version: 'v1.34.2' } }, {}, ['spec.kubernetes.version', 'refused', 'CAP-1008']],
    [
      'another size',
      pools(),
      { nodePools: [{ ...system, vmSize: 'Standard_D4s_v5' }] },
      ['spec.nodePools[system].vmSize', 'refused', 'CAP-1010'],
    ],
    ['another range', {}, { network: { podCidr: '10.80.0.0/16' } }, ['spec.network.podCidr', 'refused', 'CAP-1010']],
    [
      'Entra ID taken back',
      control({ sku: 'Standard', aadProfile: {} }),
      {},
      ['spec.managedControlPlane.aadProfile', 'refused', 'CAP-1010'],
    ],
  ])('is judged: %s', (_what, before, after, expected) => {
    expect(judged(before, after)).toEqual([expected]);
  });

  it('into a self-managed cluster is refused, and back', () => {
    const [self, managed] = [sampleDocument({}, 'aks'), managedSample()];
    for (const changes of [diffDocuments(self, managed), diffDocuments(managed, self)])
      expect(changes.map(({ path, effect, code }) => [path, effect, code])).toEqual([['kind', 'refused', 'CAP-1109']]);
  });
});

describe('the plan of an AKS cluster', () => {
  it('works on one pool at a time, after the control plane, whatever the pools are', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/), { maxLength: 8 }), (names) => {
        const plan = managedPlan(
          pools(...names.filter((name) => name !== 'system').map((name) => ({ name, replicas: 1 }))),
        );
        const { waves, stages = [] } = managedShape(plan, ['pool-gone']);
        expect(waves.nodePools?.every((wave) => wave.length === 1)).toBe(true);
        expect(waves.nodePools).toHaveLength(plan.managed.pools.length);
        const order = stages.flat();
        expect(order.indexOf('managedCluster')).toBeLessThan(order.indexOf('nodePools'));
        expect(order.indexOf('nodePools')).toBeLessThan(order.indexOf('poolRemovals'));
      }),
      { numRuns: 50 },
    );
  });
});
