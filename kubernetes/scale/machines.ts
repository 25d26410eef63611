import { apiVersions, namespaceOf, wellKnown } from '#domain/cluster-api/names.ts';
import { field, listField, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import type { ErrorCode } from '#domain/errors/registry.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { KubernetesClient } from '../client/client.ts';
import { shorten } from '../client/errors.ts';

/** One machine of the cluster with what its Azure side says. */
export interface MachineView {
  readonly name: string;
  readonly zone: string | undefined;
  readonly ready: boolean;
  /** Its node has been a member of the cluster. */
  readonly joined: boolean;
  /** It is what its owner would make today; true until the owner has said otherwise. */
  readonly upToDate: boolean;
  /** Kubernetes version it was made with. */
  readonly version: string | undefined;
  /** Where it stands, as a person would say it: creating, booting, joining, ready, failed, deleting. */
  readonly stage: string;
  /** The one reason why it does not come, when a controller names one. */
  readonly problem?: MachineProblem;
}

export interface MachineProblem {
  readonly code: ErrorCode;
  readonly message: string;
  /** The controller has given up. */
  readonly terminal: boolean;
}

/** The machines that a label selector takes, each with its AzureMachine. Three requests at most. */
export async function readMachines(
  client: KubernetesClient,
  plan: ClusterPlan,
  labelSelector: string,
): Promise<readonly MachineView[]> {
  const namespace = namespaceOf(plan);
  const machines = await client.list({ apiVersion: apiVersions.core, kind: 'Machine', namespace, labelSelector });
  if (machines.length === 0) {
    return [];
  }
  const azureMachines = await client.list({
    apiVersion: apiVersions.infrastructure,
    kind: 'AzureMachine',
    namespace,
    labelSelector: `${wellKnown.clusterName}=${plan.name}`,
  });
  const byName = new Map(azureMachines.map((machine) => [machine.metadata.name, machine]));
  return machines
    .map((machine) => viewMachine(machine, byName.get(textField(machine, 'spec', 'infrastructureRef', 'name') ?? '')))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Judges one machine by its own and its AzureMachine's status. */
export function viewMachine(machine: KubernetesObject, azureMachine: KubernetesObject | undefined): MachineView {
  const ready = isReady(machine);
  const problem = ready ? undefined : problemOf(machine, azureMachine);
  return {
    name: machine.metadata.name,
    zone: textField(machine, 'spec', 'failureDomain'),
    ready,
    joined: textField(machine, 'status', 'nodeRef', 'name') !== undefined,
    upToDate: conditionOf(machine, 'UpToDate') !== 'False',
    version: textField(machine, 'spec', 'version'),
    stage: stageOf(machine, azureMachine, ready),
    ...(problem === undefined ? {} : { problem }),
  };
}

/** The first problem of machines that are not ready, terminal ones first. */
export function rootCause(
  machines: readonly MachineView[],
): { readonly machine: MachineView; readonly problem: MachineProblem } | undefined {
  const troubled = machines.flatMap((machine) =>
    machine.problem === undefined ? [] : [{ machine, problem: machine.problem }],
  );
  return troubled.find(({ problem }) => problem.terminal) ?? troubled[0];
}

/** Sorts a controller's message under a registered code by the Azure error codes that it quotes. */
export function classifyMachineProblem(text: string): ErrorCode {
  if (/QuotaExceeded|exceeding approved .*quota|PublicIPCountLimitReached|OperationNotAllowed.*quota/i.test(text))
    return 'CAP-6001';
  if (
    /SkuNotAvailable|AllocationFailed|OverconstrainedZonalAllocation|OverconstrainedAllocation|ZonesNotSupported|not available in (location|zone)/i.test(
      text,
    )
  )
    return 'CAP-6002';
  if (
    /ImageNotFound|GalleryImageNotFound|PlatformImageNotFound|ImageVersion|\/images\/\S+ (was|is) not found/i.test(text)
  )
    return 'CAP-6003';
  if (/AuthorizationFailed|does not have authorization|LinkedAuthorizationFailed|\b403\b/i.test(text))
    return 'CAP-6004';
  return /bootstrap|cloud-init|kubeadm/i.test(text) ? 'CAP-6005' : 'CAP-6006';
}

/**
 * Deletes machines whose controller has given up, so that the next attempt makes new ones: Cluster API never looks at a
 * failed machine again.
 */
export async function clearFailedMachines(
  client: KubernetesClient,
  plan: ClusterPlan,
  labelSelector: string,
): Promise<void> {
  const machines = await readMachines(client, plan, labelSelector);
  // The last one stays: without it there is no control plane.
  if (machines.length <= 1 && labelSelector === wellKnown.controlPlane) return;
  for (const machine of machines) {
    if (machine.problem?.terminal === true)
      await client.delete({
        apiVersion: apiVersions.core,
        kind: 'Machine',
        namespace: namespaceOf(plan),
        name: machine.name,
      });
  }
}

function isReady(machine: KubernetesObject): boolean {
  return conditionOf(machine, 'Ready') === 'True' && textField(machine, 'status', 'nodeRef', 'name') !== undefined;
}

function conditionOf(machine: KubernetesObject, type: string): string | undefined {
  const conditions = listField(machine, 'status', 'conditions');
  return textField(
    conditions.find((candidate) => textField(candidate, 'type') === type),
    'status',
  );
}

function stageOf(machine: KubernetesObject, azureMachine: KubernetesObject | undefined, ready: boolean): string {
  if (machine.metadata.deletionTimestamp !== undefined) return 'deleting';
  if (textField(azureMachine, 'status', 'failureReason') !== undefined) return 'failed';
  if (ready) return 'ready';
  if (textField(machine, 'status', 'nodeRef', 'name') !== undefined) return 'node not ready yet';
  if (field(azureMachine, 'status', 'ready') === true) return 'joining';
  return textField(machine, 'spec', 'bootstrap', 'dataSecretName') === undefined
    ? 'waiting for bootstrap data'
    : 'creating';
}

function problemOf(machine: KubernetesObject, azureMachine: KubernetesObject | undefined): MachineProblem | undefined {
  const reason = textField(azureMachine, 'status', 'failureReason');
  if (reason !== undefined) {
    const text = `${reason}: ${textField(azureMachine, 'status', 'failureMessage') ?? ''}`;
    return { code: classifyMachineProblem(text), message: shorten(text, 400), terminal: true };
  }
  const error = [
    ...listField(azureMachine, 'status', 'conditions'),
    ...listField(machine, 'status', 'deprecated', 'v1beta1', 'conditions'),
  ].find((condition) => textField(condition, 'status') === 'False' && textField(condition, 'severity') === 'Error');
  if (error === undefined) {
    return undefined;
  }
  const text = `${textField(error, 'reason') ?? ''}: ${textField(error, 'message') ?? ''}`;
  return { code: classifyMachineProblem(text), message: shorten(text, 400), terminal: false };
}
