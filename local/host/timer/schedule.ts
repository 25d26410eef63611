/** Timer schedules: NCRONTAB with six or five fields, or a TimeSpan (host-recordings/README.md, Timer). */
import { Cron } from 'croner';
import { parseTimeSpan } from '../config/host-json.ts';
import { NcrontabError, readNcrontab } from './ncrontab.ts';
import { LAST_MOMENT, Zone } from './zone.ts';

/** A schedule; times in milliseconds since 1970. */
export interface Schedule {
  /** First time after the given one; the last moment of all when there is none. */
  next(after: number): number;
  readonly adjustForDST: boolean;
  /** True when it fires more than once in the coming minute: no status is kept then. */
  readonly frequent: boolean;
}

/** A schedule that cannot be read. */
export class ScheduleError extends Error {
  override readonly name = 'ScheduleError';
}

const MINUTE_MS = 60_000;

function fieldsOf(text: string): string[] {
  let reason = 'neither an NCRONTAB expression (six fields, or five without seconds) nor a time span (hh:mm:ss)';
  try {
    const fields = readNcrontab(text);
    if (fields) return fields;
  } catch (error) {
    if (!(error instanceof NcrontabError)) throw error;
    reason = `not a valid NCRONTAB expression: ${error.message}`;
  }
  throw new ScheduleError(`'${text}' is ${reason}.`);
}

/** Reads a schedule of a zone, by default UTC; `now` is the time at which the host looks at it. Throws ScheduleError. */
export function parseSchedule(text: string, zone = new Zone('UTC'), now = Date.now()): Schedule {
  const interval = parseTimeSpan(text);
  if (interval !== undefined) {
    if (interval <= 0) throw new ScheduleError(`The time span '${text}' is not positive.`);
    return { next: (after) => after + interval, adjustForDST: false, frequent: interval < MINUTE_MS };
  }
  // NCRONTAB knows nothing of zones: it counts on the wall clock, and wants day of month and day of week to match both.
  const cron = new Cron(fieldsOf(text).join(' '), { timezone: 'UTC', paused: true, domAndDow: true });
  const next = (after: number): number => {
    const time = after >= LAST_MOMENT ? null : cron.nextRun(new Date(zone.wallClock(after)));
    return zone.moment(time?.getTime() ?? LAST_MOMENT);
  };
  // The real host counts the calls of the coming minute once, when it starts.
  return { next, adjustForDST: true, frequent: next(next(now)) < now + MINUTE_MS };
}
