import { z } from 'zod';
import { trustedCa } from '../kubeadm/trusted-ca.ts';
import { addOn, azureName, cidr, proxy, reconcile, taint, vmSize, zone } from '../spec/parts.ts';
import { azure, kubernetesVersion, metadata, uuid } from '../spec/schema.ts';

const network = z
  .strictObject({
    placement: z
      .enum(['dynamic', 'static'])
      .default('dynamic')
      .describe('dynamic: a network is made; static: the named one is used and never written.'),
    resourceGroup: azureName.optional().describe('Static placement: resource group of the virtual network.'),
    virtualNetwork: azureName.optional().describe('Static placement: virtual network.'),
    subnet: azureName.optional().describe('Static placement: subnet of the nodes.'),
    cidrs: z
      .strictObject({
        virtualNetwork: cidr.default('10.224.0.0/12'),
        subnet: cidr.default('10.224.0.0/16'),
      })
      .prefault({})
      .describe('Dynamic placement: address ranges.'),
    plugin: z.enum(['azure', 'kubenet']).default('azure').describe('Network plugin.'),
    pluginMode: z
      .enum(['overlay', 'nodeSubnet'])
      .optional()
      .describe(
        'Plugin azure: where pods get addresses. overlay (the default): of podCidr; nodeSubnet: of the subnet.',
      ),
    policy: z.enum(['none', 'azure', 'calico']).default('none').describe('Who enforces network policies.'),
    podCidr: cidr.optional().describe('Addresses of pods, 10.244.0.0/16 when absent; not with pluginMode nodeSubnet.'),
    serviceCidr: cidr.default('10.0.0.0/16').describe('Addresses of services.'),
    outbound: z
      .enum(['loadBalancer', 'userDefinedRouting'])
      .default('loadBalancer')
      .describe('How nodes reach the internet. userDefinedRouting: by the routes of your own subnet.'),
    api: z
      .strictObject({
        exposure: z.enum(['public', 'private']).default('public').describe('private: a private cluster.'),
        allowedCidrs: z.array(cidr).max(200).default([]).describe('Who may reach the API server; empty: everyone.'),
      })
      .prefault({}),
  })
  .describe('Network of the cluster.');

const tier = z.enum(['Free', 'Standard']);

const workspace = z
  .string()
  .regex(
    /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.OperationalInsights\/workspaces\/[^/]+$/i,
    'must be the resource id of a Log Analytics workspace',
  );

const managedControlPlane = z
  .strictObject({
    sku: z
      .union([tier, z.strictObject({ tier }).transform((sku) => sku.tier)])
      .default('Free')
      .describe('Free or Standard; { tier: … } is accepted, too.'),
    aadProfile: z
      .strictObject({
        managed: z.boolean().default(true).describe('Must be true: AKS offers no other integration any more.'),
        adminGroupObjectIDs: z.array(uuid).max(25).default([]).describe('Groups whose members are administrators.'),
        enableAzureRBAC: z.boolean().default(false).describe('Azure role assignments decide about Kubernetes.'),
      })
      .optional()
      .describe('Sign-in with Microsoft Entra ID.'),
    disableLocalAccounts: z.boolean().default(false).describe('No static administrator; needs aadProfile.'),
    autoUpgradeProfile: z
      .strictObject({
        upgradeChannel: z
          .enum(['none', 'patch', 'stable', 'rapid', 'node-image'])
          .default('none')
          .describe('Upgrades that AKS makes by itself.'),
        nodeOSUpgradeChannel: z
          .enum(['None', 'Unmanaged', 'SecurityPatch', 'NodeImage'])
          .optional()
          .describe('Updates of the node image; AKS chooses when absent.'),
      })
      .prefault({}),
    workloadIdentity: z
      .boolean()
      .default(false)
      .describe('OIDC issuer and workload identity. The issuer stays when it is taken back.'),
    addonProfiles: z
      .strictObject({
        azurepolicy: z.strictObject({ enabled: z.boolean() }).optional().describe('Azure Policy in the cluster.'),
        omsagent: z
          .strictObject({
            enabled: z.boolean(),
            config: z.strictObject({ logAnalyticsWorkspaceResourceID: workspace }).optional(),
          })
          .optional()
          .describe('Container insights into a Log Analytics workspace.'),
      })
      .default({})
      .describe('Add-ons that AKS brings along.'),
  })
  .prefault({})
  .describe('The control plane, which Azure runs.');

const nodePool = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9]*$/, 'must begin with a lower-case letter and have lower-case letters and digits only')
      .max(12)
      .describe('At most 12 characters; a Windows pool has at most 6.'),
    mode: z.enum(['System', 'User']).default('User').describe('At least one pool is a System pool.'),
    replicas: z
      .int()
      .min(0)
      .max(1000)
      .describe('Number of nodes; with autoscaling the number at the start, later left to the autoscaler.'),
    autoscaling: z
      .strictObject({ min: z.int().min(0).max(1000), max: z.int().min(1).max(1000) })
      .optional()
      .describe('Bounds within which AKS adds and removes nodes.'),
    vmSize: vmSize.default('Standard_D4s_v5'),
    osType: z.enum(['Linux', 'Windows']).default('Linux'),
    osSku: z.enum(['Ubuntu', 'AzureLinux', 'Windows2019', 'Windows2022']).optional().describe('Absent: AKS chooses.'),
    osDiskSizeGiB: z.int().min(30).max(2048).default(128),
    zones: z.array(zone).min(1).max(3).optional().describe('Zones to spread over; absent: all that offer the size.'),
    maxPods: z.int().min(10).max(250).optional().describe('Pods of a node; absent: 250 with overlay, else 30 or 110.'),
    maxSurge: z
      .string()
      .regex(/^([1-9]\d{0,2}|(100|[1-9]\d?)%)$/, 'must be a number or a percentage such as 33%')
      .default('10%')
      .describe('Nodes above the wanted number during an upgrade.'),
    version: kubernetesVersion
      .optional()
      .describe('Keeps the pool at an older version than the control plane; absent: the same.'),
    labels: z.record(z.string().min(1).max(317), z.string().max(63)).default({}),
    taints: z.array(taint).max(20).default([]),
  })
  .describe('A pool of nodes: one agent pool of AKS.');

/** `apiVersion: capstan.dev/v1`, `kind: ManagedCluster`: a cluster of AKS (architecture.md §4). */
export const managedDocument = z
  .strictObject({
    apiVersion: z.literal('capstan.dev/v1'),
    kind: z.literal('ManagedCluster'),
    metadata,
    spec: z.strictObject({
      azure,
      kubernetes: z.strictObject({
        version: kubernetesVersion.describe('Kubernetes version; AKS may be ahead of it with an upgrade channel.'),
      }),
      sshKeys: z
        .array(z.string().max(4096))
        .max(1, 'AKS takes one key')
        .default([])
        .describe('At most one public key (RSA) of the user azureuser on every Linux node.'),
      network: network.prefault({}),
      managedControlPlane,
      nodePools: z.array(nodePool).max(100),
      addOns: z.array(addOn).max(50).default([]),
      proxy: proxy.optional(),
      trustedCa: trustedCa.optional(),
      reconcile,
    }),
  })
  .describe('A Kubernetes cluster of Azure Kubernetes Service.');
