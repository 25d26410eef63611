import { providerIdOf } from '../cloud-provider.ts';
import { clusterOf, dropFinalizer, ensureFinalizer, isPaused, secretText } from '../cluster-api/common.ts';
import type { ClusterObject, MachineObject } from '../cluster-api/kinds.ts';
import { AZURE_CLUSTER, AZURE_MACHINE, CLUSTER, LABEL, MACHINE } from '../cluster-api/kinds.ts';
import { ofCluster } from '../cluster-api/common.ts';
import { setLegacyConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { ControllerContext } from '../context.ts';
import { SECRET } from '../kinds.ts';
import type { Kube } from '../objects.ts';
import { controllerOf, messageOf } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';
import { ArmError } from './arm-client.ts';
import type { ArmClient, ArmResource } from './arm-client.ts';
import type { MachineScope } from './machine-resources.ts';
import {
  addressOf,
  ensureAvailabilitySet,
  ensureInboundNatRule,
  ensureNic,
  identityId,
  removeMachineResources,
  vmBody,
  vmPath,
} from './machine-resources.ts';
import type { AzureClusterObject, AzureMachineObject } from './spec.ts';
import { cloudProviderTag, ownedTag, scopeOf, VERSIONS } from './spec.ts';

const FINALIZER = 'azuremachine.infrastructure.cluster.x-k8s.io';
const RETRY_SECONDS = 30;

/** A failure that CAPZ writes into failureReason: the machine is never reconciled again. */
class Terminal extends Error {
  readonly reason: 'CreateError' | 'UpdateError';

  constructor(reason: 'CreateError' | 'UpdateError', message: string) {
    super(message);
    this.reason = reason;
  }
}

/** AzureMachine: adopts the VM that its provider id names, or creates NAT rule, NIC, availability set and VM. */
export function createAzureMachineController(
  context: ControllerContext,
  kube: Kube,
  signIn: (azureCluster: AzureClusterObject) => ArmClient,
): Reconciler {
  return {
    name: 'azuremachine',
    watches: [
      { kind: AZURE_MACHINE },
      {
        kind: MACHINE,
        map: (machine) => {
          const reference = (machine as MachineObject).spec?.infrastructureRef;
          return reference?.kind === 'AzureMachine'
            ? [{ namespace: machine.metadata.namespace ?? '', name: reference.name }]
            : [];
        },
      },
      { kind: CLUSTER, map: (cluster) => ofCluster(cluster, kube.list(AZURE_MACHINE)) },
    ],
    reconcile: async (key) => {
      let azureMachine = kube.get(AZURE_MACHINE, key.namespace, key.name) as AzureMachineObject | undefined;
      if (azureMachine === undefined) return undefined;
      const owner = controllerOf(azureMachine);
      const machine = owner?.kind === 'Machine' ? kube.get(MACHINE, key.namespace, owner.name) : undefined;
      const cluster = machine === undefined ? undefined : clusterOf(kube, machine, machine.spec?.clusterName);
      if (machine === undefined || cluster === undefined) return undefined;
      const reference = cluster.spec?.infrastructureRef?.name ?? '';
      const azureCluster = kube.get(AZURE_CLUSTER, key.namespace, reference) as AzureClusterObject | undefined;
      if (azureCluster === undefined || isPaused(cluster, azureMachine)) return undefined;
      const scopeFor = (userData: string): MachineScope =>
        machineScope({ cluster, azureCluster, machine, azureMachine: azureMachine as AzureMachineObject, userData });
      try {
        if (azureMachine.metadata.deletionTimestamp !== undefined) {
          await removeMachineResources(signIn(azureCluster), scopeFor(''));
          dropFinalizer(kube, azureMachine, FINALIZER);
          return undefined;
        }
        if (azureMachine.status?.failureReason !== undefined) return undefined;
        azureMachine = ensureFinalizer(kube, azureMachine, FINALIZER);
        const wait = waitingFor(kube, cluster, machine);
        if (wait !== undefined) {
          condition(context, kube, azureMachine, { status: false, reason: wait, message: '', severity: 'Info' });
          return undefined;
        }
        const secretName = machine.spec?.bootstrap.dataSecretName ?? '';
        const userData = secretText(kube.get(SECRET, key.namespace, secretName), 'value');
        if (userData === undefined)
          throw new Error(
            `failed to retrieve bootstrap data: failed to retrieve bootstrap data secret for AzureMachine ${key.namespace}/${key.name}: Secret "${secretName}" not found`,
          );
        await settle(context, kube, signIn(azureCluster), scopeFor(userData));
        return undefined;
      } catch (error) {
        return failed(context, kube, azureMachine, error);
      }
    },
  };
}

function machineScope(parts: {
  cluster: ClusterObject;
  azureCluster: AzureClusterObject;
  machine: MachineObject;
  azureMachine: AzureMachineObject;
  userData: string;
}): MachineScope {
  const { cluster, azureCluster, machine, azureMachine, userData } = parts;
  return {
    cluster: scopeOf(cluster, azureCluster),
    machine,
    azureMachine,
    spec: azureMachine.spec ?? { vmSize: '', osDisk: { osType: 'Linux' } },
    // The provider id names the machine in Azure, whatever the AzureMachine is called (scope/machine.go, Name).
    name: azureMachine.spec?.providerID?.split('/').at(-1) ?? azureMachine.metadata.name,
    isControlPlane: machine.metadata.labels?.[LABEL.controlPlane] !== undefined,
    zone: machine.spec?.failureDomain ?? azureMachine.spec?.failureDomain,
    userData,
  };
}

function waitingFor(kube: Kube, cluster: ClusterObject, machine: MachineObject): string | undefined {
  if (cluster.status?.initialization?.infrastructureProvisioned !== true) return 'WaitingForClusterInfrastructure';
  const current = kube.get(MACHINE, machine.metadata.namespace ?? '', machine.metadata.name);
  return current?.spec?.bootstrap.dataSecretName === undefined ? 'WaitingForBootstrapData' : undefined;
}

function condition(
  context: ControllerContext,
  kube: Kube,
  azureMachine: AzureMachineObject,
  update: Omit<ConditionUpdate, 'type'>,
): AzureMachineObject {
  const updates: ConditionUpdate[] = ['VMRunning', 'Ready'].map((type) => ({ ...update, type }));
  return kube.patchStatus(azureMachine, {
    conditions: setLegacyConditions(azureMachine.status?.conditions, updates, context.azure.clock.now()),
  });
}

function failed(
  context: ControllerContext,
  kube: Kube,
  stale: AzureMachineObject,
  error: unknown,
): Outcome | undefined {
  const azureMachine = kube.get(AZURE_MACHINE, stale.metadata.namespace ?? '', stale.metadata.name) as
    | AzureMachineObject
    | undefined;
  if (azureMachine === undefined) return undefined;
  const message = messageOf(error);
  const current = condition(context, kube, azureMachine, {
    status: false,
    reason: 'VMProvisionFailed',
    message,
    severity: 'Error',
  });
  kube.event(current, 'Warning', 'ReconcileError', message);
  if (error instanceof Terminal) {
    kube.patchStatus(current, { ready: false, failureReason: error.reason, failureMessage: message });
    return undefined;
  }
  const retryAfter = error instanceof ArmError ? error.retryAfter : undefined;
  return { requeueAfter: retryAfter ?? RETRY_SECONDS };
}

async function settle(context: ControllerContext, kube: Kube, arm: ArmClient, scope: MachineScope): Promise<void> {
  const { azureMachine } = scope;
  await ensureInboundNatRule(arm, scope);
  const existing = await arm.get(vmPath(scope), VERSIONS.compute);
  if (existing === undefined && (scope.spec.providerID ?? '') !== '') {
    throw new Terminal('UpdateError', `VM with provider id "${scope.spec.providerID ?? ''}" has been deleted`);
  }
  let vm = existing;
  if (vm === undefined) {
    await ensureNic(arm, scope);
    const availabilitySet = await ensureAvailabilitySet(arm, scope);
    condition(context, kube, azureMachine, { status: false, reason: 'VMCreating', message: '', severity: 'Info' });
    vm = await arm.put(vmPath(scope), VERSIONS.compute, vmBody(scope, availabilitySet));
  } else {
    await ensureNic(arm, scope);
  }
  vm = await provisioned(context, arm, scope, vm);
  checkIdentities(scope, vm);
  await ensureBootstrapExtension(arm, scope);
  const applied = await ensureTags(arm, scope, vm);
  const current = kube.get(AZURE_MACHINE, azureMachine.metadata.namespace ?? '', azureMachine.metadata.name);
  if (current === undefined) return;
  const group = scope.cluster.resourceGroup;
  const subscriptionId = scope.cluster.spec.subscriptionID ?? '';
  const providerId = providerIdOf({ subscriptionId, resourceGroup: group, name: scope.name });
  const annotations = {
    'cluster-api-provider-azure': 'true',
    ...(applied === undefined ? {} : { [LAST_APPLIED_TAGS]: JSON.stringify(applied) }),
  };
  const patched = kube.patch(current, {
    metadata: { annotations },
    spec: { providerID: providerId },
  }) as AzureMachineObject;
  const address = await addressOf(arm, scope);
  kube.patchStatus(patched, {
    ready: true,
    vmState: 'Succeeded',
    addresses: [
      { type: 'InternalDNS', address: scope.name },
      ...(address === undefined ? [] : [{ type: 'InternalIP', address }]),
    ],
    conditions: setLegacyConditions(
      patched.status?.conditions,
      ['VMRunning', 'NetworkInterfacesReady', 'VMIdentitiesReady', 'BootstrapSucceeded', 'Ready'].map((type) => ({
        type,
        status: true,
        reason: '',
      })),
      context.azure.clock.now(),
    ),
  });
}

/** Waits for a VM that is still being created, for example by ourselves before a restart. */
async function provisioned(
  context: ControllerContext,
  arm: ArmClient,
  scope: MachineScope,
  first: ArmResource,
): Promise<ArmResource> {
  let vm = first;
  while (vm.properties.provisioningState !== 'Succeeded') {
    const state = vm.properties.provisioningState ?? 'Unknown';
    if (state === 'Failed') throw new Terminal('CreateError', `Azure VM state is ${state}: ${scope.name}`);
    if (state === 'Deleting')
      throw new Terminal('UpdateError', `Azure VM ${scope.name} is being deleted by someone else`);
    await new Promise<void>((resolve) => void context.azure.clock.after(10, resolve));
    const next = await arm.get(vmPath(scope), VERSIONS.compute);
    if (next === undefined) throw new Terminal('UpdateError', `VM ${scope.name} vanished while it was created`);
    vm = next;
  }
  return vm;
}

/** Identity ids are compared letter by letter: another case is a terminal failure (cluster-api-pivot.md §2c). */
function checkIdentities(scope: MachineScope, vm: ArmResource): void {
  const wanted =
    scope.spec.identity === 'UserAssigned'
      ? (scope.spec.userAssignedIdentities ?? []).map((identity) => identityId(identity.providerID))
      : [];
  const actual = Object.keys(vm.identity?.userAssignedIdentities ?? {});
  const missing = wanted.filter((id) => !actual.includes(id));
  if (missing.length > 0) {
    throw new Terminal(
      'UpdateError',
      `the user-assigned identities of VM ${scope.name} have changed: ${missing.join(', ')} expected, ${actual.length === 0 ? 'none' : actual.join(', ')} found`,
    );
  }
}

/** What CAPZ has set before: kept on the machine, so that a tag that was taken out of the specs is taken off. */
const LAST_APPLIED_TAGS = 'sigs.k8s.io/cluster-api-provider-azure-last-applied-tags-vm';

/**
 * The additional tags and the cloud provider's, only on a machine with the `owned` tag, and only where one is missing or
 * different (cluster-api-provider-azure, services/tags): an adopted VM with the right tags is not written.
 *
 * @returns what is recorded as applied; undefined where the machine is not CAPZ's
 */
async function ensureTags(
  arm: ArmClient,
  scope: MachineScope,
  vm: ArmResource,
): Promise<Record<string, string> | undefined> {
  const { cluster, azureMachine } = scope;
  if (vm.tags?.[ownedTag(cluster.name)] !== 'owned') return undefined;
  const wanted: Record<string, string> = {
    ...cluster.spec.additionalTags,
    ...scope.spec.additionalTags,
    [cloudProviderTag(cluster.name)]: 'owned',
  };
  const before = JSON.parse(azureMachine.metadata.annotations?.[LAST_APPLIED_TAGS] ?? '{}') as Record<string, string>;
  const missing = Object.entries(wanted).filter(([name, value]) => vm.tags?.[name] !== value);
  const gone = Object.entries(before).filter(([name]) => wanted[name] === undefined);
  for (const [operation, tags] of [
    ['Merge', missing],
    ['Delete', gone],
  ] as const) {
    if (tags.length === 0) continue;
    await arm.patch(`${vmPath(scope)}/providers/Microsoft.Resources/tags/default`, VERSIONS.tags, {
      operation,
      properties: { tags: Object.fromEntries(tags) },
    });
  }
  return wanted;
}

/** The extension that watches the bootstrap: written to a machine that runs already too, unless the spec turns it off. */
async function ensureBootstrapExtension(arm: ArmClient, scope: MachineScope): Promise<void> {
  const { disableVMBootstrapExtension = true, disableExtensionOperations = false } = scope.spec;
  if (disableVMBootstrapExtension || disableExtensionOperations) return;
  const path = `${vmPath(scope)}/extensions/CAPZ.Linux.Bootstrapping`;
  if ((await arm.get(path, VERSIONS.compute)) !== undefined) return;
  await arm.put(path, VERSIONS.compute, {
    location: scope.cluster.spec.location,
    properties: {
      publisher: 'Microsoft.Azure.ContainerUpstream',
      type: 'CAPZ.Linux.Bootstrapping',
      typeHandlerVersion: '1.0',
    },
  });
}
