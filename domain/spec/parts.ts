import { z } from 'zod';
import { poolAutoscaling } from '../kubeadm/additions.ts';

export const cidr = z.string().regex(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/, 'must be an IPv4 range such as 10.0.0.0/16');
export const zone = z.enum(['1', '2', '3']);
export const vmSize = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]+$/, 'must be a VM size such as Standard_D2s_v5');
const label = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label')
  .max(63);
export const azureName = z.string().regex(/^[\w][-\w.]{0,79}$/, 'must be an Azure resource name');

export const network = z
  .strictObject({
    placement: z
      .enum(['dynamic', 'static'])
      .default('dynamic')
      .describe('dynamic: a network is made; static: the named one is used and never written.'),
    resourceGroup: azureName.optional().describe('Static placement: resource group of the virtual network.'),
    virtualNetwork: azureName.optional().describe('Static placement: virtual network.'),
    controlPlaneSubnet: azureName.optional().describe('Static placement: subnet of the control plane.'),
    workerSubnet: azureName.optional().describe('Static placement: subnet of the workers.'),
    cidrs: z
      .strictObject({
        virtualNetwork: cidr.default('10.0.0.0/8'),
        controlPlaneSubnet: cidr.default('10.0.0.0/16'),
        workerSubnet: cidr.default('10.1.0.0/16'),
      })
      .prefault({})
      .describe('Dynamic placement: address ranges.'),
    podCidr: cidr.default('192.168.0.0/16').describe('Addresses of pods.'),
    serviceCidr: cidr.default('172.20.0.0/16').describe('Addresses of services.'),
    api: z
      .strictObject({
        exposure: z
          .enum(['public', 'private'])
          .default('public')
          .describe('public: behind a public load balancer; private: inside the virtual network only.'),
        privateAddress: z
          .ipv4()
          .optional()
          .describe('private: address of the load balancer in the control-plane subnet; absent: one is chosen.'),
        allowedCidrs: z.array(cidr).max(100).default([]).describe('Who may reach the API server; empty: everyone.'),
      })
      .prefault({}),
    ssh: z
      .strictObject({
        allowedCidrs: z
          .array(cidr)
          .max(100)
          .default([])
          .describe('Who may reach port 22; empty: nobody from the internet.'),
      })
      .prefault({}),
  })
  .describe('Network of the cluster.');

export const storage = z
  .strictObject({
    account: z
      .string()
      .regex(/^[a-z0-9]{3,24}$/, 'must be a storage account name')
      .optional()
      .describe('Your own storage account; one is created when absent.'),
    resourceGroup: azureName.optional().describe('Resource group of your own account, when it is another one.'),
    container: z
      .string()
      .regex(/^[a-z0-9](-?[a-z0-9]){2,62}$/, 'must be a container name')
      .optional()
      .describe('Your own container in your own account.'),
    authentication: z
      .enum(['automatic', 'entra', 'sas'])
      .default('automatic')
      .describe('automatic: SAS, and Entra ID where the account refuses keys.'),
    sharedKeyAccess: z
      .enum(['allowed', 'denied'])
      .default('allowed')
      .describe('Whether an account that Capstan creates allows shared keys.'),
    networkAccess: z
      .enum(['open', 'selectedNetworks', 'private'])
      .default('open')
      .describe(
        'Who may reach the account. open: everybody with a credential; selectedNetworks: the subnets of the cluster, allowedNetworks and Capstan; private: only through a private endpoint. An account of your own is checked, never changed.',
      ),
    allowedNetworks: z
      .array(
        z
          .string()
          .regex(
            /^(\d{1,3}(\.\d{1,3}){3}(\/\d{1,2})?|\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/virtualNetworks\/[^/]+\/subnets\/[^/]+)$/i,
            'must be a public IPv4 address, a range, or the resource id of a subnet',
          ),
      )
      .max(100)
      .default([])
      .describe('selectedNetworks: who else may reach an account that Capstan creates: addresses, ranges, subnets.'),
    privateDnsZone: z
      .string()
      .regex(
        /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Network\/privateDnsZones\/privatelink\.blob\.[^/]+$/i,
        'must be the resource id of a private DNS zone privatelink.blob.…',
      )
      .optional()
      .describe('private: your own zone, linked to the network already; one is created and linked when absent.'),
  })
  .describe('Where the base image is copied to.');

const galleryReference = z.strictObject({
  id: z
    .string()
    .regex(
      /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.Compute\/galleries\/[^/]+\/images\/[^/]+\/versions\/[^/]+$/i,
      'must be the resource id of a gallery image version',
    ),
});

export const image = z
  .strictObject({
    vhd: z
      .string()
      .min(8)
      .max(2048)
      .optional()
      .describe('https URL of a fixed VHD (a page blob). A SAS in it is kept in Key Vault and nowhere else.'),
    signature: z
      .literal('keyVault')
      .optional()
      .describe('Set by Capstan: vhd came with a SAS. A request with this field and no SAS uses the kept one.'),
    copy: z
      .enum(['automatic', 'ranges', 'service'])
      .default('automatic')
      .describe(
        'How vhd is copied. ranges: only its data, by Put Page From URL; service: by the storage service; automatic: ranges, and service where the source cannot list them.',
      ),
    as: z
      .enum(['managedImage', 'galleryVersion'])
      .default('managedImage')
      .describe('What is made from the copied VHD.'),
    through: z
      .enum(['blob', 'disk'])
      .default('blob')
      .describe(
        'How the copied VHD becomes an image. blob: Azure imports it from the storage account; disk: it is written into a managed disk first, for accounts that Azure does not import from.',
      ),
    gallery: galleryReference.optional().describe('An image version of a gallery of your own.'),
    communityGallery: z
      .strictObject({
        gallery: z.string().min(1),
        name: z.string().min(1),
        version: z.string().regex(/^\d+\.\d+\.\d+$/),
      })
      .optional()
      .describe('An image of a community gallery.'),
  })
  .describe('Base image of every node: exactly one of vhd, gallery, communityGallery.');

const disk = (size: number) =>
  z
    .strictObject({
      sizeGiB: z.int().min(30).max(4096).default(size),
      storageAccountType: z
        .enum(['Premium_LRS', 'StandardSSD_LRS', 'Standard_LRS', 'StandardSSD_ZRS'])
        .default('Premium_LRS'),
    })
    .prefault({});

/** A number of machines, or a share of them. */
const share = z.union([
  z.int().min(0).max(1000),
  z.string().regex(/^(100|[1-9]?\d)%$/, 'must be a number or a percentage such as 25%'),
]);

/** Bounds of the MachineHealthCheck of a group of machines. */
const healthCheck = z
  .strictObject({
    unhealthySeconds: z
      .int()
      .min(60)
      .max(86_400)
      .default(600)
      .describe('A node that is not ready for so long is replaced.'),
    startupSeconds: z
      .int()
      .min(600)
      .max(14_400)
      .default(1800)
      .describe('A machine that has not joined after so long is replaced.'),
    maxUnhealthy: share
      .optional()
      .describe('More unhealthy machines than this at once and none is replaced; absent: 40 %, at least one.'),
  })
  .prefault({})
  .describe('When unhealthy machines are replaced by the cluster itself.');

const rollout = z
  .strictObject({
    maxSurge: share.default(1).describe('Machines of a zone above the wanted number while they are replaced.'),
    maxUnavailable: share.default(0).describe('Machines of a zone that may be missing while they are replaced.'),
  })
  .refine(
    ({ maxSurge, maxUnavailable }) =>
      [maxSurge, maxUnavailable].some((value) => Number.parseInt(String(value), 10) > 0),
    {
      message: 'maxSurge and maxUnavailable cannot both be 0',
    },
  )
  .prefault({})
  .describe('How machines of the pool are replaced.');

export const controlPlane = z
  .strictObject({
    replicas: z.int().min(1).max(7).default(3).describe('1, 3 or 5.'),
    vmSize: vmSize.default('Standard_D2s_v5'),
    zones: z
      .array(zone)
      .min(1)
      .max(3)
      .optional()
      .describe('Zones the control plane may use; absent: all that offer the size.'),
    osDisk: disk(60),
    etcdDisk: disk(256),
    healthCheck: healthCheck.describe('When unhealthy control-plane machines are replaced by the cluster itself.'),
  })
  .describe('Control plane.');

export const taint = z.strictObject({
  key: z.string().min(1).max(253),
  value: z.string().max(63).default(''),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
});

export const workerPool = z
  .strictObject({
    name: label.max(20),
    replicas: z
      .int()
      .min(0)
      .max(1000)
      .describe('Number of workers; with autoscaling the number at the start, later left to the autoscaler.'),
    autoscaling: poolAutoscaling.optional(),
    vmSize: vmSize.default('Standard_D4s_v5'),
    zones: z.array(zone).min(1).max(3).optional().describe('Zones to spread over; absent: all that offer the size.'),
    osDisk: disk(60),
    labels: z.record(z.string().min(1).max(317), z.string().max(63)).default({}),
    taints: z.array(taint).max(20).default([]),
    rollout,
    healthCheck,
  })
  .describe('A pool of workers: one MachineDeployment per zone.');

const chart = z
  .strictObject({
    repository: z
      .string()
      .max(2048)
      .regex(
        /^(https|oci):\/\/[a-z0-9.-]+\.[a-z0-9-]+(:\d+)?(\/[\w./-]*)?$/,
        'must be an https or oci URL without user name',
      ),
    name: z.string().regex(/^[a-z0-9][\w.-]{0,127}$/, 'must be the name of a chart'),
    version: z
      .string()
      .regex(/^v?\d+\.\d+\.\d+([-+][\w.+-]+)?$/, 'must be one version such as 4.12.1: a range would change by itself'),
    releaseName: label.max(53).optional().describe("Name of the Helm release; absent: the add-on's name."),
  })
  .describe('A Helm chart, installed by the add-on provider for Helm in the cluster.');

const manifest = z
  .union([
    z.string().min(1).max(60_000),
    z.strictObject({
      blob: z.string().regex(/^[\w][\w./-]{0,255}$/, 'must be the name of a blob in the container add-ons'),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hex'),
    }),
  ])
  .describe('YAML text, or a blob of the container add-ons with its SHA-256.');

export const addOn = z
  .strictObject({
    name: label,
    namespace: label.default('default'),
    namespaceLabels: z
      .record(z.string().min(1).max(317), z.string().max(63))
      .default({})
      .describe('Labels of the namespace, e.g. spectrocloud.com/connection: proxy.'),
    layer: z.int().min(0).max(99).default(0).describe('Layers are installed one after the other, lowest first.'),
    manifests: z.array(manifest).max(50).default([]).describe('Kubernetes manifests; applied before the chart.'),
    chart: chart.optional(),
    values: z.record(z.string(), z.unknown()).optional().describe('Values of the chart.'),
  })
  .describe('Something installed into the finished cluster.');

export const proxy = z
  .strictObject({
    httpProxy: z.url().optional(),
    httpsProxy: z.url().optional(),
    noProxy: z.array(z.string().min(1)).max(200).default([]),
  })
  .describe('Outbound proxy of the nodes; needs static placement.');

export const reconcile = z
  .enum(['report', 'repair'])
  .default('report')
  .describe('What becomes of differences between this document and the cluster that others made.');
