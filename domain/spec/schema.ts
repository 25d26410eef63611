import { z } from 'zod';
import { nodeAdditions } from '../kubeadm/additions.ts';
import { trustedCa } from '../kubeadm/trusted-ca.ts';
import { gatewayName } from '../storage/gateway.ts';
import { addOn, controlPlane, image, network, proxy, reconcile, storage, workerPool } from './parts.ts';

export const uuid = z.string().regex(/^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/, 'must be a UUID');

/** DNS label; at most 44 characters because CAPZ derives longer names from it (cluster-api-pivot.md §2c). */
export const clusterName = z
  .string()
  .min(1)
  .max(44, 'must have at most 44 characters')
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label: lower-case letters, digits and hyphens');

/**
 * Name of a self-managed cluster. CAPZ's webhook wants two characters at least (cluster-api-provider-azure,
 * azurecluster_validation.go), and Azure wants the DNS label of the API server's address to begin with a letter.
 */
const selfManagedName = clusterName
  .min(2, 'must have at least 2 characters')
  .regex(/^[a-z]/, "must begin with a letter, because the API server's DNS name does");

export const azure = z
  .strictObject({
    environment: z.enum(['public', 'usGovernment', 'china']).default('public').describe('The Azure cloud.'),
    subscriptionId: uuid.describe('Subscription that everything is created in.'),
    location: z
      .string()
      .regex(/^[a-z0-9]+$/, 'must be a region name such as westeurope')
      .describe('Azure region.'),
    resourceGroup: z
      .string()
      .regex(/^[-\w.()]{1,90}$/, 'must be a resource group name')
      .describe('An existing resource group; Capstan never creates or deletes it.'),
    identity: z
      .string()
      .regex(
        /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\/[^/]+$/i,
        'must be the resource id of a user-assigned identity',
      )
      .optional()
      .describe('Existing user-assigned identity of the control-plane machines; one is made when absent.'),
  })
  .describe('Where the cluster is built.');

/** Name and tags of a cluster of either kind. */
export const metadata = z.strictObject({
  name: clusterName.describe('Name of the cluster: a DNS label of at most 44 characters.'),
  tags: z
    .record(z.string().min(1).max(512), z.string().max(256))
    .default({})
    .describe('Azure tags for everything that is created; azure, microsoft and windows are refused.'),
});

export const kubernetesVersion = z.string().regex(/^v1\.\d+\.\d+$/, 'must look like v1.33.4');

/** `apiVersion: capstan.dev/v1`, `kind: Cluster`: a self-managed cluster (architecture.md §4). */
export const clusterDocument = z
  .strictObject({
    apiVersion: z.literal('capstan.dev/v1'),
    kind: z.literal('Cluster'),
    metadata: metadata.extend({
      name: selfManagedName.describe(
        'Name of the cluster: a DNS label of 2 to 44 characters that begins with a letter.',
      ),
    }),
    spec: z.strictObject({
      azure,
      kubernetes: z.strictObject({
        version: kubernetesVersion.describe('Kubernetes version.'),
      }),
      sshKeys: z
        .array(
          z
            .string()
            .regex(
              /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/=]+( .*)?$/,
              'must be an OpenSSH public key',
            ),
        )
        .max(16)
        .default([])
        .describe('Public keys of the user capi on every node.'),
      nodes: nodeAdditions.prefault({}),
      network: network.prefault({}),
      storage: storage.prefault({}),
      image,
      controlPlane,
      workerPools: z.array(workerPool).max(20).default([]),
      addOns: z.array(addOn).max(50).default([]),
      proxy: proxy.optional(),
      trustedCa: trustedCa.optional(),
      gateway: gatewayName
        .optional()
        .describe(
          'Name of a stored private gateway (PUT /api/gateways/{name}), which lends its network, proxy and trusted certificates.',
        ),
      reconcile,
    }),
  })
  .describe('A self-managed Kubernetes cluster on Azure virtual machines.');
