import { LOG_LEVELS, type LogLevel } from './protocol.ts';

/** One line of the host's log. `category` is `Host`, `Host.<part>`, `Function.<name>` or `Function.<name>.User`. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly category: string;
  readonly message: string;
  readonly invocationId?: string | undefined;
}

/** Sink for log records; already filtered by level. */
export type LogSink = (record: LogRecord) => void;

/** Least severe level that is written, per category prefix; the longest matching prefix decides. */
export type LogLevels = Readonly<Record<string, LogLevel>>;

/** The host's log: filters by category and hands what remains to the sink. */
export interface Log {
  write(record: LogRecord): void;
  /** True when a record of this level and category would be written. */
  enabled(level: LogLevel, category: string): boolean;
}

/** Host messages from warning, what functions log from information. */
export const DEFAULT_LOG_LEVELS: LogLevels = {
  '': 'warning',
  Function: 'warning',
  User: 'information',
  Host: 'information',
};

function severity(level: LogLevel): number {
  return LOG_LEVELS.indexOf(level);
}

function leastLevel(levels: LogLevels, category: string): LogLevel {
  let best = '';
  for (const prefix of Object.keys(levels)) {
    const matches = prefix === '' || category === prefix || category.startsWith(`${prefix}.`);
    if (matches && prefix.length >= best.length) best = prefix;
  }
  const specific = levels[best] ?? 'warning';
  const user = levels['User'];
  return category.endsWith('.User') && user !== undefined && best.split('.').length < 2 ? user : specific;
}

const CREDENTIAL = /\b(AccountKey|SharedAccessKey|SharedAccessSignature|Password|Pwd|sig|code)=[^&;\s"'\\]+/gi;

/** Takes credentials in connection strings and signed URLs out of a text, as the real host does with its logs. */
function hideCredentials(text: string): string {
  return text.replace(CREDENTIAL, '$1=[Hidden Credential]');
}

/** Creates a log that writes records at or above the level of their category. */
export function createLog(sink: LogSink, levels: LogLevels = DEFAULT_LOG_LEVELS): Log {
  const cache = new Map<string, number>();
  const least = (category: string): number => {
    let value = cache.get(category);
    if (value === undefined) {
      value = severity(leastLevel(levels, category));
      cache.set(category, value);
    }
    return value;
  };
  const enabled = (level: LogLevel, category: string): boolean =>
    level !== 'none' && severity(level) >= least(category);
  return {
    enabled,
    write: (record) =>
      enabled(record.level, record.category)
        ? sink({ ...record, message: hideCredentials(record.message) })
        : undefined,
  };
}
