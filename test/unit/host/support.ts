/** Helpers of the host's tests: temporary apps, hosts and Azurite as child processes on free ports. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';

export const ROOT = path.resolve(import.meta.dirname, '../../..');
export const FIXTURES = path.join(ROOT, 'test/fixtures/host');
export const REFERENCE = path.join(ROOT, '../shared/reference');
const AZURITE_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});

/** A folder that is removed when the tests of the file have ended. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'functions-host-'));
  folders.push(folder);
  return folder;
}

/** Copies an app to a temporary folder from which it finds the packages of this repository. */
export function installApp(source: string, folder = temporaryFolder()): string {
  const app = path.join(folder, 'app');
  cpSync(source, app, { recursive: true });
  if (!existsSync(path.join(folder, 'node_modules')))
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  return app;
}

/** Writes an app from file texts. */
export function writeApp(files: Record<string, string>): string {
  const source = temporaryFolder();
  const all = { 'host.json': '{"version":"2.0"}', 'package.json': '{"main":"main.js"}', ...files };
  for (const [name, text] of Object.entries(all)) {
    mkdirSync(path.dirname(path.join(source, name)), { recursive: true });
    writeFileSync(path.join(source, name), text);
  }
  const app = installApp(source);
  rmSync(source, { recursive: true });
  return app;
}

export interface RunningHost {
  readonly port: number;
  readonly base: string;
  readonly child: ChildProcess;
  log(): string;
  /** Kills with the signal and waits for the end; the exit code or null. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts the host on an app and waits until it listens; throws with its output when it ends instead. */
export async function startHost(
  app: string,
  options: { data?: string; env?: Record<string, string>; args?: string[] } = {},
): Promise<RunningHost> {
  const data = options.data ?? path.join(path.dirname(app), 'data');
  const child = spawn(
    process.execPath,
    [path.join(ROOT, 'local/host/main.ts'), app, '--port', '0', '--data', data, ...(options.args ?? [])],
    {
      env: { PATH: process.env['PATH'] ?? '', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  for (;;) {
    const match = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(text);
    if (match) {
      const port = Number(match[1]);
      const end = async (signal: NodeJS.Signals = 'SIGTERM') => {
        child.kill(signal);
        return exited;
      };
      return { port, base: `http://127.0.0.1:${port}`, child, log: () => text, end };
    }
    const code = await Promise.race([exited, sleep(20, 'waiting' as const)]);
    if (code !== 'waiting') throw new Error(`the host ended with ${code}: ${text}`);
  }
}

/** Runs the host until it ends by itself; its output. */
export async function failingHost(app: string, data?: string): Promise<string> {
  try {
    const host = await startHost(app, data === undefined ? {} : { data });
    await host.end('SIGKILL');
  } catch (error) {
    return String(error);
  }
  throw new Error('the host was expected not to start');
}

/** A started orchestration's status document, polled until `ready` (terminal by default). */
export async function waitFor(host: RunningHost, id: string, ready?: (status: any) => boolean): Promise<any> {
  const done = ready ?? ((status: any) => ['Completed', 'Failed', 'Terminated'].includes(status?.runtimeStatus));
  for (let tries = 0; tries < 1500; tries++) {
    // A worker that is just being replaced may reset a connection.
    const response = await fetch(`${host.base}/runtime/webhooks/durabletask/instances/${encodeURIComponent(id)}`).catch(
      () => undefined,
    );
    const status: any = response === undefined || response.status === 404 ? undefined : await response.json();
    if (done(status)) return status;
    await sleep(10);
  }
  throw new Error(`instance ${id} did not get there: ${host.log().slice(-2000)}`);
}

/** Starts an orchestration; the HTTP response. */
export async function start(
  host: RunningHost,
  name: string,
  id: string,
  input?: unknown,
  query = '',
): Promise<Response> {
  const body = input === undefined ? null : JSON.stringify(input);
  return fetch(`${host.base}/runtime/webhooks/durabletask/orchestrators/${name}/${encodeURIComponent(id)}${query}`, {
    method: 'POST',
    body,
  });
}

/** A management call; the response. */
export async function manage(host: RunningHost, method: string, rest: string, body?: unknown): Promise<Response> {
  const content =
    body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  return fetch(`${host.base}/runtime/webhooks/durabletask/${rest}`, { method, ...content });
}

async function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const address = server.address() as net.AddressInfo;
      server.close(() => resolve(address.port));
    });
  });
}

/** Azurite's queue service in memory, with its connection string. */
export async function startAzurite(): Promise<{ connection: string; stop(): void }> {
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  const [blob, queue, table] = ports;
  const child = spawn(
    process.execPath,
    [
      path.join(ROOT, 'node_modules/azurite/dist/src/azurite.js'),
      ...'--inMemoryPersistence --skipApiVersionCheck --disableTelemetry --silent'.split(' '),
      ...`--blobPort ${blob} --queuePort ${queue} --tablePort ${table}`.split(' '),
    ],
    { stdio: 'ignore', cwd: tmpdir() },
  );
  const connection = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${AZURITE_KEY};QueueEndpoint=http://127.0.0.1:${queue}/devstoreaccount1;`;
  for (let tries = 0; tries < 400; tries++) {
    const up = await fetch(`http://127.0.0.1:${queue}/`).then(
      () => true,
      () => false,
    );
    if (up) break;
    await sleep(50);
  }
  return { connection, stop: () => void child.kill('SIGKILL') };
}
