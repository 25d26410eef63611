import path from 'node:path';
import { parseArgs } from 'node:util';
import { HOST_VERSION, type LogLevel } from './core/protocol.ts';

/** The command line of the host. */
export interface Arguments {
  /** Absolute folder of the built app. */
  readonly app: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Absolute folder of the host's own files. */
  readonly data: string;
  readonly level: LogLevel | undefined;
  readonly durability: 'process' | 'power';
  readonly auth: 'none' | 'keys';
  readonly strict: boolean;
  readonly faithfulTimers: boolean;
  /** Age at which ended instances are purged, in milliseconds; undefined keeps them. */
  readonly retentionMs: number | undefined;
  readonly inProcess: boolean;
}

const USAGE = `Runs a built Azure Functions app (Node, v4 model).

usage: capstan-host <app folder> [options]
  --port 7071             port on 127.0.0.1; 0 takes a free one
  --data .functions-host  folder of histories, timer status and keys; one host at a time
  --log-level LEVEL       trace, debug, information, warning, error (default: warnings and what functions log)
  --durability process    process: survives the end of the process; power: also a power failure (slower)
  --auth none             none: every call passes, as with func start; keys: function, host and master keys are checked
  --strict                replays every finished orchestration once more and compares; differences: exit code 1
  --faithful-timers       durable timers fire up to a second early, as on Azure Storage
  --retention DURATION    purge ended instances older than e.g. 90m, 12h, 7d (default: keep them)
  --in-process            no supervisor: a crash of the app ends the host
  --version               the version of the Functions host that this one follows
  --help                  this text`;

/** The command line asks for a text rather than a host. */
export class TextRequest extends Error {
  override readonly name = 'TextRequest';
}

const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none'];
const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function oneOf<T extends string>(name: string, given: string | undefined, choices: readonly T[], otherwise: T): T {
  const found = choices.find((choice) => choice === (given ?? otherwise));
  if (found === undefined) throw new Error(`--${name} is one of ${choices.join(', ')}, not '${given}'.`);
  return found;
}

function duration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d+)([smhd])$/.exec(text);
  const unit = UNITS[match?.[2] ?? ''];
  if (!match || unit === undefined) throw new Error(`--retention is a duration like 90m, 12h or 7d, not '${text}'.`);
  return Number(match[1]) * unit;
}

type Values = Parameters<typeof parseArgs>[0];

function parse<T extends NonNullable<Values>>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    const [reason] = (error instanceof Error ? error.message : String(error)).split('. ');
    throw new Error(`${reason}. --help lists the options.`, { cause: error });
  }
}

/** Reads the command line (without node and script). Throws a TextRequest for --help and --version, else an Error with the reason. */
export function readArguments(args: readonly string[], env: NodeJS.ProcessEnv): Arguments {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  const { values, positionals } = parse({
    args: [...args],
    allowPositionals: true,
    options: {
      port: text,
      data: text,
      'log-level': text,
      durability: text,
      auth: text,
      retention: text,
      strict: flag,
      'faithful-timers': flag,
      'in-process': flag,
      version: flag,
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [app, ...more] = positionals;
  if (values.help === true) throw new TextRequest(USAGE);
  if (values.version === true)
    throw new TextRequest(`capstan-host, after Azure Functions host ${HOST_VERSION}; Node ${process.version}`);
  if (app === undefined || more.length > 0)
    throw new Error(
      `${app === undefined ? 'The folder of an app is missing' : `One app at a time, not also '${more[0]}'`}.\n\n${USAGE}`,
    );
  const port = Number(values.port ?? 7071);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port must be a number from 0 to 65535, not '${values.port}'.`);
  const level = (values['log-level'] ?? env['HOST_LOG_LEVEL'])?.toLowerCase();
  return {
    app: path.resolve(app),
    port,
    data: path.resolve(values.data ?? '.functions-host'),
    level: level === undefined || level === '' ? undefined : oneOf('log-level', level, LEVELS, 'information'),
    durability: oneOf('durability', values.durability, ['process', 'power'], 'process'),
    auth: oneOf('auth', values.auth, ['none', 'keys'], 'none'),
    strict: values.strict === true,
    faithfulTimers: values['faithful-timers'] === true,
    retentionMs: duration(values.retention),
    inProcess: values['in-process'] === true,
  };
}
