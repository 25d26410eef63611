import { setLegacyConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { ControllerContext } from '../context.ts';
import type { Json, Kube } from '../objects.ts';
import { isJson, messageOf } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';
import { dropFinalizer, ensureFinalizer, isPaused } from '../cluster-api/common.ts';
import type { ClusterObject } from '../cluster-api/kinds.ts';
import { ANNOTATION, AZURE_CLUSTER, AZURE_IDENTITY, AZURE_MACHINE, CLUSTER } from '../cluster-api/kinds.ts';
import type { ArmClient } from './arm-client.ts';
import { networkSteps, wantedRules } from './network.ts';
import type { AzureClusterObject, ClusterScope } from './spec.ts';
import { ownedTag, scopeOf, VERSIONS } from './spec.ts';

const FINALIZER = 'azurecluster.infrastructure.cluster.x-k8s.io';
/** Azure Service Operator's requeue (cluster-api-pivot.md §2c). */
const ASO_SECONDS = 20;
const RETRY_SECONDS = 30;

/** AzureCluster: reads (and where absent creates) the network and the API load balancer, then reports zones and readiness. */
export function createAzureClusterController(
  context: ControllerContext,
  kube: Kube,
  signIn: (azureCluster: AzureClusterObject) => ArmClient,
): Reconciler {
  const progress = new Map<string, Progress>();
  const ownerOf = (object: AzureClusterObject): ClusterObject | undefined => {
    const owner = object.metadata.ownerReferences?.find((reference) => reference.kind === 'Cluster');
    return owner === undefined ? undefined : kube.get(CLUSTER, object.metadata.namespace ?? '', owner.name);
  };
  return {
    name: 'azurecluster',
    watches: [
      { kind: AZURE_CLUSTER },
      {
        kind: CLUSTER,
        map: (cluster) => {
          const reference = (cluster as ClusterObject).spec?.infrastructureRef;
          return reference?.kind === 'AzureCluster'
            ? [{ namespace: cluster.metadata.namespace ?? '', name: reference.name }]
            : [];
        },
      },
      {
        kind: AZURE_IDENTITY,
        map: () =>
          kube
            .list(AZURE_CLUSTER)
            .map((object) => ({ namespace: object.metadata.namespace ?? '', name: object.metadata.name })),
      },
    ],
    reconcile: async (key) => {
      let azureCluster = kube.get(AZURE_CLUSTER, key.namespace, key.name) as AzureClusterObject | undefined;
      if (azureCluster === undefined) return undefined;
      const cluster = ownerOf(azureCluster);
      if (cluster === undefined || isPaused(cluster, azureCluster)) return undefined;
      if (azureCluster.metadata.annotations?.[ANNOTATION.managedBy] !== undefined) return undefined;
      if (azureCluster.metadata.deletionTimestamp !== undefined)
        return remove(context, kube, cluster, azureCluster, signIn(azureCluster));
      azureCluster = ensureFinalizer(kube, azureCluster, FINALIZER);
      try {
        return await settle(context, kube, { cluster, azureCluster, arm: signIn(azureCluster), progress });
      } catch (error) {
        const current =
          (kube.get(AZURE_CLUSTER, key.namespace, key.name) as AzureClusterObject | undefined) ?? azureCluster;
        notReady(context, kube, current, messageOf(error));
        kube.event(current, 'Warning', 'ClusterReconcilerNormalFailed', messageOf(error));
        return { requeueAfter: RETRY_SECONDS };
      }
    },
  };
}

interface Subject {
  readonly cluster: ClusterObject;
  readonly azureCluster: AzureClusterObject;
  readonly arm: ArmClient;
  readonly progress: Map<string, Progress>;
}

/** Of one AzureCluster: steps of Azure Service Operator that were waited for, and the generation that was settled. */
interface Progress {
  readonly waits: number;
  readonly settled?: number | undefined;
}

function notReady(context: ControllerContext, kube: Kube, azureCluster: AzureClusterObject, message: string): void {
  const updates: ConditionUpdate[] = ['NetworkInfrastructureReady', 'Ready'].map((type) => ({
    type,
    status: false,
    reason: 'Failed',
    message,
    severity: 'Error',
  }));
  kube.patchStatus(azureCluster, {
    conditions: setLegacyConditions(azureCluster.status?.conditions, updates, context.azure.clock.now()),
  });
}

async function settle(context: ControllerContext, kube: Kube, subject: Subject): Promise<Outcome | undefined> {
  const { cluster, arm, progress } = subject;
  const id = subject.azureCluster.metadata.uid ?? '';
  const { waits, settled } = progress.get(id) ?? { waits: 0 };
  // A changed spec is settled again, as is everything that was read before a restart.
  const isReady = subject.azureCluster.status?.ready === true;
  if (isReady && settled === subject.azureCluster.metadata.generation) return undefined;
  const zones = await failureDomains(arm, subject.azureCluster);
  const azureCluster = kube.patchStatus<AzureClusterObject>(
    subject.azureCluster,
    Object.keys(zones).length === 0 ? {} : { failureDomains: zones },
  );
  const scope = scopeOf(cluster, azureCluster);
  let seen = 0;
  for (const step of networkSteps(arm, scope)) {
    await step.run();
    if (!step.aso || isReady) continue;
    seen += 1;
    if (seen <= waits) continue;
    progress.set(id, { waits: seen });
    return { requeueAfter: ASO_SECONDS };
  }
  const written = kube.patch(azureCluster, { spec: { networkSpec: await learned(arm, scope) } });
  progress.set(id, { waits, settled: written.metadata.generation });
  const updates: ConditionUpdate[] = [
    'NetworkInfrastructureReady',
    'VnetReady',
    'SubnetsReady',
    'SecurityGroupsReady',
    'LoadBalancersReady',
    'Ready',
  ].map((type) => ({ type, status: true, reason: '' }));
  if (azureCluster.spec?.controlPlaneEndpoint?.host === undefined) {
    const host = scope.spec.networkSpec?.apiServerLB?.frontendIPs?.[0]?.publicIP?.dnsName;
    if (host !== undefined) kube.patch(azureCluster, { spec: { controlPlaneEndpoint: { host, port: 6443 } } });
  }
  kube.patchStatus(azureCluster, {
    ready: true,
    conditions: setLegacyConditions(azureCluster.status?.conditions, updates, context.azure.clock.now()),
  });
  return undefined;
}

/** Zones of the region; the spec can switch one off for the control plane. */
async function failureDomains(
  arm: ArmClient,
  { status, spec }: AzureClusterObject,
): Promise<Record<string, { controlPlane?: boolean }>> {
  const zones: Record<string, { controlPlane?: boolean }> =
    status?.failureDomains ?? (await zonesOf(arm, spec?.subscriptionID ?? '', spec?.location ?? ''));
  for (const [name, domain] of Object.entries(spec?.failureDomains ?? {}))
    zones[name] = { ...domain, controlPlane: domain.controlPlane === true };
  return zones;
}

/**
 * What CAPZ writes into the spec of the AzureCluster once it has looked: id and tags of the network, ids of the subnets,
 * and rules for SSH and the API server where none names their port (cluster-api-provider-azure, scope/cluster.go).
 */
async function learned(arm: ArmClient, scope: ClusterScope): Promise<Json> {
  const path = scope.id('virtualNetworks', scope.vnetName, scope.vnetResourceGroup);
  const vnet = await arm.get(path, VERSIONS.network);
  const subnets = scope.subnets.map((subnet) => ({
    ...subnet,
    id: `${vnet?.id ?? path}/subnets/${subnet.name}`,
    ...(subnet.role === 'control-plane'
      ? { securityGroup: { ...subnet.securityGroup, securityRules: wantedRules(subnet) } }
      : {}),
  }));
  return { vnet: { id: vnet?.id ?? path, tags: vnet?.tags ?? {} }, subnets };
}

/** Zones in which any VM size is unrestricted; the control plane's own size is not looked at (cluster-api-provider-azure #5033). */
async function zonesOf(
  arm: ArmClient,
  subscription: string,
  location: string,
): Promise<Record<string, { controlPlane: boolean }>> {
  const answer = await arm.get(`/subscriptions/${subscription}/providers/Microsoft.Compute/skus`, VERSIONS.skus, {
    $filter: `location eq '${location}'`,
  });
  const zones = new Set<string>();
  for (const sku of Array.isArray(answer?.['value']) ? (answer['value'] as Json[]) : []) {
    if (sku['resourceType'] !== 'virtualMachines') continue;
    const info = (sku['locationInfo'] as { location?: string; zones?: string[] }[] | undefined) ?? [];
    const restrictions =
      (sku['restrictions'] as { type?: string; restrictionInfo?: { zones?: string[] } }[] | undefined) ?? [];
    if (restrictions.some((restriction) => restriction.type === 'Location')) continue;
    const closed = new Set(restrictions.flatMap((restriction) => restriction.restrictionInfo?.zones ?? []));
    info
      .flatMap((entry) => entry.zones ?? [])
      .filter((zone) => !closed.has(zone))
      .forEach((zone) => zones.add(zone));
  }
  return Object.fromEntries([...zones].toSorted().map((zone) => [zone, { controlPlane: true }]));
}

/**
 * Deletes what carries the `owned` tag, in reverse. A resource group with the tag goes whole, with everything in it (risk
 * R4): a group that existed before must never carry it.
 */
async function remove(
  context: ControllerContext,
  kube: Kube,
  cluster: ClusterObject,
  azureCluster: AzureClusterObject,
  arm: ArmClient,
): Promise<Outcome | undefined> {
  const { namespace = '' } = azureCluster.metadata;
  if (
    kube
      .list(AZURE_MACHINE, namespace)
      .some((machine) => machine.metadata.labels?.['cluster.x-k8s.io/cluster-name'] === cluster.metadata.name)
  )
    return { requeueAfter: ASO_SECONDS };
  const scope = scopeOf(cluster, azureCluster);
  const group = `/subscriptions/${scope.spec.subscriptionID ?? ''}/resourceGroups/${scope.resourceGroup}`;
  const tag = ownedTag(scope.name);
  try {
    if ((await arm.get(group, VERSIONS.groups))?.tags?.[tag] === 'owned') {
      await arm.remove(group, VERSIONS.groups);
    } else {
      const vnet = scope.id('virtualNetworks', scope.vnetName, scope.vnetResourceGroup);
      const isManaged = (await arm.get(vnet, VERSIONS.network))?.tags?.[tag] === 'owned';
      const names = (read: (subnet: (typeof scope.subnets)[number]) => string | undefined): string[] => [
        ...new Set(scope.subnets.flatMap((subnet) => read(subnet) ?? [])),
      ];
      const paths = [
        scope.id('loadBalancers', scope.loadBalancer),
        ...(scope.spec.networkSpec?.apiServerLB?.frontendIPs ?? []).flatMap((ip) =>
          ip.publicIP === undefined ? [] : [scope.id('publicIPAddresses', ip.publicIP.name)],
        ),
        ...(isManaged ? [vnet] : []),
        ...names((subnet) => subnet.natGateway?.name).map((name) => scope.id('natGateways', name)),
        ...names((subnet) => subnet.natGateway?.ip?.name).map((name) => scope.id('publicIPAddresses', name)),
        ...names((subnet) => subnet.securityGroup?.name).map((name) =>
          scope.id('networkSecurityGroups', name, scope.vnetResourceGroup),
        ),
        ...names((subnet) => subnet.routeTable?.name).map((name) =>
          scope.id('routeTables', name, scope.vnetResourceGroup),
        ),
      ];
      for (const path of paths) {
        const resource = await arm.get(path, VERSIONS.network);
        if (isJson(resource) && resource.tags?.[tag] === 'owned') await arm.remove(path, VERSIONS.network);
      }
    }
  } catch (error) {
    notReady(context, kube, azureCluster, messageOf(error));
    return { requeueAfter: RETRY_SECONDS };
  }
  dropFinalizer(kube, azureCluster, FINALIZER);
  return undefined;
}
