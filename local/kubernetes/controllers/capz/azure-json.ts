import { clusterOf, isPaused } from '../cluster-api/common.ts';
import { AZURE_CLUSTER, AZURE_IDENTITY, AZURE_MACHINE_TEMPLATE, CLUSTER } from '../cluster-api/kinds.ts';
import { SECRET } from '../kinds.ts';
import type { Json, Kube } from '../objects.ts';
import { ownerReference } from '../objects.ts';
import type { Reconciler } from '../runtime.ts';
import type { ArmClient } from './arm-client.ts';
import { identityId } from './machine-resources.ts';
import type { AzureClusterObject, AzureIdentityObject, AzureMachineSpec } from './spec.ts';
import { VERSIONS } from './spec.ts';

/** Keys of the secret; the last one is there for templates of long ago. */
const KEYS = ['control-plane-azure.json', 'worker-node-azure.json', 'azure.json'] as const;

/** Who the cloud provider of a machine signs in as. */
export interface CloudIdentities {
  /** Tenant and client of the AzureClusterIdentity. */
  readonly tenantId: string;
  readonly clientId: string;
  /** Client of the machine's own identity; undefined where it has none. */
  readonly machineClientId: string | undefined;
}

/**
 * `<template>-azure-json` of every machine template: CAPZ writes it, and writes it again when it differs and carries the
 * label `<cluster>: owned`; one without the label is the user's (cluster-api-provider-azure, controllers/helpers.go).
 */
export function createAzureJsonController(
  kube: Kube,
  signIn: (azureCluster: AzureClusterObject) => ArmClient,
): Reconciler {
  return {
    name: 'azurejsontemplate',
    watches: [
      { kind: AZURE_MACHINE_TEMPLATE },
      {
        kind: CLUSTER,
        map: (cluster) =>
          kube
            .list(AZURE_MACHINE_TEMPLATE, cluster.metadata.namespace)
            .map(({ metadata }) => ({ namespace: metadata.namespace ?? '', name: metadata.name })),
      },
    ],
    reconcile: async ({ namespace, name }) => {
      const template = kube.get(AZURE_MACHINE_TEMPLATE, namespace, name);
      const owner = template?.metadata.ownerReferences?.find((reference) => reference.kind === 'Cluster');
      const cluster = template === undefined ? undefined : clusterOf(kube, template, owner?.name);
      const azureCluster = kube.get(AZURE_CLUSTER, namespace, cluster?.spec?.infrastructureRef?.name ?? '');
      if (template === undefined || cluster === undefined || azureCluster === undefined) return undefined;
      if (owner === undefined || isPaused(cluster, template)) return undefined;
      const spec = (template.spec?.template.spec ?? {}) as unknown as AzureMachineSpec;
      const scope = azureCluster as AzureClusterObject;
      const identities = await identitiesOf(kube, signIn(scope), scope, spec);
      const text = azureJsonText(scope, identities);
      const data = Object.fromEntries(KEYS.map((key) => [key, Buffer.from(text).toString('base64')]));
      const secretName = `${name}-azure-json`;
      const label = { [cluster.metadata.name]: 'owned' };
      const existing = kube.get(SECRET, namespace, secretName);
      const ownerReferences = [ownerReference(template, true)];
      if (existing === undefined)
        kube.create({
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: secretName, namespace, labels: label, ownerReferences },
          type: 'Opaque',
          data,
        });
      else if (existing.metadata.labels?.[cluster.metadata.name] === 'owned') {
        const isSame = KEYS.every((key) => (existing['data'] as Json | undefined)?.[key] === data[key]);
        if (!isSame) kube.event(template, 'Normal', 'AzureJsonUpdated', `Secret ${secretName} was written anew`);
        kube.patch(existing, { data });
      }
      return undefined;
    },
  };
}

async function identitiesOf(
  kube: Kube,
  arm: ArmClient,
  { spec, metadata }: AzureClusterObject,
  machine: AzureMachineSpec,
): Promise<CloudIdentities> {
  const reference = spec?.identityRef;
  const namespace = reference?.namespace ?? metadata.namespace ?? '';
  const identity = kube.get<AzureIdentityObject>(AZURE_IDENTITY, namespace, reference?.name ?? '');
  const [own] = machine.identity === 'UserAssigned' ? (machine.userAssignedIdentities ?? []) : [];
  const found = own === undefined ? undefined : await arm.get(identityId(own.providerID), VERSIONS.identities);
  if (own !== undefined && found === undefined)
    throw new Error(`failed to get user-assigned identity ClientID: ${own.providerID} is not there`);
  const machineClientId = found?.properties['clientId'];
  return {
    tenantId: identity?.spec?.tenantID ?? '',
    clientId: identity?.spec?.clientID ?? '',
    machineClientId: typeof machineClientId === 'string' ? machineClientId : undefined,
  };
}

/** The file as CAPZ writes it: the first node subnet's names, the order of its Go structure, four spaces. */
export function azureJsonText(
  { spec, metadata }: AzureClusterObject,
  { tenantId, clientId, machineClientId }: CloudIdentities,
): string {
  const network = spec?.networkSpec;
  const subnet = network?.subnets?.find(({ role }) => role === 'node');
  const resourceGroup = spec?.resourceGroup ?? metadata.name;
  const vnetResourceGroup = network?.vnet?.resourceGroup ?? resourceGroup;
  const config = {
    cloud: spec?.azureEnvironment ?? 'AzurePublicCloud',
    tenantId,
    subscriptionId: spec?.subscriptionID ?? '',
    aadClientId: machineClientId === undefined ? clientId : undefined,
    resourceGroup,
    securityGroupName: subnet?.securityGroup?.name ?? '',
    securityGroupResourceGroup: vnetResourceGroup,
    location: spec?.location ?? '',
    vmType: 'vmss',
    vnetName: network?.vnet?.name ?? '',
    vnetResourceGroup,
    subnetName: subnet?.name ?? '',
    routeTableName: subnet?.routeTable?.name ?? '',
    loadBalancerSku: 'Standard',
    loadBalancerName: network?.nodeOutboundLB?.name ?? '',
    maximumLoadBalancerRuleCount: 250,
    useManagedIdentityExtension: machineClientId !== undefined,
    useInstanceMetadata: true,
    // With the feature gate MachinePool, which is on by default.
    enableVmssFlexNodes: true,
    userAssignedIdentityID: machineClientId,
  };
  return JSON.stringify(config, null, 4);
}
