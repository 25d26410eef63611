import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Ports } from './args.ts';
import { type ChildName, type ChildSpec, inline } from './children.ts';
import type { DataFolder } from './data-folder.ts';
import { StartProblem } from './ports.ts';

/** Azurite's well-known development account; its key is public. */
const account = 'devstoreaccount1';
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Connection string of the app's own storage account on Azurite. */
export function connectionString(ports: Ports): string {
  const endpoint = (service: string, port: number): string => `${service}Endpoint=http://127.0.0.1:${port}/${account};`;
  return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};${endpoint('Blob', ports.blob)}${endpoint('Queue', ports.queue)}${endpoint('Table', ports.table)}`;
}

/** Addresses of what `npm start` runs. */
export function addresses(ports: Ports): { readonly app: string; readonly azure: string } {
  return { app: `http://127.0.0.1:${ports.app}`, azure: `http://127.0.0.1:${ports.azure}` };
}

/** The app's settings: the same as in Azure, but for the gateway, the time scale and the development storage. */
export function appSettings(ports: Ports, scale: number): Record<string, string> {
  const { azure } = addresses(ports);
  return {
    FUNCTIONS_WORKER_RUNTIME: 'node',
    AzureWebJobsStorage: connectionString(ports),
    CAPSTAN_AZURE_GATEWAY: azure,
    // Where the simulated Azure sees the app's requests come from.
    CAPSTAN_OUTBOUND_ADDRESSES: '203.0.113.10',
    CAPSTAN_KEY_VAULT_URI: 'https://capstan-kv.vault.azure.net',
    CAPSTAN_TIME_SCALE: String(scale),
    CAPSTAN_SWEEP_SCHEDULE: '*/15 * * * * *',
    IDENTITY_ENDPOINT: `${azure}/msi/token`,
    IDENTITY_HEADER: 'local',
    AZURE_CLIENT_ID: '33333333-3333-4333-8333-333333333333',
  };
}

/** Loopback is never reached through a proxy, whatever the environment says. */
export function withoutProxyForLoopback(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const present = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const before = environment['NO_PROXY'] ?? environment['no_proxy'] ?? '';
  const value = [before, '127.0.0.1', 'localhost'].filter((part) => part !== '').join(',');
  return { ...present, NO_PROXY: value, no_proxy: value };
}

export interface StackOptions {
  readonly ports: Ports;
  readonly scale: number;
  readonly folder: DataFolder;
  /** Folder of the built local programs (`dist/local`). */
  readonly programs: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The three children and how each is started. */
export function childSpecs(options: StackOptions): Readonly<Record<ChildName, ChildSpec>> {
  const { ports, scale, folder, programs, environment } = options;
  // Few arenas and a small young generation: a laptop's memory is worth more than the last tenth of speed.
  const env = { MALLOC_ARENA_MAX: '2', ...withoutProxyForLoopback(environment) };
  const quiet = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=2'];
  const spec = (name: ChildName, args: readonly string[], more: Readonly<Record<string, string>> = {}): ChildSpec => ({
    name,
    args: [...quiet, ...args],
    env: { ...env, ...more },
    logFile: folder.file('logs', `${name}.log`),
  });
  const flags = (values: Readonly<Record<string, string | number>>): readonly string[] =>
    Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const azurite = flags({
    location: folder.file('azurite'),
    blobHost: '127.0.0.1',
    queueHost: '127.0.0.1',
    tableHost: '127.0.0.1',
    blobPort: ports.blob,
    queuePort: ports.queue,
    tablePort: ports.table,
  });
  const simulator = flags({ port: ports.azure, data: folder.file('simulator'), 'time-scale': scale });
  const host = flags({ port: ports.app, data: folder.file('host') });
  return {
    azurite: {
      ...spec('azurite', [
        '--max-old-space-size=256',
        '--import',
        saveOften(azuriteProgram(programs)),
        azuriteProgram(programs),
        '--skipApiVersionCheck',
        '--disableTelemetry',
        '--silent',
        ...azurite,
      ]),
      polite: true,
    },
    simulator: spec('simulator', ['--max-old-space-size=256', path.join(programs, 'simulator.js'), ...simulator]),
    host: spec(
      'host',
      [
        '--max-old-space-size=192',
        '--enable-source-maps',
        path.join(programs, 'host.js'),
        path.join(programs, '../app'),
        // One process less: this command watches the host itself, and memory counts here.
        '--in-process',
        ...host,
      ],
      appSettings(ports, scale),
    ),
  };
}

/**
 * Azurite keeps tables and queues in memory and saves them every five seconds: a `kill -9` would lose what the app has
 * recorded meanwhile. Here it saves four times a second, when something has changed.
 */
function saveOften(program: string): string {
  return inline(`import { createRequire } from 'node:module';
const Loki = createRequire(${JSON.stringify(program)})('lokijs');
const before = Loki.prototype.autosaveEnable;
Loki.prototype.autosaveEnable = function (...args) {
  this.autosaveInterval = 250;
  return before.apply(this, args);
};`);
}

function azuriteProgram(programs: string): string {
  const file = path.resolve(programs, '../../node_modules/azurite/dist/src/azurite.js');
  if (!existsSync(file)) throw new StartProblem(`Azurite is not installed (${file}). Run: npm install`);
  return file;
}
