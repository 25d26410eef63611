import { azureEnvironmentName } from '../kubeadm/azure-json.ts';
import type { ClusterPlan } from '../plan/types.ts';
import { apiGroups, apiVersions, documentNames, namespaceOf, wellKnown } from './names.ts';
import type { KubernetesObject } from './object.ts';
import { subnets } from './network-spec.ts';

/** What is known only after Azure has made the identity and the addresses. */
export interface ObservedAzure {
  /** Client id of the user-assigned identity. */
  readonly identityClientId: string;
  /** Public addresses the cluster's own calls to its API server come from; allowed beside `api.allowedCidrs`. */
  readonly clusterAddresses?: readonly string[];
}

/** Labels of every document of the cluster. */
export function clusterLabels(plan: ClusterPlan): Readonly<Record<string, string>> {
  return { [wellKnown.clusterName]: plan.name };
}

/** The namespace that holds the cluster's own documents; its name is the cluster's. */
export function namespaceDocument(plan: ClusterPlan): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: namespaceOf(plan), labels: { ...clusterLabels(plan), [wellKnown.uid]: plan.uid } },
  };
}

/**
 * How CAPZ signs in: the user-assigned identity of the control-plane machines it runs on, so no secret is needed
 * (cluster-api-pivot.md §2c, Identity). The label lets `clusterctl move` take it along.
 */
export function identityDocument(plan: ClusterPlan, observed: ObservedAzure): KubernetesObject {
  const namespace = namespaceOf(plan);
  return {
    apiVersion: apiVersions.infrastructure,
    kind: 'AzureClusterIdentity',
    metadata: {
      name: documentNames(plan).identity,
      namespace,
      labels: { ...clusterLabels(plan), [wellKnown.moveHierarchy]: 'true' },
    },
    spec: {
      type: 'UserAssignedMSI',
      tenantID: plan.azure.tenantId,
      clientID: observed.identityClientId,
      resourceID: plan.identity.id,
      allowedNamespaces: { list: [namespace] },
    },
  };
}

/** The Cluster, paused: nothing acts on the bundle before the gate has passed. */
export function clusterDocument(plan: ClusterPlan): KubernetesObject {
  const names = documentNames(plan);
  return {
    apiVersion: apiVersions.core,
    kind: 'Cluster',
    metadata: {
      name: names.cluster,
      namespace: namespaceOf(plan),
      labels: { ...clusterLabels(plan), [wellKnown.uid]: plan.uid },
    },
    spec: {
      paused: true,
      clusterNetwork: {
        pods: { cidrBlocks: [plan.network.podCidr] },
        services: { cidrBlocks: [plan.network.serviceCidr] },
        serviceDomain: 'cluster.local',
      },
      controlPlaneEndpoint: endpoint(plan),
      controlPlaneRef: { apiGroup: apiGroups.controlPlane, kind: 'KubeadmControlPlane', name: names.controlPlane },
      infrastructureRef: { apiGroup: apiGroups.infrastructure, kind: 'AzureCluster', name: names.cluster },
    },
  };
}

/**
 * The AzureCluster, under the names CAPZ would compute (cluster-api-pivot.md §2c).
 *
 * The virtual network and the NAT gateway are bring-your-own to CAPZ, for dynamic placement too: they do not carry
 * CAPZ's `owned` tag, so CAPZ and its service operator keep their reconcile policy `skip` and write nothing; Capstan
 * deletes them with the cluster. The load balancer, its public IP and CP-A's machine resources carry the tag; CAPZ
 * reads them first and finds nothing missing. Azure writes that follow from the hand-over: none.
 */
export function azureClusterDocument(plan: ClusterPlan, observed: ObservedAzure): KubernetesObject {
  const { azure, network, controlPlane } = plan;
  const names = documentNames(plan);
  const namespace = namespaceOf(plan);
  const balancer = network.api.loadBalancer;
  const inside = network.api.private;
  const off = plan.regionZones.filter((zone) => !controlPlane.zones.includes(zone));
  return {
    apiVersion: apiVersions.infrastructure,
    kind: 'AzureCluster',
    metadata: { name: names.cluster, namespace, labels: clusterLabels(plan) },
    spec: {
      subscriptionID: azure.subscriptionId,
      location: azure.location,
      resourceGroup: azure.resourceGroup,
      azureEnvironment: azureEnvironmentName(azure.environment),
      ...(Object.keys(plan.tags).length === 0 ? {} : { additionalTags: plan.tags }),
      identityRef: {
        apiVersion: apiVersions.infrastructure,
        kind: 'AzureClusterIdentity',
        name: names.identity,
        namespace,
      },
      controlPlaneEnabled: true,
      controlPlaneEndpoint: endpoint(plan),
      // Only what differs: a zone can be switched off for the control plane, not added.
      ...(off.length === 0
        ? {}
        : {
            failureDomains: Object.fromEntries(
              plan.regionZones.map((zone) => [zone, { controlPlane: !off.includes(zone) }]),
            ),
          }),
      networkSpec: {
        vnet: {
          name: network.virtualNetwork.name,
          resourceGroup: network.virtualNetwork.resourceGroup,
          cidrBlocks: [...network.virtualNetwork.cidrs],
        },
        subnets: subnets(plan, observed.clusterAddresses ?? []),
        apiServerLB: {
          name: balancer,
          type: inside === undefined ? 'Public' : 'Internal',
          sku: 'Standard',
          idleTimeoutInMinutes: 4,
          ...(inside === undefined ? { frontendIPsCount: 1 } : frontendZones(plan)),
          frontendIPs: [
            {
              name: `${balancer}-frontEnd`,
              ...(inside === undefined
                ? { publicIP: { name: network.api.publicIp, dnsName: network.api.host } }
                : { privateIP: inside.address }),
            },
          ],
          backendPool: { name: `${balancer}-backendPool` },
        },
        // The zone, its link and the record are ours; with the mode System CAPZ would write the record again and again.
        ...(inside === undefined ? {} : { privateDNSZone: 'None' }),
      },
    },
  };
}

/** Zones of the internal frontend; a public one has those of its address. */
function frontendZones({ regionZones }: ClusterPlan): { readonly availabilityZones?: readonly string[] } {
  return regionZones.length === 0 ? {} : { availabilityZones: regionZones };
}

function endpoint(plan: ClusterPlan): { readonly host: string; readonly port: number } {
  return { host: plan.network.api.host, port: plan.network.api.port };
}
