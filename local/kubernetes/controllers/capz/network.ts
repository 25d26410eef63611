import type { Json } from '../objects.ts';
import { isJson } from '../objects.ts';
import type { ArmClient, ArmResource } from './arm-client.ts';
import type { ClusterScope, SecurityRule, SubnetSpec } from './spec.ts';
import { ownedTag, VERSIONS } from './spec.ts';

/** One piece of the cluster's infrastructure. ASO kinds come back after 20 s, SDK kinds go on at once. */
export interface NetworkStep {
  readonly name: string;
  readonly aso: boolean;
  run(): Promise<void>;
}

function isOwned(resource: ArmResource | undefined, cluster: string): boolean {
  return resource?.tags?.[ownedTag(cluster)] === 'owned';
}

/** Creates what is absent; what is there is only read. */
async function createWhenAbsent(arm: ArmClient, path: string, body: Json): Promise<ArmResource> {
  return (await arm.get(path, VERSIONS.network)) ?? arm.put(path, VERSIONS.network, body);
}

/**
 * Azure Service Operator's way: what is there is skipped, unless it carries the tag `owned`. Then the policy flips to
 * `manage`, and it is written, idempotently, with every look (cluster-api-pivot.md §2c, "Adoption behaviour").
 */
async function manageWhenOwned(arm: ArmClient, cluster: string, path: string, body: Json): Promise<ArmResource> {
  const existing = await arm.get(path, VERSIONS.network);
  if (existing !== undefined && !isOwned(existing, cluster)) return existing;
  const properties = { ...existing?.properties, ...(body['properties'] as Json) };
  return arm.put(path, VERSIONS.network, { ...body, properties });
}

/** Steps in CAPZ's order (azure-behaviour.md §6, "Create order"). */
export function networkSteps(arm: ArmClient, scope: ClusterScope): NetworkStep[] {
  const { spec } = scope;
  const group = `/subscriptions/${spec.subscriptionID ?? ''}/resourceGroups/${scope.resourceGroup}`;
  const vnetPath = scope.id('virtualNetworks', scope.vnetName, scope.vnetResourceGroup);
  let managed = false;
  const subnetNames = scope.subnets.map((subnet) => subnet.name);
  return [
    {
      name: 'resourcegroups',
      aso: true,
      run: async () => {
        if ((await arm.get(group, VERSIONS.groups)) !== undefined) return;
        await arm.put(group, VERSIONS.groups, {
          location: spec.location,
          tags: scope.tags({ name: scope.resourceGroup, role: 'common' }),
        });
      },
    },
    {
      name: 'virtualnetworks',
      aso: true,
      run: async () => {
        const addressPrefixes = spec.networkSpec?.vnet?.cidrBlocks ?? ['10.0.0.0/8'];
        const body = {
          location: spec.location,
          tags: scope.tags({ name: scope.vnetName, role: 'common' }),
          properties: { addressSpace: { addressPrefixes } },
        };
        managed = isOwned(await manageWhenOwned(arm, scope.name, vnetPath, body), scope.name);
      },
    },
    { name: 'securitygroups', aso: false, run: async () => (managed ? ensureSecurityGroups(arm, scope) : undefined) },
    { name: 'routetables', aso: false, run: async () => (managed ? ensureRouteTables(arm, scope) : undefined) },
    { name: 'publicips', aso: false, run: () => ensurePublicIps(arm, scope) },
    { name: 'natgateways', aso: true, run: () => ensureNatGateways(arm, scope) },
    {
      name: 'subnets',
      aso: true,
      run: async () => {
        for (const name of subnetNames) await ensureSubnet(arm, scope, `${vnetPath}/subnets/${name}`, managed);
      },
    },
    { name: 'loadbalancers', aso: false, run: () => ensureLoadBalancer(arm, scope) },
  ];
}

function toArmRule(rule: SecurityRule): Json {
  return {
    name: rule.name,
    properties: {
      description: rule.description ?? '',
      protocol: rule.protocol,
      direction: rule.direction,
      access: rule.action ?? 'Allow',
      priority: rule.priority ?? 100,
      sourcePortRange: rule.sourcePorts ?? '*',
      destinationPortRange: rule.destinationPorts ?? '*',
      ...(rule.sources === undefined
        ? { sourceAddressPrefix: rule.source ?? '*' }
        : { sourceAddressPrefixes: rule.sources }),
      destinationAddressPrefix: rule.destination ?? '*',
    },
  };
}

/** Rules of a subnet's security group; CAPZ adds SSH and the API server where no rule names the port. */
export function wantedRules(subnet: SubnetSpec): SecurityRule[] {
  const rules = [...(subnet.securityGroup?.securityRules ?? [])];
  if (subnet.role !== 'control-plane') return rules;
  const names = (port: string): boolean => rules.some((rule) => rule.destinationPorts === port);
  const allow = (name: string, description: string, port: string, priority: number): SecurityRule => ({
    name,
    description,
    protocol: 'Tcp',
    direction: 'Inbound',
    priority,
    sourcePorts: '*',
    destinationPorts: port,
    source: '*',
    destination: '*',
    action: 'Allow',
  });
  if (!names('22')) rules.push(allow('allow_ssh', 'Allow SSH', '22', 2200));
  if (!names('6443')) rules.push(allow('allow_apiserver', 'Allow K8s API Server', '6443', 2201));
  return rules;
}

async function ensureSecurityGroups(arm: ArmClient, scope: ClusterScope): Promise<void> {
  for (const subnet of scope.subnets) {
    const name = subnet.securityGroup?.name ?? `${scope.name}-${subnet.role === 'node' ? 'node' : 'controlplane'}-nsg`;
    const path = scope.id('networkSecurityGroups', name, scope.vnetResourceGroup);
    const rules = wantedRules(subnet);
    const existing = await arm.get(path, VERSIONS.network);
    const body = (current: unknown[]): Json => ({
      location: scope.spec.location,
      tags: existing?.tags ?? scope.tags({ name }),
      properties: { securityRules: current },
    });
    if (existing === undefined) {
      await arm.put(path, VERSIONS.network, body(rules.map(toArmRule)));
      continue;
    }
    const present = Array.isArray(existing.properties['securityRules'])
      ? (existing.properties['securityRules'] as Json[])
      : [];
    const missing = rules.filter(
      (rule) =>
        !present.some(
          (other) =>
            other['name'] === rule.name &&
            isJson(other['properties']) &&
            other['properties']['destinationPortRange'] === (rule.destinationPorts ?? '*'),
        ),
    );
    if (missing.length > 0)
      await arm.put(path, VERSIONS.network, body([...present, ...missing.map(toArmRule)]), existing.etag);
  }
}

async function ensureRouteTables(arm: ArmClient, scope: ClusterScope): Promise<void> {
  for (const name of new Set(
    scope.subnets.map((subnet) => subnet.routeTable?.name ?? `${scope.name}-node-routetable`),
  )) {
    const body = { location: scope.spec.location, tags: scope.tags({ name }), properties: {} };
    await createWhenAbsent(arm, scope.id('routeTables', name, scope.vnetResourceGroup), body);
  }
}

async function ensurePublicIps(arm: ArmClient, scope: ClusterScope): Promise<void> {
  const wanted: { name: string; dnsName: string | undefined }[] = [];
  if (scope.isPublic) {
    const ip = scope.spec.networkSpec?.apiServerLB?.frontendIPs?.[0]?.publicIP;
    wanted.push({ name: ip?.name ?? `pip-${scope.name}-apiserver`, dnsName: ip?.dnsName });
  }
  for (const subnet of scope.subnets) {
    const name = subnet.natGateway?.ip?.name;
    if (name !== undefined && name !== '' && !wanted.some((other) => other.name === name))
      wanted.push({ name, dnsName: undefined });
  }
  for (const { name, dnsName } of wanted) {
    await createWhenAbsent(arm, scope.id('publicIPAddresses', name), {
      location: scope.spec.location,
      tags: scope.tags({ name }),
      sku: { name: 'Standard' },
      ...(scope.azureCluster.status?.failureDomains === undefined
        ? {}
        : { zones: Object.keys(scope.azureCluster.status.failureDomains) }),
      properties: {
        publicIPAddressVersion: 'IPv4',
        publicIPAllocationMethod: 'Static',
        ...(dnsName === undefined
          ? {}
          : { dnsSettings: { domainNameLabel: dnsName.split('.')[0] ?? dnsName, fqdn: dnsName } }),
      },
    });
  }
}

async function ensureNatGateways(arm: ArmClient, scope: ClusterScope): Promise<void> {
  const names = new Map(
    scope.subnets.flatMap((subnet) =>
      subnet.natGateway?.name === undefined || subnet.natGateway.name === ''
        ? []
        : [[subnet.natGateway.name, subnet.natGateway.ip?.name] as const],
    ),
  );
  for (const [name, ip] of names) {
    const publicIpAddresses = ip === undefined ? [] : [{ id: scope.id('publicIPAddresses', ip) }];
    const body = {
      location: scope.spec.location,
      tags: scope.tags({ name }),
      sku: { name: 'Standard' },
      properties: { idleTimeoutInMinutes: 4, publicIpAddresses },
    };
    await manageWhenOwned(arm, scope.name, scope.id('natGateways', name), body);
  }
}

async function ensureSubnet(arm: ArmClient, scope: ClusterScope, path: string, managed: boolean): Promise<void> {
  const name = path.split('/').at(-1) ?? '';
  if ((await arm.get(path, VERSIONS.network)) !== undefined) return;
  if (!managed)
    throw new Error(
      `subnet ${name} of virtual network ${scope.vnetName} does not exist, and the network is not managed by CAPZ`,
    );
  const subnet = scope.subnets.find((candidate) => candidate.name === name);
  const reference = (type: string, resource: string | undefined): Json | undefined =>
    resource === undefined ? undefined : { id: scope.id(type, resource, scope.vnetResourceGroup) };
  await arm.put(path, VERSIONS.network, {
    properties: {
      addressPrefixes: subnet?.cidrBlocks ?? [],
      networkSecurityGroup: reference('networkSecurityGroups', subnet?.securityGroup?.name),
      routeTable: reference('routeTables', subnet?.routeTable?.name),
      natGateway: reference('natGateways', subnet?.natGateway?.name),
    },
  });
}

/** What the API load balancer must have, by kind of part (cluster-api-pivot.md §2c). */
function loadBalancerParts(scope: ClusterScope, path: string): Record<string, Json[]> {
  const frontendId = `${path}/frontendIPConfigurations/${scope.frontend}`;
  const poolId = `${path}/backendAddressPools/${scope.backendPool}`;
  const frontendIp = scope.spec.networkSpec?.apiServerLB?.frontendIPs?.[0];
  const subnet = scope.subnets.find((candidate) => candidate.role === 'control-plane');
  const frontend = scope.isPublic
    ? {
        publicIPAddress: {
          id: scope.id('publicIPAddresses', frontendIp?.publicIP?.name ?? `pip-${scope.name}-apiserver`),
        },
      }
    : {
        privateIPAllocationMethod: 'Static',
        privateIPAddress: frontendIp?.privateIP ?? '10.0.0.100',
        subnet: {
          id: `${scope.id('virtualNetworks', scope.vnetName, scope.vnetResourceGroup)}/subnets/${subnet?.name ?? ''}`,
        },
      };
  const { availabilityZones = [] } = scope.spec.networkSpec?.apiServerLB ?? {};
  const zones = scope.isPublic || availabilityZones.length === 0 ? {} : { zones: availabilityZones };
  const port = scope.cluster.spec?.controlPlaneEndpoint?.port ?? 6443;
  const rule = {
    protocol: 'Tcp',
    frontendPort: port,
    backendPort: port,
    disableOutboundSnat: true,
    idleTimeoutInMinutes: 4,
    enableFloatingIP: false,
    loadDistribution: 'Default',
    frontendIPConfiguration: { id: frontendId },
    backendAddressPool: { id: poolId },
    probe: { id: `${path}/probes/HTTPSProbe` },
  };
  return {
    frontendIPConfigurations: [{ name: scope.frontend, ...zones, properties: frontend }],
    backendAddressPools: [{ name: scope.backendPool }],
    loadBalancingRules: [{ name: 'LBRuleHTTPS', properties: rule }],
    probes: [
      {
        name: 'HTTPSProbe',
        properties: {
          protocol: 'Https',
          port,
          requestPath: '/readyz',
          intervalInSeconds: 15,
          probeThreshold: 1,
        },
      },
    ],
    ...(scope.isPublic
      ? {
          outboundRules: [
            {
              name: 'OutboundNATAllProtocols',
              properties: {
                protocol: 'All',
                idleTimeoutInMinutes: 4,
                frontendIPConfigurations: [{ id: frontendId }],
                backendAddressPool: { id: poolId },
              },
            },
          ],
        }
      : {}),
  };
}

/** The API load balancer: absent parts are merged by name, with the ETag; a complete one is left alone. */
async function ensureLoadBalancer(arm: ArmClient, scope: ClusterScope): Promise<void> {
  const path = scope.id('loadBalancers', scope.loadBalancer);
  const wanted = loadBalancerParts(scope, path);
  const existing = await arm.get(path, VERSIONS.network);
  const merged: Json = { ...existing?.properties };
  delete merged['provisioningState'];
  delete merged['resourceGuid'];
  let isComplete = existing !== undefined;
  for (const [part, items] of Object.entries(wanted)) {
    const present = Array.isArray(merged[part]) ? (merged[part] as Json[]) : [];
    const missing = items.filter((item) => !present.some((other) => other['name'] === item['name']));
    if (missing.length > 0) isComplete = false;
    merged[part] = [...present, ...missing];
  }
  if (isComplete) return;
  const body = {
    location: scope.spec.location,
    sku: { name: 'Standard' },
    tags: scope.tags({ role: 'apiserver' }),
    properties: merged,
  };
  await arm.put(path, VERSIONS.network, body, existing?.etag);
}
