/** Timer schedules: NCRONTAB with six or five fields, or a TimeSpan (host-recordings/README.md, Timer). */
import { Cron } from 'croner';
import { parseTimeSpan } from '../config/host-json.ts';
import { NcrontabError, readNcrontab } from './ncrontab.ts';

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

/** Reads a schedule; `timeZone` is an IANA name. Throws ScheduleError. */
export function parseSchedule(text: string, timeZone: string): Schedule {
  const interval = parseTimeSpan(text);
  if (interval !== undefined) {
    if (interval <= 0) throw new ScheduleError(`The time span '${text}' is not positive.`);
    return { next: (after) => after + interval, adjustForDST: false, frequent: interval < MINUTE_MS };
  }
  const fields = fieldsOf(text);
  try {
    Intl.DateTimeFormat('en', { timeZone });
  } catch (error) {
    throw new ScheduleError(
      `'${timeZone}' is not a time zone. Give WEBSITE_TIME_ZONE an IANA name such as Europe/Berlin.`,
      { cause: error },
    );
  }
  // NCRONTAB wants day of month and day of week to match both.
  const cron = new Cron(fields.join(' '), { timezone: timeZone, paused: true, domAndDow: true });
  const next = (after: number): number => {
    const time = cron.nextRun(new Date(after));
    if (!time) throw new ScheduleError(`'${text}' never fires.`);
    return time.getTime();
  };
  next(Date.now());
  const [seconds = '', ...rest] = fields;
  const everyMinute = fields.length === 6 && rest.every((field) => field === '*');
  return { next, adjustForDST: true, frequent: everyMinute && (seconds === '*' || seconds.includes(',')) };
}
