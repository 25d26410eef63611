import { wellKnown } from '#domain/cluster-api/names.ts';
import { field, numberField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import { registered } from '../client/errors.ts';
import { rootCause } from './machines.ts';
import type { MachineView } from './machines.ts';

/** What a scaling step hands to its next call. */
export interface ScaleState {
  /** The documents have been applied. */
  readonly begun?: boolean;
  /** The problem that was seen last, and at how many looks since the last machine became ready. */
  readonly problem?: string;
  readonly seen?: number;
  /** Machines that were ready then. */
  readonly ready?: number;
}

/** Azure seconds between two looks. */
const lookSeconds = 10;

/**
 * Looks in a row after which a problem that a controller keeps retrying is reported as the end: five minutes of
 * Azure time, as long as a short capacity shortage lasts.
 */
const patience = 30;

/** Looks in a row at a machine that runs without joining: twenty minutes, before its health check replaces it. */
const joinPatience = 120;

/** Whether machines are all there and up to date, or what is being waited for. */
export function machineOutcome<Value extends object>(
  machines: readonly MachineView[],
  wanted: number,
  value: Value,
  state: ScaleState,
  waitingFor: string,
): Outcome<Value> {
  const ready = machines.filter((machine) => machine.ready && machine.upToDate).length;
  if (ready === wanted && machines.length === wanted) {
    return done(value, `${ready} of ${wanted} ready`);
  }
  const trouble = troubleOf(machines);
  const stuck = state.ready === undefined || state.ready === ready;
  const seen = trouble !== undefined && stuck && trouble.key === state.problem ? (state.seen ?? 0) + 1 : 1;
  if (trouble !== undefined && seen >= trouble.patience) return failed(trouble.error);
  // A machine that its health check replaces has no problem for a moment: that is no progress.
  const kept = stuck && state.problem !== undefined ? { problem: state.problem, seen: state.seen ?? 1 } : {};
  const next = machines.find((machine) => !machine.ready) ?? machines.find((machine) => !machine.upToDate);
  const detail =
    trouble?.sentence ??
    (next === undefined
      ? waitingFor
      : `waiting for ${next.name}${next.zone === undefined ? '' : ` (zone ${next.zone})`}: ${next.ready ? 'to be replaced' : next.stage}`);
  return wait(lookSeconds, {
    state: { begun: true, ready, ...(trouble === undefined ? kept : { problem: trouble.key, seen }) },
    sentence: `${ready} of ${wanted} ready · ${detail}`,
    progress: { done: Math.min(ready, wanted), total: wanted, unit: 'nodes' },
  });
}

interface Trouble {
  readonly key: string;
  /** Absent while it is ordinary waiting. */
  readonly sentence?: string;
  readonly patience: number;
  readonly error: ReturnType<typeof registered>;
}

/** What keeps machines from coming: what a controller says, else a machine that runs and does not join. */
function troubleOf(machines: readonly MachineView[]): Trouble | undefined {
  const cause = rootCause(machines);
  if (cause !== undefined) {
    const { machine, problem } = cause;
    return {
      key: problem.message,
      sentence: problem.message,
      patience: problem.terminal ? 1 : patience,
      error: registered(problem.code, `Machine ${machine.name}`, problem.message),
    };
  }
  const outside = machines.find((machine) => machine.stage === 'joining');
  return outside === undefined
    ? undefined
    : {
        key: 'joining',
        patience: joinPatience,
        error: registered(
          'CAP-6005',
          `Machine ${outside.name}`,
          'its virtual machine runs, and no node has registered',
        ),
      };
}

/** Whether the controller has seen the last change of an object: its counts are stale before. */
export function isObserved(object: KubernetesObject): boolean {
  return (numberField(object, 'status', 'observedGeneration') ?? 0) >= (object.metadata.generation ?? 0);
}

/** While something is paused nobody brings the change about: said at once, and after a while reported as the cause. */
export function pausedOutcome<Value extends object>(
  objects: readonly KubernetesObject[],
  outcome: Outcome<Value>,
  state: ScaleState,
): Outcome<Value> {
  const paused = objects.find(
    (object) =>
      field(object, 'spec', 'paused') === true || object.metadata.annotations?.[wellKnown.paused] !== undefined,
  );
  if (outcome.status !== 'wait' || paused === undefined)
    return outcome.status === 'wait' ? { ...outcome, state: { begun: true, ...outcome.state } } : outcome;
  const key = `${paused.kind} ${paused.metadata.name} is paused`;
  const seen = state.problem === key ? (state.seen ?? 0) + 1 : 1;
  return seen >= patience
    ? failed(registered('CAP-6007', `${paused.kind} ${paused.metadata.name}`, 'it is paused'))
    : wait(lookSeconds, { state: { begun: true, problem: key, seen }, sentence: key });
}
