import type { NetworkSecurityGroup } from '@azure/arm-network';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '#domain/secret.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { cloudOf } from '../../../azure/clients/cloud.ts';
import { imageSpec } from '../../../azure/image/spec.ts';
import { inboundNatRuleSpec } from '../../../azure/inboundNatRule/spec.ts';
import { loadBalancerSpec } from '../../../azure/loadBalancer/spec.ts';
import { natGatewaySpec } from '../../../azure/natGateway/spec.ts';
import { networkInterfaceSpec } from '../../../azure/networkInterface/spec.ts';
import { networkSecurityGroupSpec } from '../../../azure/networkSecurityGroup/spec.ts';
import { publicIPAddressSpec } from '../../../azure/publicIPAddress/spec.ts';
import { parseArmId } from '../../../azure/resource/arm-id.ts';
import { covers, merged } from '../../../azure/resource/covers.ts';
import { roleAssignmentId, roleAssignmentSpec } from '../../../azure/roleAssignment/spec.ts';
import { storageAccountSpec } from '../../../azure/storageAccount/spec.ts';
import { virtualMachineSpec } from '../../../azure/virtualMachine/spec.ts';
import { virtualNetworkSpec } from '../../../azure/virtualNetwork/spec.ts';
import type { SpecInput } from '../../../azure/resource/kind.ts';
import { samplePlan } from '../../support/sample-plan.ts';

const owned = 'sigs.k8s.io_cluster-api-provider-azure_cluster_demo';
const outputs = { identity: { principalId: 'p-1' } };

function input(key: string, plan: ClusterPlan = samplePlan(), more: Partial<SpecInput> = {}): SpecInput {
  const resource = plan.resources.find((candidate) => candidate.key === key)!;
  return { plan, resource, outputs, cloud: cloudOf('public'), ...more };
}

describe('desired state', () => {
  it('of the network: both subnets in one write, private, with their groups; CAPZ is not told to manage it', () => {
    const spec = virtualNetworkSpec(input('virtualNetwork'), undefined)!;
    expect(spec.tags).toEqual({ department: 'finance', capstan_cluster_demo: 'owned', Name: 'demo-vnet' });
    expect(natGatewaySpec(input('natGateway'), undefined)?.tags).not.toHaveProperty([owned]);
    expect(spec.subnets?.map((subnet) => [subnet.name, subnet.defaultOutboundAccess])).toEqual([
      ['demo-controlplane-subnet', false],
      ['demo-node-subnet', false],
    ]);
    const [controlPlane, worker] = spec.subnets ?? [];
    expect(controlPlane?.networkSecurityGroup?.id).toMatch(/demo-controlplane-nsg$/);
    expect(worker?.natGateway?.id).toMatch(/demo-node-natgw-1$/);
    expect(
      [controlPlane?.routeTable?.id, worker?.routeTable?.id].every((id) => id?.endsWith('demo-node-routetable')),
    ).toBe(true);
  });

  it('of the security group: SSH closed by a rule of our own unless ranges are named, the API limited to its ranges', () => {
    const rules = (spec: Record<string, unknown>, more = {}) => {
      const plan = samplePlan({ spec });
      return networkSecurityGroupSpec(input('controlPlaneSecurityGroup', plan, more), undefined)?.securityRules ?? [];
    };
    expect(rules({})).toMatchObject([
      { name: 'deny_ssh', priority: 2200, access: 'Deny', destinationPortRange: '22', sourceAddressPrefix: '*' },
      {
        name: 'allow_apiserver',
        priority: 2201,
        access: 'Allow',
        protocol: 'Tcp',
        destinationPortRange: '6443',
        sourceAddressPrefix: '*',
      },
    ]);
    const limited = {
      network: { api: { allowedCidrs: ['203.0.113.0/24'] }, ssh: { allowedCidrs: ['198.51.100.7/32'] } },
    };
    const addresses = { outputs: { natGatewayPublicIp: { ipAddress: '20.1.2.3' } } };
    expect(rules(limited, addresses)).toMatchObject([
      { name: 'allow_ssh', access: 'Allow', sourceAddressPrefix: '198.51.100.7/32' },
      { name: 'allow_apiserver', sourceAddressPrefixes: ['203.0.113.0/24', '20.1.2.3/32'] },
    ]);
    expect(networkSecurityGroupSpec(input('workerSecurityGroup'), undefined)?.securityRules).toBeUndefined();
  });

  it('of an existing security group: callers that went are closed out, rules of others stay, the same is no write', () => {
    const plan = (api: string[], ssh: string[]) =>
      samplePlan({ spec: { network: { api: { allowedCidrs: api }, ssh: { allowedCidrs: ssh } } } });
    const [a, b] = ['203.0.113.0/24', '198.51.100.0/24'];
    const spec = (wanted: ReturnType<typeof plan>, existing?: NetworkSecurityGroup) =>
      networkSecurityGroupSpec(input('controlPlaneSecurityGroup', wanted), existing);
    const made = spec(plan([a, b], [a]))!;
    const theirs = { name: 'theirs', priority: 100, protocol: 'Tcp', direction: 'Inbound', access: 'Allow' } as const;
    const existing = { ...made, securityRules: [...(made.securityRules ?? []), theirs] };
    expect(spec(plan([a, b], [a]), existing)).toBeUndefined();
    const seen = (rules: NetworkSecurityGroup | undefined) =>
      (rules?.securityRules ?? [])
        .map(({ name, sourceAddressPrefix, sourceAddressPrefixes }) => [
          name,
          sourceAddressPrefix ?? sourceAddressPrefixes,
        ])
        .toSorted(([x], [y]) => (String(x) < String(y) ? -1 : 1));
    expect(seen(spec(plan([b], []), existing))).toEqual([
      ['allow_apiserver', b],
      ['deny_ssh', '*'],
      ['theirs', undefined],
    ]);
    expect(seen(spec(plan([], [a, b]), existing))).toEqual([
      ['allow_apiserver', '*'],
      ['allow_ssh', [a, b]],
      ['theirs', undefined],
    ]);
  });

  it('of the load balancer follows the table of CAPZ', () => {
    const spec = loadBalancerSpec(input('loadBalancer'), undefined)!;
    expect(spec.sku?.name).toBe('Standard');
    expect(spec.frontendIPConfigurations?.[0]).toMatchObject({ name: 'demo-public-lb-frontEnd' });
    expect(spec.backendAddressPools?.[0]?.name).toBe('demo-public-lb-backendPool');
    expect(spec.loadBalancingRules?.[0]).toMatchObject({
      name: 'LBRuleHTTPS',
      frontendPort: 6443,
      backendPort: 6443,
      disableOutboundSnat: true,
      idleTimeoutInMinutes: 4,
      enableFloatingIP: false,
    });
    expect(spec.probes?.[0]).toMatchObject({
      name: 'HTTPSProbe',
      protocol: 'Https',
      requestPath: '/readyz',
      intervalInSeconds: 15,
      probeThreshold: 1,
    });
    expect(spec.outboundRules?.[0]?.name).toBe('OutboundNATAllProtocols');
    expect(spec.tags).toMatchObject({ [owned]: 'owned', 'sigs.k8s.io_cluster-api-provider-azure_role': 'apiserver' });
    expect(inboundNatRuleSpec(input('inboundNatRule'), undefined)).toMatchObject({
      frontendPort: 2201,
      backendPort: 22,
    });
  });

  it('of addresses: zone-redundant where there are zones, with the DNS label of the API server', () => {
    const api = publicIPAddressSpec(input('apiPublicIp'), undefined)!;
    expect(api).toMatchObject({
      zones: ['1', '2', '3'],
      publicIPAllocationMethod: 'Static',
      sku: { name: 'Standard' },
    });
    expect(api.dnsSettings?.domainNameLabel).toMatch(/^demo-[0-9a-f]+$/);
    expect(publicIPAddressSpec(input('natGatewayPublicIp'), undefined)?.dnsSettings).toBeUndefined();
    const plain = samplePlan({ facts: { regionZones: [], vmSizes: {} } });
    expect(publicIPAddressSpec(input('apiPublicIp', plain), undefined)?.zones).toBeUndefined();
  });

  it('of the first machine: names, disks and tags of CAPZ, the identity in its own letter case, no public address', () => {
    const plan = samplePlan();
    const spec = virtualMachineSpec(
      input('virtualMachine', plan, { customData: new Secret('#cloud-config') }),
      undefined,
    ) as any;
    const name = plan.controlPlane.machineName;
    expect(spec.zones).toEqual(['1']);
    expect(spec.storageProfile.osDisk).toMatchObject({
      name: `${name}_OSDisk`,
      createOption: 'FromImage',
      deleteOption: 'Delete',
    });
    expect(spec.storageProfile.dataDisks[0]).toMatchObject({ name: `${name}_etcddisk`, lun: 0, diskSizeGB: 256 });
    expect(Object.keys(spec.identity.userAssignedIdentities)).toEqual([plan.identity.id]);
    expect(spec.osProfile).toMatchObject({
      computerName: name,
      adminUsername: 'capi',
      customData: Buffer.from('#cloud-config').toString('base64'),
    });
    expect(spec.tags).toMatchObject({ 'kubernetes.io_cluster_demo': 'owned', Name: name });
    expect(spec.storageProfile.imageReference.id).toBe(plan.image.id);
    const nic = networkInterfaceSpec(input('networkInterface', plan), undefined)!;
    expect(nic.ipConfigurations?.[0]).toMatchObject({ name: 'pipConfig' });
    expect(nic.ipConfigurations?.[0]?.publicIPAddress).toBeUndefined();
  });

  it('of the first machine without zones: an availability set; without keys: one that nobody holds', () => {
    const plan = samplePlan({ spec: { sshKeys: [] }, facts: { regionZones: [], vmSizes: {} } });
    const spec = virtualMachineSpec(
      input('virtualMachine', plan, { customData: new Secret('#cloud-config') }),
      undefined,
    ) as any;
    expect(spec.zones).toBeUndefined();
    expect(spec.availabilitySet.id).toMatch(/demo_control-plane-as$/);
    expect(spec.osProfile.linuxConfiguration.ssh.publicKeys[0].keyData).toMatch(/^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5/);
  });

  it('refuses cloud-init that Azure would refuse', () => {
    const big = input('virtualMachine', samplePlan(), { customData: new Secret('x'.repeat(60_000)) });
    expect(virtualMachineSpec(big, undefined)).toMatchObject({ code: 'CAP-3010' });
  });

  it('of the account: TLS 1.2, never public, keys only while SAS is wanted', () => {
    const access = (storage: Record<string, unknown>) =>
      storageAccountSpec(input('storageAccount', samplePlan({ spec: { storage } })), undefined);
    expect(access({})).toMatchObject({
      minimumTlsVersion: 'TLS1_2',
      allowBlobPublicAccess: false,
      allowSharedKeyAccess: true,
    });
    expect(access({ sharedKeyAccess: 'denied' })).toMatchObject({ allowSharedKeyAccess: false });
    expect(access({ authentication: 'entra' })).toMatchObject({ allowSharedKeyAccess: false });
  });

  it('of the image: made from the copied blob', () => {
    const plan = samplePlan();
    const { account, container, blob } = plan.storage;
    expect(imageSpec(input('image', plan), undefined)?.storageProfile?.osDisk?.blobUri).toBe(
      `https://${account.name}.blob.core.windows.net/${container.name}/${blob}`,
    );
  });

  it('of role assignments: one name for one principal, another for another', () => {
    const one = roleAssignmentId(input('groupRole'));
    expect(one).toBe(roleAssignmentId(input('groupRole')));
    expect(one).not.toBe(
      roleAssignmentId(input('groupRole', samplePlan(), { outputs: { identity: { principalId: 'p-2' } } })),
    );
    expect(one).toMatch(/\/roleAssignments\/[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(roleAssignmentSpec(input('groupRole'), undefined)).toMatchObject({
      principalType: 'ServicePrincipal',
      principalId: 'p-1',
    });
    expect(roleAssignmentId(input('groupRole', samplePlan(), { outputs: {} }))).toMatchObject({ code: 'CAP-3011' });
  });

  it('is nothing to do when what exists has it, in any letter case of ids, with anything added', () => {
    const upper = (value: unknown): unknown =>
      typeof value === 'string' && value.startsWith('/')
        ? value.toUpperCase()
        : Array.isArray(value)
          ? value.map(upper)
          : value && typeof value === 'object'
            ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, upper(item)]))
            : value;
    for (const [key, spec] of [
      ['virtualNetwork', virtualNetworkSpec],
      ['loadBalancer', loadBalancerSpec],
      ['natGateway', natGatewaySpec],
      ['inboundNatRule', inboundNatRuleSpec],
    ] as const) {
      const wanted: any = spec(input(key), undefined);
      expect(
        spec(input(key), upper({ ...wanted, more: 1, tags: { ...wanted.tags, theirs: 'x' } }) as never),
        key,
      ).toBeUndefined();
    }
  });
});

describe('comparing only what we own', () => {
  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.string(),
      fc.integer(),
      fc.boolean(),
      fc.dictionary(fc.string({ minLength: 1, maxLength: 4 }), tie('value'), { maxKeys: 4 }),
    ),
  })).value;

  it('what was merged is covered, and stays so', () => {
    fc.assert(
      fc.property(json, json, (actual, wanted) => {
        const result = merged(actual, wanted);
        expect(covers(result, wanted)).toBe(true);
        expect(merged(result, wanted)).toEqual(result);
      }),
    );
  });

  it('keeps named elements of others and changes its own', () => {
    const actual = {
      rules: [
        { name: 'A', port: 1, etag: 'x' },
        { name: 'theirs', port: 9 },
      ],
    };
    expect(merged(actual, { rules: [{ name: 'a', port: 2 }] })).toEqual({
      rules: [
        { name: 'theirs', port: 9 },
        { name: 'a', port: 2, etag: 'x' },
      ],
    });
  });

  it('splits ids by their last provider', () => {
    expect(
      parseArmId(
        '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/providers/Microsoft.Authorization/roleAssignments/r',
      ),
    ).toMatchObject({
      subscriptionId: 's',
      resourceGroup: 'g',
      type: 'Microsoft.Authorization/roleAssignments',
      names: ['r'],
      scope: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v',
    });
    expect(() => parseArmId('nonsense')).toThrow(/not the id/);
  });
});
