import { generateKeyPairSync } from 'node:crypto';
import type { MachineObject } from '../cluster-api/kinds.ts';
import { LABEL } from '../cluster-api/kinds.ts';
import type { Json } from '../objects.ts';
import { isJson } from '../objects.ts';
import type { ArmClient } from './arm-client.ts';
import type { AzureMachineObject, AzureMachineSpec, ClusterScope } from './spec.ts';
import { VERSIONS } from './spec.ts';

/** What the resources of one machine are made from. */
export interface MachineScope {
  readonly cluster: ClusterScope;
  readonly machine: MachineObject;
  readonly azureMachine: AzureMachineObject;
  readonly spec: AzureMachineSpec;
  readonly name: string;
  readonly isControlPlane: boolean;
  readonly zone: string | undefined;
  readonly userData: string;
}

const role = (scope: MachineScope): string => (scope.isControlPlane ? 'control-plane' : 'node');
const tagsOf = (scope: MachineScope, options: { name: string; role?: string }): Record<string, string> => ({
  ...scope.cluster.tags({ ...options, machine: true }),
  ...scope.spec.additionalTags,
});
const nicPath = (scope: MachineScope): string => scope.cluster.id('networkInterfaces', `${scope.name}-nic`);

/** Path of the machine's VM. */
export function vmPath(scope: MachineScope): string {
  return scope.cluster.id('Microsoft.Compute/virtualMachines', scope.name);
}

/**
 * The inbound NAT rule of a control-plane machine: named like it, port 22 or the first free one of 2201 to 2219; on an
 * internal load balancer too (cluster-api-provider-azure, scope/machine.go, InboundNatSpecs).
 */
export async function ensureInboundNatRule(arm: ArmClient, scope: MachineScope): Promise<void> {
  if (!scope.isControlPlane) return;
  const balancer = scope.cluster.id('loadBalancers', scope.cluster.loadBalancer);
  const path = `${balancer}/inboundNatRules/${scope.name}`;
  if ((await arm.get(path, VERSIONS.network)) !== undefined) return;
  const current = await arm.get(balancer, VERSIONS.network);
  const rules = Array.isArray(current?.properties['inboundNatRules'])
    ? (current.properties['inboundNatRules'] as Json[])
    : [];
  const taken = new Set(
    rules.map((rule) => (isJson(rule['properties']) ? rule['properties']['frontendPort'] : undefined)),
  );
  const frontendPort = [22, ...Array.from({ length: 19 }, (_, index) => 2201 + index)].find((port) => !taken.has(port));
  if (frontendPort === undefined)
    throw new Error(`no free SSH port (22, 2201-2219) on load balancer ${scope.cluster.loadBalancer}`);
  await arm.put(path, VERSIONS.network, {
    properties: {
      protocol: 'Tcp',
      frontendPort,
      backendPort: 22,
      idleTimeoutInMinutes: 4,
      enableFloatingIP: false,
      frontendIPConfiguration: { id: `${balancer}/frontendIPConfigurations/${scope.cluster.frontend}` },
    },
  });
}

/** NIC `<vm>-nic` in the machine's subnet and, for the control plane, in the API load balancer's pool. */
export async function ensureNic(arm: ArmClient, scope: MachineScope): Promise<void> {
  const path = nicPath(scope);
  const existing = await arm.get(path, VERSIONS.network);
  if (existing !== undefined && existing.properties.provisioningState !== 'Failed') return;
  const { cluster } = scope;
  const [configured] = scope.spec.networkInterfaces ?? [];
  const subnet =
    configured?.subnetName ??
    scope.spec.subnetName ??
    cluster.subnets.find((candidate) => candidate.role === role(scope))?.name;
  if (subnet === undefined)
    throw new Error(`AzureCluster ${cluster.azureCluster.metadata.name} has no subnet with role ${role(scope)}`);
  const balancer = cluster.id('loadBalancers', cluster.loadBalancer);
  const pools = scope.isControlPlane ? [{ id: `${balancer}/backendAddressPools/${cluster.backendPool}` }] : [];
  await arm.put(path, VERSIONS.network, {
    location: cluster.spec.location,
    tags: tagsOf(scope, { name: `${scope.name}-nic` }),
    properties: {
      enableAcceleratedNetworking:
        configured?.acceleratedNetworking ??
        scope.spec.acceleratedNetworking ??
        (await capabilityOf(arm, scope, 'virtualMachines', scope.spec.vmSize, 'AcceleratedNetworkingEnabled')) ===
          'True',
      enableIPForwarding: false,
      ipConfigurations: [
        {
          name: 'pipConfig',
          properties: {
            primary: true,
            privateIPAllocationMethod: 'Dynamic',
            subnet: {
              id: `${cluster.id('virtualNetworks', cluster.vnetName, cluster.vnetResourceGroup)}/subnets/${subnet}`,
            },
            loadBalancerBackendAddressPools: pools,
            ...(scope.isControlPlane && cluster.isPublic
              ? { loadBalancerInboundNatRules: [{ id: `${balancer}/inboundNatRules/${scope.name}` }] }
              : {}),
          },
        },
      ],
    },
  });
}

/** Availability set of the machine's group; only where the cluster has no failure domains and the machine is not spot. */
export async function ensureAvailabilitySet(arm: ArmClient, scope: MachineScope): Promise<string | undefined> {
  const hasDomains = (scope.cluster.cluster.status?.failureDomains ?? []).length > 0;
  if (hasDomains || scope.zone !== undefined || scope.spec.spotVMOptions !== undefined) return undefined;
  const deployment = scope.machine.metadata.labels?.[LABEL.deployment];
  const group = scope.isControlPlane ? 'control-plane' : deployment;
  if (group === undefined) return undefined;
  const name = `${scope.cluster.name}_${group}-as`;
  const path = scope.cluster.id('Microsoft.Compute/availabilitySets', name);
  if ((await arm.get(path, VERSIONS.compute)) === undefined) {
    await arm.put(path, VERSIONS.compute, {
      location: scope.cluster.spec.location,
      tags: tagsOf(scope, { name, role: 'common' }),
      sku: { name: 'Aligned' },
      properties: {
        platformFaultDomainCount: Number(
          await capabilityOf(arm, scope, 'availabilitySets', 'Aligned', 'MaximumPlatformFaultDomainCount'),
        ),
      },
    });
  }
  return path;
}

/** A capability from the SKU catalogue. CAPZ stops where the catalogue does not know what it looks for (R7). */
async function capabilityOf(
  arm: ArmClient,
  { cluster }: MachineScope,
  type: 'virtualMachines' | 'availabilitySets',
  name: string,
  capability: string,
): Promise<string | undefined> {
  const path = `/subscriptions/${cluster.spec.subscriptionID ?? ''}/providers/Microsoft.Compute/skus`;
  const answer = await arm.get(path, VERSIONS.skus, { $filter: `location eq '${cluster.spec.location}'` });
  const skus = Array.isArray(answer?.['value']) ? (answer['value'] as Json[]) : [];
  const sku = skus.find((candidate) => candidate['resourceType'] === type && candidate['name'] === name);
  if (sku === undefined) throw new Error(`failed to get ${type} SKU ${name} in compute api`);
  const capabilities = (sku['capabilities'] as { name: string; value: string }[] | undefined) ?? [];
  return capabilities.find((entry) => entry.name === capability)?.value;
}

function imageReference(spec: AzureMachineSpec, subscription: string): Json {
  const { image } = spec;
  if (image?.id !== undefined) return { id: image.id };
  if (image?.marketplace !== undefined) {
    const { publisher, offer, sku, version } = image.marketplace;
    return { publisher, offer, sku, version };
  }
  if (image?.computeGallery !== undefined) {
    const { gallery, name, version, subscriptionID, resourceGroup } = image.computeGallery;
    if (resourceGroup === undefined)
      return { communityGalleryImageId: `/CommunityGalleries/${gallery}/Images/${name}/Versions/${version}` };
    return {
      id: `/subscriptions/${subscriptionID ?? subscription}/resourceGroups/${resourceGroup}/providers/Microsoft.Compute/galleries/${gallery}/images/${name}/versions/${version}`,
    };
  }
  throw new Error('AzureMachine names no image: the simulated CAPZ has no default image');
}

/** CAPZ's identity ids carry the prefix `azure://`; ARM's do not. */
export function identityId(providerId: string): string {
  return providerId.replace(/^azure:\/\/(?=\/)/, '');
}

function sshKey(spec: AzureMachineSpec): string {
  const given = Buffer.from(spec.sshPublicKey ?? '', 'base64')
    .toString()
    .trim();
  if (given !== '') return given;
  // CAPZ's defaulting webhook makes a key whose private half nobody keeps, because Azure demands one.
  const { publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(-32);
  const field = (bytes: Buffer): Buffer => Buffer.concat([Buffer.from([0, 0, 0, bytes.length]), bytes]);
  return `ssh-ed25519 ${Buffer.concat([field(Buffer.from('ssh-ed25519')), field(raw)]).toString('base64')}`;
}

/** Body of the VM as CAPZ sends it. */
export function vmBody(scope: MachineScope, availabilitySet: string | undefined): Json {
  const { spec, name, cluster } = scope;
  const identities =
    spec.identity === 'UserAssigned'
      ? (spec.userAssignedIdentities ?? []).map((identity) => identityId(identity.providerID))
      : [];
  return {
    location: cluster.spec.location,
    tags: tagsOf(scope, { name, role: role(scope) }),
    ...(scope.zone === undefined ? {} : { zones: [scope.zone] }),
    ...(identities.length === 0
      ? {}
      : {
          identity: {
            type: 'UserAssigned',
            userAssignedIdentities: Object.fromEntries(identities.map((id) => [id, {}])),
          },
        }),
    properties: {
      hardwareProfile: { vmSize: spec.vmSize },
      ...(availabilitySet === undefined ? {} : { availabilitySet: { id: availabilitySet } }),
      storageProfile: {
        imageReference: imageReference(spec, cluster.spec.subscriptionID ?? ''),
        osDisk: {
          name: `${name}_OSDisk`,
          osType: spec.osDisk.osType,
          createOption: 'FromImage',
          caching: spec.osDisk.cachingType ?? 'None',
          ...(spec.osDisk.diskSizeGB === undefined ? {} : { diskSizeGB: spec.osDisk.diskSizeGB }),
          ...(spec.osDisk.managedDisk?.storageAccountType === undefined
            ? {}
            : { managedDisk: { storageAccountType: spec.osDisk.managedDisk.storageAccountType } }),
        },
        dataDisks: (spec.dataDisks ?? []).map((disk, index) => ({
          name: `${name}_${disk.nameSuffix}`,
          lun: disk.lun ?? index,
          createOption: 'Empty',
          diskSizeGB: disk.diskSizeGB,
          ...(disk.cachingType === undefined ? {} : { caching: disk.cachingType }),
          ...(disk.managedDisk?.storageAccountType === undefined
            ? {}
            : { managedDisk: { storageAccountType: disk.managedDisk.storageAccountType } }),
        })),
      },
      osProfile: {
        computerName: name,
        adminUsername: 'capi',
        customData: Buffer.from(scope.userData).toString('base64'),
        linuxConfiguration: {
          disablePasswordAuthentication: true,
          ssh: { publicKeys: [{ path: '/home/capi/.ssh/authorized_keys', keyData: sshKey(spec) }] },
        },
      },
      networkProfile: { networkInterfaces: [{ id: nicPath(scope), properties: { primary: true } }] },
      diagnosticsProfile: { bootDiagnostics: { enabled: true } },
      ...(spec.securityProfile?.encryptionAtHost === undefined
        ? {}
        : { securityProfile: { encryptionAtHost: spec.securityProfile.encryptionAtHost } }),
    },
  };
}

/** Private address of the machine's NIC. */
export async function addressOf(arm: ArmClient, scope: MachineScope): Promise<string | undefined> {
  const nic = await arm.get(nicPath(scope), VERSIONS.network);
  const configurations = nic?.properties['ipConfigurations'] as
    | { properties?: { privateIPAddress?: string } }[]
    | undefined;
  return configurations?.[0]?.properties?.privateIPAddress;
}

/** VM, then disks, NIC and NAT rule. */
export async function removeMachineResources(arm: ArmClient, scope: MachineScope): Promise<void> {
  const { cluster, name, spec } = scope;
  await arm.remove(vmPath(scope), VERSIONS.compute);
  const disk = (suffix: string): string => cluster.id('Microsoft.Compute/disks', `${name}_${suffix}`);
  for (const path of [disk('OSDisk'), ...(spec.dataDisks ?? []).map((data) => disk(data.nameSuffix))])
    await arm.remove(path, VERSIONS.disks);
  await arm.remove(nicPath(scope), VERSIONS.network);
  if (scope.isControlPlane) {
    await arm.remove(`${cluster.id('loadBalancers', cluster.loadBalancer)}/inboundNatRules/${name}`, VERSIONS.network);
  }
}
