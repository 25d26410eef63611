import { certificateSecrets, revealSecrets } from '#domain/cluster-api/secrets.ts';
import { namespaceOf, wellKnown } from '#domain/cluster-api/names.ts';
import { field, listField, numberField, referenceKey, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import type { ErrorCode } from '#domain/errors/registry.ts';
import type { PivotContext } from './context.ts';
import type { JournalState } from './journal.ts';

/** Why the hand-over must be stopped. */
export interface Alarm {
  readonly code: ErrorCode;
  readonly where: string;
  readonly evidence: readonly string[];
}

/** What one look after the commit found. */
export type WatchResult =
  | { readonly state: 'adopted' }
  | { readonly state: 'waiting'; readonly reason: string }
  | { readonly state: 'alarm'; readonly alarm: Alarm };

/**
 * One look at the cluster after it was unpaused: the abort rules first, then whether the control plane has adopted
 * CP-A (cluster-api-pivot.md §2d.8).
 */
export async function lookAfterCommit(context: PivotContext, journal: JournalState): Promise<WatchResult> {
  const { client, plan } = context;
  const owners = ownerReferences(plan);
  const machines = await client.list({
    apiVersion: owners.machine.apiVersion,
    kind: 'Machine',
    namespace: namespaceOf(plan),
    labelSelector: wellKnown.controlPlane,
  });
  const objects = {
    machines,
    cluster: await client.get(owners.cluster),
    azureCluster: await client.get(owners.azureCluster),
    azureMachine: await client.get(owners.azureMachine),
    controlPlane: await client.get(owners.controlPlane),
    kubeadmConfig: await client.get(owners.kubeadmConfig),
    authority: await client.get({
      apiVersion: 'v1',
      kind: 'Secret',
      namespace: namespaceOf(plan),
      name: `${plan.name}-ca`,
    }),
  };
  const alarm = objectAlarm(context, objects) ?? (await azureAlarm(context, journal));
  if (alarm !== undefined) {
    return { state: 'alarm', alarm };
  }
  const reason = missingForAdoption(objects, plan.controlPlane.machineName);
  return reason === undefined ? { state: 'adopted' } : { state: 'waiting', reason };
}

interface WatchedObjects {
  readonly machines: readonly KubernetesObject[];
  readonly cluster: KubernetesObject | undefined;
  readonly azureCluster: KubernetesObject | undefined;
  readonly azureMachine: KubernetesObject | undefined;
  readonly controlPlane: KubernetesObject | undefined;
  readonly kubeadmConfig: KubernetesObject | undefined;
  readonly authority: KubernetesObject | undefined;
}

function objectAlarm(context: PivotContext, objects: WatchedObjects): Alarm | undefined {
  const { plan, keys } = context;
  const first = plan.controlPlane.machineName;
  const others = objects.machines
    .filter((machine) => machine.metadata.name !== first)
    .map((machine) => machine.metadata.name);
  if (others.length > 0) {
    return {
      code: 'CAP-5301',
      where: others.join(', '),
      evidence: others.map((name) => `Machine ${name} beside ${first}`),
    };
  }
  const owners = ownerReferences(plan);
  const watched = [
    [owners.machine, objects.machines.find((machine) => machine.metadata.name === first)],
    [owners.cluster, objects.cluster],
    [owners.azureCluster, objects.azureCluster],
    [owners.azureMachine, objects.azureMachine],
    [owners.controlPlane, objects.controlPlane],
    [owners.kubeadmConfig, objects.kubeadmConfig],
  ] as const;
  for (const [reference, object] of watched) {
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      const evidence =
        object === undefined ? 'is gone' : `is being deleted since ${object.metadata.deletionTimestamp ?? ''}`;
      return { code: 'CAP-5302', where: referenceKey(reference), evidence: [`${referenceKey(reference)} ${evidence}`] };
    }
  }
  const [expected] = certificateSecrets(plan, keys);
  if (field(objects.authority, 'data', 'tls.crt') !== field(revealSecrets(expected), 'data', 'tls.crt')) {
    return {
      code: 'CAP-5303',
      where: `${plan.name}-ca`,
      evidence: ['tls.crt of the secret is not the stored certificate authority'],
    };
  }
  return terminalFailure([objects.azureMachine, objects.azureCluster]);
}

function terminalFailure(objects: readonly (KubernetesObject | undefined)[]): Alarm | undefined {
  for (const object of objects) {
    const reason = textField(object, 'status', 'failureReason');
    if (object !== undefined && reason !== undefined) {
      const message = textField(object, 'status', 'failureMessage') ?? '';
      return { code: 'CAP-5305', where: `${object.kind} ${object.metadata.name}`, evidence: [`${reason}: ${message}`] };
    }
  }
  return undefined;
}

/** Compares the adopted resources, and what else there is of the cluster, with what was read right before unpausing. */
async function azureAlarm(context: PivotContext, journal: JournalState): Promise<Alarm | undefined> {
  const { baseline } = journal;
  if (context.readAdopted === undefined || baseline === undefined) {
    return undefined;
  }
  const now = await context.readAdopted();
  const changed = now.filter((resource) => baseline[resource.id.toLowerCase()] !== resource.fingerprint);
  return changed.length === 0
    ? undefined
    : {
        code: 'CAP-5304',
        where: changed[0]?.id ?? '',
        evidence: changed.map(({ id }) =>
          id.toLowerCase() in baseline
            ? `${id} is not what it was before the hand-over`
            : `${id} was not there before the hand-over`,
        ),
      };
}

/** The next thing that is missing until the control plane has adopted CP-A, as a person would say it. */
function missingForAdoption(objects: WatchedObjects, first: string): string | undefined {
  const { azureCluster, azureMachine, controlPlane } = objects;
  const machine = objects.machines.find((candidate) => candidate.metadata.name === first);
  if (field(azureCluster, 'status', 'ready') !== true)
    return `AzureCluster: ${problemOf(azureCluster) ?? 'not ready yet'}`;
  if (field(azureMachine, 'status', 'ready') !== true)
    return `AzureMachine: ${problemOf(azureMachine) ?? 'not ready yet'}`;
  if (textField(machine, 'status', 'nodeRef', 'name') === undefined) return 'Machine: its node is not found yet';
  if (field(controlPlane, 'status', 'initialization', 'controlPlaneInitialized') !== true)
    return 'KubeadmControlPlane: not initialized yet';
  if (numberField(controlPlane, 'status', 'upToDateReplicas') !== 1)
    return 'KubeadmControlPlane: the first machine is not up to date yet';
  return numberField(controlPlane, 'status', 'readyReplicas') === 1
    ? undefined
    : 'KubeadmControlPlane: the first machine is not ready yet';
}

function problemOf(object: KubernetesObject | undefined): string | undefined {
  const condition = listField(object, 'status', 'conditions').find(
    (candidate) => textField(candidate, 'status') === 'False' && (textField(candidate, 'message') ?? '') !== '',
  );
  return textField(condition, 'message');
}
