import type { ImageReference, SshPublicKey, VirtualMachine } from '@azure/arm-compute';
import { armId } from '#domain/names/names.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { SpecInput } from '../resource/kind.ts';
import { common, networkId } from '../resource/reconcile.ts';
import { throwawayKey } from './throwaway-key.ts';

/** Longest custom data that Azure takes: 64 KiB after base64 (osProfile.customData). */
const customDataLimit = 65_535;

function imageReference(id: string): ImageReference {
  return id.toLowerCase().startsWith('/communitygalleries/') ? { communityGalleryImageId: id } : { id };
}

function sshKeys(keys: readonly string[]): SshPublicKey[] {
  // Password login is off, and Azure wants at least one key then: one that nobody holds the other half of.
  const list = keys.length === 0 ? [throwawayKey()] : keys;
  return list.map((keyData) => ({ path: '/home/capi/.ssh/authorized_keys', keyData }));
}

function placement(
  input: SpecInput,
  existing: VirtualMachine | undefined,
): Pick<VirtualMachine, 'zones' | 'availabilitySet'> {
  const { azure, controlPlane } = input.plan;
  // A machine whose create failed stays where it is: its zone cannot be changed.
  if (existing?.zones !== undefined) return { zones: existing.zones };
  if (controlPlane.zone !== undefined) return { zones: [controlPlane.zone] };
  if (controlPlane.availabilitySet === undefined) return {};
  const { subscriptionId, resourceGroup } = azure;
  return {
    availabilitySet: {
      id: armId(subscriptionId, resourceGroup, 'Microsoft.Compute/availabilitySets', controlPlane.availabilitySet),
    },
  };
}

function disks(input: SpecInput): NonNullable<VirtualMachine['storageProfile']> {
  const { plan, resource } = input;
  const { osDisk, etcdDisk } = plan.controlPlane;
  return {
    imageReference: imageReference(plan.image.id),
    osDisk: {
      name: `${resource.name}_OSDisk`,
      osType: 'Linux',
      createOption: 'FromImage',
      caching: 'None',
      deleteOption: 'Delete',
      diskSizeGB: osDisk.sizeGiB,
      managedDisk: { storageAccountType: osDisk.storageAccountType },
    },
    dataDisks: [
      {
        name: `${resource.name}_etcddisk`,
        lun: 0,
        createOption: 'Empty',
        caching: 'ReadWrite',
        deleteOption: 'Delete',
        diskSizeGB: etcdDisk.sizeGiB,
        managedDisk: { storageAccountType: etcdDisk.storageAccountType },
      },
    ],
  };
}

/**
 * CP-A, the first control-plane machine, with CAPZ's names (cluster-api-pivot.md §2c). Written once: CAPZ never updates
 * a machine either. The identity id keeps the plan's letter case, which CAPZ compares exactly.
 */
export function virtualMachineSpec(
  input: SpecInput,
  existing: VirtualMachine | undefined,
): VirtualMachine | CapstanError | undefined {
  if (existing !== undefined && existing.provisioningState !== 'Failed') return undefined;
  const { plan, resource, customData } = input;
  // A machine without its cloud-init would boot into nothing, and custom data cannot be added later.
  if (customData === undefined) throw new Error(`no cloud-init was given for ${resource.name}`);
  const encoded = Buffer.from(customData.reveal(), 'utf8').toString('base64');
  if (encoded.length > customDataLimit) {
    return capstanError('CAP-3010', `The cloud-init of ${resource.name} is larger than Azure takes.`, {
      where: resource.id,
      cause: `custom data of ${encoded.length} characters, the limit is ${customDataLimit}`,
      remedy: 'Use fewer or shorter SSH keys and certificates.',
    });
  }
  return {
    ...common(input, { role: 'control-plane', machine: true }),
    ...placement(input, existing),
    identity: { type: 'UserAssigned', userAssignedIdentities: { [plan.identity.id]: {} } },
    hardwareProfile: { vmSize: plan.controlPlane.vmSize },
    storageProfile: disks(input),
    osProfile: {
      computerName: resource.name,
      adminUsername: 'capi',
      customData: encoded,
      linuxConfiguration: {
        disablePasswordAuthentication: true,
        ssh: { publicKeys: sshKeys(plan.spec.sshKeys) },
      },
    },
    networkProfile: {
      networkInterfaces: [
        { id: networkId(plan, 'networkInterfaces', `${resource.name}-nic`), primary: true, deleteOption: 'Delete' },
      ],
    },
    diagnosticsProfile: { bootDiagnostics: { enabled: true } },
  };
}
