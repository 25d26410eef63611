import type { ClusterPlan, PlannedDisk, PlannedSubnet } from '../plan/types.ts';

/** Spec of an AzureMachine, equal in a template and in the machine made from it. */
export type AzureMachineSpec = Readonly<Record<string, unknown>>;

/**
 * Control-plane machines: the only ones that carry the user-assigned identity, in exactly the letter case that the
 * virtual machine has in Azure (CAPZ compares case-sensitively and fails for good; cluster-api-pivot.md §2c).
 */
export function controlPlaneMachineSpec(plan: ClusterPlan): AzureMachineSpec {
  const { controlPlane } = plan;
  return {
    ...machineSpec(plan, controlPlane, plan.network.controlPlaneSubnet),
    identity: 'UserAssigned',
    userAssignedIdentities: [{ providerID: `azure://${plan.identity.id}` }],
    dataDisks: [
      {
        nameSuffix: 'etcddisk',
        diskSizeGB: controlPlane.etcdDisk.sizeGiB,
        lun: 0,
        cachingType: 'ReadWrite',
        managedDisk: { storageAccountType: controlPlane.etcdDisk.storageAccountType },
      },
    ],
  };
}

/** Worker machines: no identity. */
export function workerMachineSpec(plan: ClusterPlan, pool: Machines): AzureMachineSpec {
  return { ...machineSpec(plan, pool, plan.network.workerSubnet), identity: 'None' };
}

/** What the machines of the control plane or of a pool have in common. */
interface Machines {
  readonly vmSize: string;
  readonly osDisk: PlannedDisk;
  readonly acceleratedNetworking?: boolean;
}

function machineSpec(
  plan: ClusterPlan,
  { vmSize, osDisk, acceleratedNetworking }: Machines,
  subnet: PlannedSubnet,
): AzureMachineSpec {
  const [sshKey] = plan.spec.sshKeys;
  return {
    vmSize,
    image: imageReference(plan),
    osDisk: {
      osType: 'Linux',
      diskSizeGB: osDisk.sizeGiB,
      cachingType: 'None',
      managedDisk: { storageAccountType: osDisk.storageAccountType },
    },
    networkInterfaces: [
      {
        subnetName: subnet.name,
        privateIPConfigs: 1,
        ...(acceleratedNetworking === true ? { acceleratedNetworking } : {}),
      },
    ],
    diagnostics: { boot: { storageAccountType: 'Managed' } },
    // Off by default since CAPZ v1.25 only; an adopted machine would get the extension written (cluster-api-pivot.md §2c).
    disableVMBootstrapExtension: true,
    // Absent without a key: CAPZ then makes one nobody knows. The others of several keys come by cloud-init.
    ...(sshKey === undefined ? {} : { sshPublicKey: Buffer.from(sshKey, 'utf8').toString('base64') }),
  };
}

/** A community gallery image has no ARM id that a virtual machine could name; everything else has. */
function imageReference(plan: ClusterPlan): Record<string, unknown> {
  const community = plan.spec.image.communityGallery;
  return plan.image.form === 'communityGallery' && community !== undefined
    ? { computeGallery: { gallery: community.gallery, name: community.name, version: community.version } }
    : { id: plan.image.id };
}
