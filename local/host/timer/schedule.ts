/** Timer schedules: NCRONTAB with six or five fields, or a TimeSpan (host-recordings/README.md, Timer). */
import { Cron } from 'croner';
import { parseTimeSpan } from '../config/host-json.ts';

/** A schedule; times in milliseconds since 1970. */
export interface Schedule {
  /** First time after the given one. */
  next(after: number): number;
  readonly adjustForDST: boolean;
  /** True when it fires more often than once a minute: no status is kept then. */
  readonly frequent: boolean;
}

/** A schedule that cannot be read. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError';
}

const MINUTE_MS = 60_000;
/** What NCRONTAB knows in a field: numbers, names, ranges, lists and steps; none of the extensions of other crons. */
const VALUE = '(?:\\*|\\d+|JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC|SUN|MON|TUE|WED|THU|FRI|SAT)';
const ITEM = `${VALUE}(?:-${VALUE})?(?:/\\d+)?`;
const FIELD = new RegExp(`^${ITEM}(?:,${ITEM})*$`, 'i');

/** Reads a schedule; `timeZone` is an IANA name. Throws ScheduleError. */
export function parseSchedule(text: string, timeZone: string): Schedule {
  const interval = parseTimeSpan(text.trim());
  if (interval !== undefined) {
    if (interval <= 0) throw new ScheduleError(`The time span '${text}' is not positive.`);
    return { next: (after) => after + interval, adjustForDST: false, frequent: interval < MINUTE_MS };
  }
  const fields = text.trim().split(/\s+/);
  const bad = (fields.length !== 5 && fields.length !== 6) || !fields.every((field) => FIELD.test(field));
  if (bad)
    throw new ScheduleError(
      `'${text}' is neither an NCRONTAB expression (six fields, or five without seconds) nor a time span (hh:mm:ss).`,
    );
  let cron: Cron;
  try {
    // NCRONTAB wants day of month and day of week to match both.
    cron = new Cron(fields.join(' '), { timezone: timeZone, paused: true, domAndDow: true });
  } catch (error) {
    throw new ScheduleError(
      `'${text}' is not a valid NCRONTAB expression: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  const next = (after: number): number => {
    const time = cron.nextRun(new Date(after));
    if (!time) throw new ScheduleError(`'${text}' never fires.`);
    return time.getTime();
  };
  const probe = next(Date.UTC(2024, 0, 1));
  return { next, adjustForDST: true, frequent: fields.length === 6 && next(probe) - probe < MINUTE_MS };
}
