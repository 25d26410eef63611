import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { availabilitySetSpec } from '#azure/availabilitySet/spec.ts';
import { cloudOf } from '#azure/clients/cloud.ts';
import { inboundNatRuleSpec } from '#azure/inboundNatRule/spec.ts';
import { loadBalancerSpec } from '#azure/loadBalancer/spec.ts';
import { networkInterfaceSpec } from '#azure/networkInterface/spec.ts';
import { networkSecurityGroupSpec } from '#azure/networkSecurityGroup/spec.ts';
import { publicIPAddressSpec } from '#azure/publicIPAddress/spec.ts';
import { routeTableSpec } from '#azure/routeTable/spec.ts';
import { virtualMachineSpec } from '#azure/virtualMachine/spec.ts';
import { bootstrapData, pivotDocuments, workloadDocuments } from '#domain/cluster-api/bundle.ts';
import { defaultedNetworkProblems } from '#kubernetes/pivot/gate-network.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { Secret } from '#domain/secret.ts';
import type { ArmClient } from '#local/kubernetes/controllers/capz/arm-client.ts';
import { azureJsonText } from '#local/kubernetes/controllers/capz/azure-json.ts';
import { withDefaults } from '#local/kubernetes/controllers/capz/defaults.ts';
import {
  ensureAvailabilitySet,
  ensureInboundNatRule,
  ensureNic,
  type MachineScope,
  vmBody,
  vmPath,
} from '#local/kubernetes/controllers/capz/machine-resources.ts';
import { networkSteps } from '#local/kubernetes/controllers/capz/network.ts';
import { scopeOf } from '#local/kubernetes/controllers/capz/spec.ts';
import { samplePlan } from '#test/support/sample-plan.ts';
import { observed, placeholderKeys } from './fixtures.ts';

/**
 * Both sides of the hand-over, computed from the same plan: what Capstan writes to Azure, and what CAPZ would write there
 * if it found nothing, from the documents alone. They are the same, part by part, up to what is listed below.
 */

const corp = '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/network/providers/Microsoft.Network';
const staticNetwork = {
  virtualNetworkId: `${corp}/virtualNetworks/corp-vnet`,
  cidrs: ['10.60.0.0/16'],
  controlPlaneSubnet: {
    id: `${corp}/virtualNetworks/corp-vnet/subnets/corp-cp`,
    name: 'corp-cp',
    cidr: '10.60.0.0/24',
    attached: { networkSecurityGroup: `${corp}/networkSecurityGroups/corp-cp-nsg` },
  },
  workerSubnet: {
    id: `${corp}/virtualNetworks/corp-vnet/subnets/corp-w`,
    name: 'corp-w',
    cidr: '10.60.1.0/24',
    attached: { networkSecurityGroup: `${corp}/networkSecurityGroups/corp-w-nsg`, routeTable: `${corp}/routeTables/r` },
  },
};

const patches = fc.record({
  name: fc.stringMatching(/^[a-z][a-z0-9-]{0,42}[a-z0-9]$/),
  minor: fc.integer({ min: 29, max: 36 }),
  replicas: fc.constantFrom(1, 3, 5),
  zones: fc.subarray(['1', '2', '3'], { minLength: 1 }),
  zoned: fc.boolean(),
  faultDomains: fc.constantFrom(undefined, 2, 3),
  placement: fc.constantFrom('dynamic', 'static'),
  exposure: fc.constantFrom('public', 'private'),
  fast: fc.boolean(),
  image: fc.constantFrom(
    { vhd: 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd' },
    {
      gallery: { id: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/a/images/b/versions/1' },
    },
    { communityGallery: { gallery: 'Public-1', name: 'ubuntu', version: '1.2.3' } },
  ),
  allowed: fc.constantFrom([], ['203.0.113.0/24'], ['203.0.113.0/24', '198.51.100.0/24']),
  ssh: fc.constantFrom([], ['192.0.2.0/24']),
});
type Patch = typeof patches extends fc.Arbitrary<infer Value> ? Value : never;

function planOf(patch: Patch): ClusterPlan {
  const { name, minor, replicas, zones, zoned, faultDomains, placement, exposure, fast, image, allowed, ssh } = patch;
  const size = (family: string, cores: number) => ({
    family,
    cores,
    memoryGiB: cores * 4,
    zones: zoned ? ['1', '2', '3'] : [],
    ...(fast ? { acceleratedNetworking: true } : {}),
  });
  const isStatic = placement === 'static';
  return samplePlan({
    name,
    spec: {
      kubernetes: { version: `v1.${minor}.2` },
      image,
      controlPlane: { replicas, vmSize: 'Standard_D2s_v5', zones },
      network: {
        api: { exposure, ...(exposure === 'private' ? {} : { allowedCidrs: allowed }) },
        ...(isStatic
          ? {
              placement,
              resourceGroup: 'network',
              virtualNetwork: 'corp-vnet',
              controlPlaneSubnet: 'corp-cp',
              workerSubnet: 'corp-w',
            }
          : { ssh: { allowedCidrs: ssh } }),
      },
    },
    facts: {
      regionZones: zoned ? ['1', '2', '3'] : [],
      vmSizes: { Standard_D2s_v5: size('a', 2), Standard_D4s_v5: size('b', 4) },
      ...(faultDomains === undefined ? {} : { faultDomains }),
      ...(isStatic ? { staticNetwork } : {}),
    },
  });
}

type Json = Record<string, any>;

/** ARM's `properties` taken out, as the SDK shows bodies; undefined members left out. */
function flat(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(flat);
  if (typeof value !== 'object' || value === null) return value;
  const { properties, ...rest } = value as Json;
  const entries = Object.entries({ ...rest, ...properties }).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries.map(([key, entry]) => [key, flat(entry)]));
}

const outputs = { apiPublicIp: { ipAddress: '20.0.0.1' }, natGatewayPublicIp: { ipAddress: '20.0.0.2' } };
const addresses = { ...observed, clusterAddresses: ['20.0.0.1', '20.0.0.2'] };

/** What Capstan writes, by id in lower case. */
function written(plan: ClusterPlan): Map<string, unknown> {
  const customData = bootstrapData({ plan, observed, keys: placeholderKeys });
  const specs: Record<string, (input: any, existing: undefined) => unknown> = {
    availabilitySet: availabilitySetSpec,
    inboundNatRule: inboundNatRuleSpec,
    loadBalancer: loadBalancerSpec,
    networkInterface: networkInterfaceSpec,
    networkSecurityGroup: networkSecurityGroupSpec,
    publicIPAddress: publicIPAddressSpec,
    routeTable: routeTableSpec,
    virtualMachine: virtualMachineSpec,
  };
  return new Map(
    plan.resources.flatMap((resource) => {
      const spec = resource.owned ? specs[resource.kind] : undefined;
      const input = { plan, resource, outputs, cloud: cloudOf('public'), customData };
      return spec === undefined ? [] : [[resource.id.toLowerCase(), flat(spec(input, undefined))] as const];
    }),
  );
}

function documentsOf(plan: ClusterPlan): Map<string, any> {
  const documents = pivotDocuments({ plan, observed: addresses, keys: placeholderKeys, kubeconfig: new Secret('k') });
  return new Map(documents.map((document) => [document.kind, JSON.parse(JSON.stringify(document))]));
}

/** An Azure in which nothing is but what CAPZ never makes here; keeps what is written. */
function recorder(plan: ClusterPlan, isManaged: boolean): { arm: ArmClient; writes: Map<string, Json> } {
  const writes = new Map<string, Json>();
  const { virtualNetwork } = plan.network;
  const owned = { [`sigs.k8s.io_cluster-api-provider-azure_cluster_${plan.name}`]: 'owned' };
  const there: Record<string, Json> = {
    [`/subscriptions/${plan.azure.subscriptionId}/resourcegroups/${plan.azure.resourceGroup}`.toLowerCase()]: {},
    [networkId(plan).toLowerCase()]: isManaged ? { tags: owned } : {},
    [`/subscriptions/${plan.azure.subscriptionId}/providers/microsoft.compute/skus`]: {
      value: [
        {
          resourceType: 'availabilitySets',
          name: 'Aligned',
          capabilities: [
            { name: 'MaximumPlatformFaultDomainCount', value: String(plan.controlPlane.faultDomains ?? 2) },
          ],
        },
        { resourceType: 'virtualMachines', name: plan.controlPlane.vmSize, capabilities: [] },
      ],
    },
  };
  for (const subnet of [plan.network.controlPlaneSubnet, plan.network.workerSubnet])
    there[`${networkId(plan)}/subnets/${subnet.name}`.toLowerCase()] = {};
  if (plan.network.natGateway !== undefined)
    there[networkId(plan, 'natGateways', plan.network.natGateway.name).toLowerCase()] = {};
  expect(virtualNetwork.name).not.toBe('');
  const arm = {
    get: async (path: string) => {
      const found = writes.get(path.toLowerCase()) ?? there[path.toLowerCase()];
      return found === undefined ? undefined : { properties: {}, ...found };
    },
    put: async (path: string, _version: string, body: Json) => {
      writes.set(path.toLowerCase(), body);
      return body;
    },
  };
  return { arm: arm as unknown as ArmClient, writes };
}

function networkId(plan: ClusterPlan, type = 'virtualNetworks', name = plan.network.virtualNetwork.name): string {
  const group = type === 'virtualNetworks' ? plan.network.virtualNetwork.resourceGroup : plan.azure.resourceGroup;
  return `/subscriptions/${plan.azure.subscriptionId}/resourceGroups/${group}/providers/Microsoft.Network/${type}/${name}`;
}

/** What CAPZ would write, by id in lower case. */
async function wanted(plan: ClusterPlan, isManaged: boolean): Promise<Map<string, unknown>> {
  const documents = documentsOf(plan);
  const { arm, writes } = recorder(plan, isManaged);
  const zones = Object.fromEntries(plan.regionZones.map((zone) => [zone, { controlPlane: true }]));
  const azureCluster = documents.get('AzureCluster');
  if (plan.regionZones.length > 0) azureCluster.status = { failureDomains: zones };
  const cluster = {
    ...documents.get('Cluster'),
    status: { failureDomains: plan.regionZones.map((name) => ({ name, controlPlane: true })) },
  };
  const machine = documents.get('Machine');
  const azureMachine = documents.get('AzureMachine');
  const scope = scopeOf(cluster, azureCluster);
  for (const step of networkSteps(arm, scope)) await step.run();
  const machineScope: MachineScope = {
    cluster: scope,
    machine,
    azureMachine,
    spec: azureMachine.spec,
    name: azureMachine.metadata.name,
    isControlPlane: true,
    zone: machine.spec.failureDomain,
    userData: bootstrapData({ plan, observed, keys: placeholderKeys }).reveal(),
  };
  await ensureInboundNatRule(arm, machineScope);
  await ensureNic(arm, machineScope);
  const availabilitySet = await ensureAvailabilitySet(arm, machineScope);
  writes.set(vmPath(machineScope).toLowerCase(), vmBody(machineScope, availabilitySet));
  return new Map([...writes].map(([path, body]) => [path, flat(body)]));
}

/**
 * Where Capstan says more than CAPZ, or says it otherwise; none of it is looked at when a machine is adopted.
 *  - disks and interface go with a machine that is deleted by hand;
 *  - all SSH keys, where CAPZ has one;
 *  - the update domains and the address family that Azure fills in;
 *  - the first SSH rule takes 2201, so that port 22 is not published.
 */
function agreed(body: any): any {
  const copy = structuredClone(body);
  delete copy.platformUpdateDomainCount;
  delete copy.dnsSettings?.fqdn;
  if (copy.backendPort === 22) {
    delete copy.frontendPort;
    delete copy.name;
  }
  for (const configuration of copy.ipConfigurations ?? []) delete configuration.privateIPAddressVersion;
  for (const reference of copy.networkProfile?.networkInterfaces ?? []) delete reference.deleteOption;
  for (const disk of [copy.storageProfile?.osDisk, ...(copy.storageProfile?.dataDisks ?? [])])
    delete disk?.deleteOption;
  const ssh = copy.osProfile?.linuxConfiguration?.ssh;
  if (ssh !== undefined) ssh.publicKeys = ssh.publicKeys.slice(0, 1);
  for (const rule of copy.securityRules ?? []) rule.sourceAddressPrefixes?.sort();
  if (copy.securityRules?.length === 0) delete copy.securityRules;
  for (const configuration of copy.ipConfigurations ?? [])
    if (configuration.loadBalancerInboundNatRules?.length === 0) delete configuration.loadBalancerInboundNatRules;
  return copy;
}

const compare = (actual: Map<string, unknown>, expected: Map<string, unknown>): void => {
  for (const [path, body] of expected) expect([path, agreed(actual.get(path))]).toEqual([path, agreed(body)]);
};

describe('for every generated cluster', () => {
  test('CAPZ would write the same load balancer, addresses, interface, availability set and machine', async () => {
    await fc.assert(
      fc.asyncProperty(patches, async (patch) => {
        const plan = planOf(patch);
        const expected = await wanted(plan, false);
        const isPublic = patch.exposure === 'public';
        const kinds = [...expected.keys()].map((path) => path.split('/').at(-2));
        expect(kinds.filter((kind) => kind === 'virtualmachines' || kind === 'networkinterfaces')).toHaveLength(2);
        expect(kinds.includes('availabilitysets')).toBe(!patch.zoned);
        expect(kinds.filter((kind) => kind === 'publicipaddresses')).toHaveLength(
          Number(isPublic) + Number(plan.network.natGateway !== undefined),
        );
        // A network that is brought along: no security groups, no route tables, no subnets.
        expect(kinds.some((kind) => /networksecuritygroups|routetables|subnets|virtualnetworks/.test(kind!))).toBe(
          false,
        );
        compare(written(plan), expected);
      }),
      { numRuns: 40 },
    );
  });

  test('and the same security groups and route table, if the network were its own', async () => {
    await fc.assert(
      fc.asyncProperty(patches, async (patch) => {
        const plan = planOf({ ...patch, placement: 'dynamic' });
        const expected = await wanted(plan, true);
        const groups = [...expected].filter(([path]) => /networksecuritygroups|routetables/.test(path));
        expect(groups).toHaveLength(3);
        compare(written(plan), new Map(groups));
      }),
      { numRuns: 20 },
    );
  });

  test('its webhook fills nothing into the AzureCluster, and the gate agrees', () => {
    fc.assert(
      fc.property(patches, (patch) => {
        const plan = planOf(patch);
        const document = documentsOf(plan).get('AzureCluster');
        expect(withDefaults(document)).toEqual(document);
        expect(defaultedNetworkProblems(plan, document)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  test('it leaves the files of the cloud provider as they are', () => {
    fc.assert(
      fc.property(patches, (patch) => {
        const plan = planOf(patch);
        const azureCluster = documentsOf(plan).get('AzureCluster');
        const secrets: any[] = [
          ...pivotDocuments({ plan, observed, keys: placeholderKeys, kubeconfig: new Secret('k') }),
          ...workloadDocuments(plan, observed),
        ].filter(({ kind, metadata }) => kind === 'Secret' && metadata.name.endsWith('-azure-json'));
        expect(secrets.length).toBeGreaterThan(1);
        for (const { metadata, data } of secrets) {
          const isControlPlane = metadata.name === `${plan.name}-control-plane-azure-json`;
          const text = azureJsonText(azureCluster, {
            tenantId: plan.azure.tenantId,
            clientId: observed.identityClientId,
            machineClientId: isControlPlane ? observed.identityClientId : undefined,
          });
          expect(Object.keys(data)).toHaveLength(3);
          for (const value of Object.values(data)) expect(Buffer.from(String(value), 'base64').toString()).toBe(text);
        }
      }),
      { numRuns: 40 },
    );
  });
});
