import type { OrchestrationContext } from 'durable-functions';
import type { ActivityInput, ActivityName } from '#activities/contract.ts';
import { failed, type Outcome } from '#domain/outcome.ts';
import { boundMilliseconds, instant, timerMilliseconds } from '#domain/time.ts';
import type { Steps } from './durable.ts';

/** Input of the generic loop. */
export interface PursueInput {
  readonly activity: ActivityName;
  readonly input: ActivityInput & Readonly<Record<string, unknown>>;
  /** Azure seconds after which it is given up. */
  readonly boundSeconds: number;
  /** Set by `continueAsNew`: milliseconds since the epoch at which the loop began. */
  readonly since?: number;
  /** Set by `continueAsNew`: milliseconds in which nobody could look, because the app was away. */
  readonly away?: number;
}

/** Rounds per execution, so that an instance stays far below 500 history events (about eight a round). */
const roundsPerExecution = 40;

/** A round that takes so many milliseconds longer than it should: the app was away meanwhile, and that is nobody's fault. */
const awayAfter = 120_000;

/**
 * Calls one activity until it is done: the one loop behind every long Azure operation and every wait. Between calls a
 * durable timer waits the activity's `retryAfter`; nothing blocks.
 */
export function* pursue(context: OrchestrationContext): Steps<Outcome<object>> {
  const job = context.df.getInput<PursueInput>();
  if (job === undefined) throw new Error('pursue needs an input');
  const { timeScale } = job.input.ref;
  const since = job.since ?? context.df.currentUtcDateTime.getTime();
  let away = job.away ?? 0;
  let { state } = job.input;
  let sentence: string | undefined;
  for (let round = 0; round < roundsPerExecution; round++) {
    const input = state === undefined ? job.input : { ...job.input, state };
    const asked = context.df.currentUtcDateTime.getTime();
    const outcome = (yield context.df.callActivity(job.activity, input)) as Outcome<object>;
    if (outcome.status !== 'wait') return outcome;
    ({ state } = outcome);
    sentence = outcome.sentence ?? sentence;
    const now = context.df.currentUtcDateTime.getTime();
    away += lateness(asked, now);
    const deadline = since + away + boundMilliseconds(job.boundSeconds, timeScale);
    if (now >= deadline) return tooLate(job, sentence);
    const due = Math.min(now + timerMilliseconds(outcome.retryAfter, timeScale), deadline);
    yield context.df.createTimer(instant(due));
    away += lateness(due, context.df.currentUtcDateTime.getTime());
  }
  const next: PursueInput = {
    ...job,
    since,
    ...(away === 0 ? {} : { away }),
    input: state === undefined ? job.input : { ...job.input, state },
  };
  context.df.continueAsNew(next);
  return { status: 'cancelled' };
}

function lateness(expected: number, now: number): number {
  return now - expected > awayAfter ? now - expected : 0;
}

function tooLate(job: PursueInput, sentence: string | undefined): Outcome<object> {
  return failed({
    code: 'CAP-9006',
    message: `The step ${job.input.step} did not come to an end within ${Math.round(job.boundSeconds / 60)} minutes`,
    ...(sentence === undefined ? {} : { cause: `It was last seen: ${sentence}` }),
    remedy: 'Look at the events of the cluster, remove the cause and apply again: the run continues from here.',
  });
}
