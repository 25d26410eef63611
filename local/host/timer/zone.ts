/** Local times the way .NET turns them into times with an offset and back. */

const DAY_MS = 86_400_000;
/** The last moment that .NET knows; "never" for a schedule. */
export const LAST_MOMENT = 253_402_300_799_999;

/** A time zone; all times in milliseconds since 1970, wall clock times as if they were UTC. */
export class Zone {
  readonly #format: Intl.DateTimeFormat | undefined;

  /** @param name an IANA name. Throws a RangeError for another one. */
  constructor(name: string) {
    const parts = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
    const format = new Intl.DateTimeFormat('en', { ...parts, second: 'numeric', hourCycle: 'h23', timeZone: name });
    this.#format = format.resolvedOptions().timeZone === 'UTC' ? undefined : format;
  }

  /** What is added to UTC at a moment. */
  offset(at: number): number {
    if (!this.#format || at >= LAST_MOMENT) return 0;
    const parts = new Map(this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = (
      ['year', 'month', 'day', 'hour', 'minute', 'second'] as const
    ).map((type) => parts.get(type));
    return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(at / 1000) * 1000;
  }

  wallClock(at: number): number {
    return at + this.offset(at);
  }

  /** The moment of a wall clock time. Where the clock shows it twice, or never, the standard time of the zone counts. */
  moment(wall: number): number {
    if (wall >= LAST_MOMENT) return LAST_MOMENT;
    const [before, after] = [this.offset(wall - DAY_MS), this.offset(wall + DAY_MS)];
    const fitting = [before, after].filter((offset) => this.offset(wall - offset) === offset);
    return wall - (fitting.length === 1 ? (fitting[0] ?? 0) : Math.min(before, after));
  }

  /** A moment as .NET writes it: `2026-11-20T10:00:00+01:00`. */
  text(at: number): string {
    if (at >= LAST_MOMENT) return '9999-12-31T23:59:59.9999999+00:00';
    const offset = this.offset(at);
    const shown = new Date(at + offset).toISOString().replace(/(\.000)?Z$/, '');
    const minutes = Math.abs(offset) / 60_000;
    const pad = (value: number): string => String(Math.floor(value)).padStart(2, '0');
    return `${shown}${offset < 0 ? '-' : '+'}${pad(minutes / 60)}:${pad(minutes % 60)}`;
  }
}

/** The zone of the timers: `WEBSITE_TIME_ZONE`, else what `TZ` names, else UTC. Throws a RangeError for the former. */
export function timerZone(settings: NodeJS.ProcessEnv): Zone {
  const name = settings['WEBSITE_TIME_ZONE'];
  if (name !== undefined && name !== '') return new Zone(name);
  try {
    return new Zone(settings['TZ'] ?? 'UTC');
  } catch {
    return new Zone('UTC');
  }
}
