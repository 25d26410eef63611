/** Comparison of timer calls: what each call was given, and the distances between calls where the schedule fixes them. */
import { differences, list, object, type Json, type JsonObject } from './json.ts';

/** Calls that are compared; the recorded run is longer than the one made here. */
const CALLS = 4;
/** The first distance depends on the second in which the host started. */
const TOLERANCE_MS = 1000;

function isMinimum(value: Json | undefined): boolean {
  return typeof value === 'string' && value.startsWith('0001-');
}

function shape(call: JsonObject): Json {
  const timer = object(call['timer']);
  const { scheduleStatus } = timer;
  const status = object(scheduleStatus);
  const { exception, ...context } = object(call['retryContext']);
  return {
    schedule: timer['schedule'] ?? null,
    isPastDue: timer['isPastDue'] ?? null,
    status:
      scheduleStatus === null || scheduleStatus === undefined
        ? 'none'
        : { lastIsMinimum: isMinimum(status['last']), members: Object.keys(status).sort() },
    retryContext: { ...context, hasException: exception !== undefined },
  };
}

function distances(calls: Json[]): number[] {
  const times = calls.map((call) => Number(object(call)['ms']));
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

function places(recorded: JsonObject, here: JsonObject): string[] {
  const wanted = list(recorded['first']).slice(0, CALLS);
  const made = list(here['first']);
  const count = Math.min(wanted.length, made.length);
  const found: string[] = [];
  if (made.length === 0) return ['the function was never called'];
  for (let index = 0; index < count; index++)
    found.push(
      ...differences(shape(object(wanted[index])), shape(object(made[index]))).map(
        (place) => `call ${index}: ${place}`,
      ),
    );
  const [a, b] = [distances(wanted.slice(0, count)), distances(made.slice(0, count))];
  for (const [index, want] of a.entries()) {
    const got = b[index] ?? 0;
    // The first distance of a schedule depends on when the host started, that of a retry does not.
    const fixed = index > 0 || Object.keys(object(object(wanted[0])['retryContext'])).length > 0;
    if (fixed && want < 30_000 && Math.abs(want - got) > TOLERANCE_MS + want * 0.2)
      found.push(`distance ${index}: recorded ${want} ms here ${got} ms`);
  }
  return found;
}

/** One case per run and function. */
export function timerCases(recorded: Json, here: Json): { id: string; places: string[] }[] {
  return Object.entries(object(recorded)).flatMap(([run, functions]) => {
    if (run.startsWith('log ')) return [];
    return Object.entries(object(functions)).map(([name, calls]) => ({
      id: `${run} ${name}`,
      places: places(object(calls), object(object(object(here)[run])[name])),
    }));
  });
}
