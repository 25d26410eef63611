/** A temporary folder in which recorded apps find the packages of this repository, with hosts and Azurite as children. */
import { spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const ROOT = path.resolve(import.meta.dirname, '../..');
/** The host under test: a JavaScript or TypeScript file that Node runs. */
export const HOST_FILE = process.env['CONFORMANCE_HOST'] ?? path.join(ROOT, 'local/host/main.ts');
const AZURITE_KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Makes the folder; `remove` deletes it. */
export function createWorkshop(): { folder: string; remove(): void } {
  const folder = mkdtempSync(path.join(tmpdir(), 'host-conformance-'));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  return {
    folder,
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  };
}

/** Copies an app to `folder/name` and replaces or adds files. */
export function installApp(source: string, folder: string, files: Readonly<Record<string, string>> = {}): string {
  cpSync(source, folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), content);
  }
  return folder;
}

/** A host that runs. */
export interface RunningHost {
  readonly port: number;
  readonly child: ChildProcess;
  log(): string;
  /** Sends the signal and waits for the end. */
  end(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Starts the host under test on an app and waits until it listens; rejects with its output when it ends instead. */
export async function startHost(options: {
  app: string;
  data: string;
  port?: number;
  args?: readonly string[];
  env?: Readonly<Record<string, string>>;
}): Promise<RunningHost> {
  const extra = (process.env['CONFORMANCE_ARGS'] ?? '').split(' ').filter((arg) => arg !== '');
  const args = [
    options.app,
    '--port',
    String(options.port ?? 0),
    '--data',
    options.data,
    ...(options.args ?? []),
    ...extra,
  ];
  const child = spawn(process.execPath, [HOST_FILE, ...args], {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let log = '';
  child.stdout.on('data', (chunk: Buffer) => (log += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
  for (;;) {
    const match = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(log);
    if (match) {
      const end = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
        child.kill(signal);
        return exited;
      };
      return { port: Number(match[1]), child, log: () => log, end };
    }
    const ended = await Promise.race([exited.then((code) => ({ code })), sleep(20)]);
    if (ended) throw new Error(`the host ended with ${ended.code}: ${log}`);
  }
}

async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net
      .createServer()
      .once('error', () => resolve(false))
      .listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** Azurite in memory on three ports in a row, of which the first is `base`. */
export async function startAzurite(): Promise<{ base: number; connection: string; stop(): void }> {
  let base = 23_410;
  while (!(await isFree(base)) || !(await isFree(base + 1)) || !(await isFree(base + 2))) base += 10;
  const flags = '--inMemoryPersistence --skipApiVersionCheck --disableTelemetry --silent'.split(' ');
  const ports = ['--blobPort', base, '--queuePort', base + 1, '--tablePort', base + 2].map(String);
  const file = path.join(ROOT, 'node_modules/azurite/dist/src/azurite.js');
  const child = spawn(process.execPath, [file, ...flags, ...ports], { stdio: 'ignore', cwd: tmpdir() });
  const queue = `http://127.0.0.1:${base + 1}`;
  for (let tries = 0; tries < 400; tries++) {
    const up = await fetch(queue).then(
      () => true,
      () => false,
    );
    if (up) break;
    await sleep(50);
  }
  const account = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${AZURITE_KEY}`;
  const connection = `${account};BlobEndpoint=http://127.0.0.1:${base}/devstoreaccount1;QueueEndpoint=${queue}/devstoreaccount1;`;
  return { base, connection, stop: () => void child.kill('SIGKILL') };
}

/** Runs a Node script to its end; its output. */
export async function runNode(
  args: readonly string[],
  options: { cwd: string; env: NodeJS.ProcessEnv; print?: ((line: string) => void) | undefined },
): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const add = (chunk: Buffer): void => {
    output += chunk.toString();
    options.print?.(chunk.toString().trimEnd());
  };
  child.stdout.on('data', add);
  child.stderr.on('data', add);
  const code = await new Promise<number | null>((resolve) => child.once('close', (value) => resolve(value)));
  return { code, output };
}
