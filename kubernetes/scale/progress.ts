import { done, failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import { registered } from '../client/errors.ts';
import { rootCause } from './machines.ts';
import type { MachineView } from './machines.ts';

/** What a scaling step hands to its next call. */
export interface ScaleState {
  /** The problem that was seen last and how often in a row. */
  readonly problem?: string;
  readonly seen?: number;
}

/** Azure seconds between two looks. */
const lookSeconds = 10;

/**
 * Looks in a row after which a problem that a controller keeps retrying is reported as the end: five minutes of
 * Azure time, as long as a short capacity shortage lasts.
 */
const patience = 30;

/** Whether machines are all there, or what is being waited for. */
export function machineOutcome<Value extends object>(
  machines: readonly MachineView[],
  wanted: number,
  value: Value,
  state: ScaleState,
  waitingFor: string,
): Outcome<Value> {
  const ready = machines.filter((machine) => machine.ready).length;
  if (ready === wanted && machines.length === wanted) {
    return done(value, `${ready} of ${wanted} ready`);
  }
  const cause = rootCause(machines);
  const seen = cause !== undefined && cause.problem.message === state.problem ? (state.seen ?? 0) + 1 : 1;
  if (cause !== undefined && (cause.problem.terminal || seen >= patience)) {
    return failed(registered(cause.problem.code, `Machine ${cause.machine.name}`, cause.problem.message));
  }
  const next = machines.find((machine) => !machine.ready);
  const detail =
    cause?.problem.message ??
    (next === undefined
      ? waitingFor
      : `waiting for ${next.name}${next.zone === undefined ? '' : ` (zone ${next.zone})`}: ${next.stage}`);
  return wait(lookSeconds, {
    ...(cause === undefined ? {} : { state: { problem: cause.problem.message, seen } }),
    sentence: `${ready} of ${wanted} ready · ${detail}`,
    progress: { done: ready, total: wanted, unit: 'nodes' },
  });
}
