import { isTrue, setConditions } from '../conditions.ts';
import type { ConditionUpdate } from '../conditions.ts';
import type { ControllerContext } from '../context.ts';
import type { NodeObject } from '../kinds.ts';
import { NODE } from '../kinds.ts';
import type { Kube } from '../objects.ts';
import { controllerOf } from '../objects.ts';
import type { Outcome, Reconciler } from '../runtime.ts';
import { clusterOf, settlePaused } from './common.ts';
import type { HealthCheckObject, MachineObject } from './kinds.ts';
import { HEALTH_CHECK, MACHINE } from './kinds.ts';

/** MachineHealthCheck: counts healthy machines, and removes unhealthy workers so that their MachineSet replaces them. */
export function createHealthCheckController(context: ControllerContext, kube: Kube): Reconciler {
  const { clock } = context.azure;
  return {
    name: 'machinehealthcheck',
    watches: [
      { kind: HEALTH_CHECK },
      {
        kind: MACHINE,
        map: (machine) =>
          kube
            .list(HEALTH_CHECK, machine.metadata.namespace ?? '')
            .map((check) => ({ namespace: check.metadata.namespace ?? '', name: check.metadata.name })),
      },
    ],
    reconcile: (key) => {
      const check = kube.get(HEALTH_CHECK, key.namespace, key.name);
      if (check?.spec === undefined) return undefined;
      const cluster = clusterOf(kube, check, check.spec.clusterName);
      if (cluster === undefined || settlePaused(kube, clock.now(), cluster, check)) return undefined;
      return settle(context, kube, check);
    },
  };
}

function targetsOf(kube: Kube, check: HealthCheckObject): MachineObject[] {
  const wanted = Object.entries(check.spec?.selector.matchLabels ?? {});
  return kube
    .list(MACHINE, check.metadata.namespace ?? '')
    .filter(
      (machine) =>
        machine.spec?.clusterName === check.spec?.clusterName &&
        wanted.every(([name, value]) => machine.metadata.labels?.[name] === value),
    );
}

/** Azure seconds until the machine counts as unhealthy: 0 when it does already, undefined when it is healthy. */
function secondsLeft(
  context: ControllerContext,
  check: HealthCheckObject,
  machine: MachineObject,
  node: NodeObject | undefined,
): number | undefined {
  const { clock } = context.azure;
  const since = (time: string): number => ((clock.now() - Date.parse(time)) / 1000) * clock.timeScale;
  // A machine that its provider has given up on never becomes healthy.
  if (machine.status?.phase === 'Failed') return 0;
  // A Node that was there and is gone counts at once: its kubelet registers only when it starts.
  if (node === undefined && machine.status?.nodeRef !== undefined) return 0;
  const startup = check.spec?.checks?.nodeStartupTimeoutSeconds ?? 0;
  if (node === undefined && startup > 0 && machine.status?.nodeRef === undefined)
    return Math.max(0, startup - since(machine.metadata.creationTimestamp ?? new Date(clock.now()).toISOString()));
  for (const rule of check.spec?.checks?.unhealthyNodeConditions ?? []) {
    const condition = node?.status?.conditions?.find(
      (candidate) => candidate.type === rule.type && candidate.status === rule.status,
    );
    if (condition === undefined) continue;
    return Math.max(0, rule.timeoutSeconds - since(condition.lastTransitionTime));
  }
  return undefined;
}

/** How many unhealthy machines still allow remediation; a percentage is rounded down, and without a bound all are. */
function boundOf(check: HealthCheckObject, targets: number): number {
  const bound = check.spec?.remediation?.triggerIf?.unhealthyLessThanOrEqualTo ?? '100%';
  return typeof bound === 'number' ? bound : Math.floor((Number.parseFloat(bound) / 100) * targets);
}

function settle(context: ControllerContext, kube: Kube, check: HealthCheckObject): Outcome | undefined {
  const now = context.azure.clock.now();
  const targets = targetsOf(kube, check);
  let healthy = 0;
  let requeueAfter: number | undefined;
  const unhealthy: MachineObject[] = [];
  for (const machine of targets) {
    const node = machine.status?.nodeRef === undefined ? undefined : kube.get(NODE, '', machine.status.nodeRef.name);
    const left = secondsLeft(context, check, machine, node);
    if (isTrue(machine.status?.conditions, 'NodeReady')) healthy += 1;
    if (left === undefined) continue;
    if (left > 0) requeueAfter = Math.min(requeueAfter ?? left, left);
    else unhealthy.push(machine);
  }
  const bound = boundOf(check, targets.length);
  const allowed = unhealthy.length <= bound;
  if (allowed) unhealthy.forEach((machine) => remediate(kube, machine, now));
  kube.patchStatus(check, {
    observedGeneration: check.metadata.generation ?? 1,
    expectedMachines: targets.length,
    currentHealthy: healthy,
    remediationsAllowed: Math.max(0, bound - unhealthy.length),
    targets: targets.map((machine) => machine.metadata.name),
    conditions: setConditions(
      check.status?.conditions,
      [
        allowed
          ? { type: 'RemediationAllowed', status: true, reason: 'RemediationAllowed' }
          : {
              type: 'RemediationAllowed',
              status: false,
              reason: 'TooManyUnhealthy',
              message: `Remediation is not allowed, the number of not started or unhealthy machines exceeds unhealthyLessThanOrEqualTo (total: ${targets.length}, unhealthy: ${unhealthy.length}, unhealthyLessThanOrEqualTo: ${bound})`,
            },
      ],
      now,
    ),
  });
  return requeueAfter === undefined ? undefined : { requeueAfter };
}

/** Workers are replaced; control-plane machines are only marked, because the control plane provider remediates them itself. */
function remediate(kube: Kube, machine: MachineObject, now: number): void {
  const marked = machine.status?.conditions?.some((condition) => condition.type === 'OwnerRemediated') === true;
  if (marked && controllerOf(machine)?.kind !== 'MachineSet') return;
  const updates: ConditionUpdate[] = [
    {
      type: 'HealthCheckSucceeded',
      status: false,
      reason: 'UnhealthyNode',
      message: 'Health check failed: the Node has been unhealthy for too long',
    },
    { type: 'OwnerRemediated', status: false, reason: 'WaitingForRemediation', message: 'Waiting for remediation' },
  ];
  const current = kube.patchStatus(machine, { conditions: setConditions(machine.status?.conditions, updates, now) });
  if (controllerOf(machine)?.kind !== 'MachineSet' || machine.metadata.deletionTimestamp !== undefined) return;
  kube.event(
    current,
    'Normal',
    'MachineMarkedUnhealthy',
    `Machine ${machine.metadata.name} has been marked as unhealthy`,
  );
  kube.remove(current);
}
