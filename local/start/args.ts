import { parseArgs } from 'node:util';

/** Troubles that `--break` can bring about. */
export const troubles = ['quota', 'zone', 'keys', 'throttle', 'kill'] as const;
export type Trouble = (typeof troubles)[number];

/** TCP ports on 127.0.0.1; 0 means any free one. */
export interface Ports {
  readonly app: number;
  readonly azure: number;
  readonly blob: number;
  readonly queue: number;
  readonly table: number;
}

export interface StartOptions {
  readonly file: string;
  /** Azure seconds per second of wall clock. */
  readonly scale: number;
  readonly data: string;
  readonly reset: boolean;
  readonly once: boolean;
  readonly trouble: Trouble | undefined;
  readonly ports: Ports;
}

export type Arguments =
  | { readonly kind: 'run'; readonly options: StartOptions }
  | { readonly kind: 'help' }
  /** `line` says in one line what is wrong. */
  | { readonly kind: 'wrong'; readonly line: string };

/** What each port is for, and the variable that moves it. */
export const portNames: Readonly<
  Record<keyof Ports, { readonly variable: string; readonly what: string; readonly port: number }>
> = {
  app: { variable: 'CAPSTAN_PORT', what: 'the Functions host', port: 7071 },
  azure: { variable: 'CAPSTAN_AZURE_PORT', what: 'the simulated Azure', port: 7080 },
  blob: { variable: 'CAPSTAN_AZURITE_BLOB_PORT', what: 'Azurite blobs', port: 10000 },
  queue: { variable: 'CAPSTAN_AZURITE_QUEUE_PORT', what: 'Azurite queues', port: 10001 },
  table: { variable: 'CAPSTAN_AZURITE_TABLE_PORT', what: 'Azurite tables', port: 10002 },
};

export const helpText = `npm start -- [options]

  --file FILE    cluster document to apply (samples/cluster.yaml)
  --scale N      simulated time runs N times faster (30; CAPSTAN_TIME_SCALE)
  --data DIR     data folder (.capstan; CAPSTAN_DATA)
  --reset        delete the data folder first
  --once         leave when the cluster is Ready (exit 0) or Failed (exit 1)
  --break KIND   show how Capstan meets trouble: quota, zone, keys, throttle or kill
  --help         this text

Ports on 127.0.0.1, each a variable of the environment (0 takes any free port):
${Object.values(portNames)
  .map(({ variable, what, port }) => `  ${variable.padEnd(27)} ${what} (${port})`)
  .join('\n')}
`;

const flags = {
  file: { type: 'string' },
  scale: { type: 'string' },
  data: { type: 'string' },
  reset: { type: 'boolean' },
  once: { type: 'boolean' },
  break: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads flags and environment; flags win. Never throws: a wrong flag is a value with one clear line. */
export function readArguments(argv: readonly string[], environment: Environment): Arguments {
  try {
    const { values } = parseArgs({ args: [...argv], options: flags, strict: true, allowPositionals: false });
    if (values.help === true) return { kind: 'help' };
    const data = values.data ?? (environment['CAPSTAN_DATA'] || '.capstan');
    const file = values.file ?? 'samples/cluster.yaml';
    if (data === '') throw new Error('--data needs a folder');
    if (file === '') throw new Error('--file needs a file');
    const options: StartOptions = {
      file,
      data,
      scale: readScale(values.scale, environment),
      reset: values.reset === true,
      once: values.once === true,
      trouble: readTrouble(values.break),
      ports: readPorts(environment),
    };
    return { kind: 'run', options };
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    // The parser adds advice about positionals after the first sentence; one line is enough here.
    return { kind: 'wrong', line: text.split(/\n|\. To specify/)[0] ?? text };
  }
}

function readScale(flag: string | undefined, environment: Environment): number {
  const variable = environment['CAPSTAN_TIME_SCALE'] || undefined;
  const text = flag ?? variable ?? '30';
  const scale = Number(text);
  if (text.trim() !== '' && Number.isFinite(scale) && scale > 0 && scale <= 100_000) return scale;
  const name = flag === undefined ? 'CAPSTAN_TIME_SCALE' : '--scale';
  throw new Error(`${name} is ${JSON.stringify(text)}; it must be a number above 0 and at most 100000`);
}

function readTrouble(text: string | undefined): Trouble | undefined {
  if (text === undefined) return undefined;
  const trouble = troubles.find((known) => known === text);
  if (trouble === undefined) throw new Error(`--break ${text} is not known; it takes ${troubles.join(', ')}`);
  return trouble;
}

function readPorts(environment: Environment): Ports {
  const read = (key: keyof Ports): number => {
    const { variable, port } = portNames[key];
    const text = environment[variable] || String(port);
    if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
      throw new Error(`${variable} is ${JSON.stringify(text)}; it must be a port from 0 to 65535`);
    return Number(text);
  };
  const ports = {
    app: read('app'),
    azure: read('azure'),
    blob: read('blob'),
    queue: read('queue'),
    table: read('table'),
  };
  const keys = Object.keys(portNames) as (keyof Ports)[];
  for (const [index, key] of keys.entries()) {
    const twin = keys.slice(0, index).find((other) => ports[other] === ports[key] && ports[key] !== 0);
    if (twin !== undefined)
      throw new Error(`${portNames[twin].variable} and ${portNames[key].variable} are both ${ports[key]}`);
  }
  return ports;
}
