import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** A child process that has said that it is ready. */
export interface Started {
  readonly child: ChildProcess;
  /** What matched in its output. */
  readonly match: RegExpExecArray;
  /** Kills the process and its children, and waits until it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a command in its own process group and waits for a line of its output; rejects with the output when it ends before. */
export async function startProcess(
  command: string,
  args: readonly string[],
  options: { ready: RegExp; cwd?: string; env?: NodeJS.ProcessEnv },
): Promise<Started> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'], ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  let log = '';
  const match = await new Promise<RegExpExecArray>((resolve, reject) => {
    let done = false;
    const look = (chunk: Buffer): void => {
      if (done) return;
      log += chunk.toString();
      const found = options.ready.exec(log);
      if (found) {
        done = true;
        resolve(found);
      }
    };
    child.stdout.on('data', look);
    child.stderr.on('data', look);
    child.once('close', (code) =>
      reject(new Error(`${command} ${args[0] ?? ''} ended with ${code}: ${log.slice(-2000)}`)),
    );
    child.once('error', reject);
  });
  const kill = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined)
      process.kill(-child.pid, signal);
    await exited;
  };
  return { child, match, kill };
}

/** Starts a peer's `service.mjs`, which prints that it is ready. */
export function startService(folder: string, environment: Readonly<Record<string, string>>): Promise<Started> {
  const env = { ...environment, NODE_ENV: 'production' };
  return startProcess(process.execPath, ['service.mjs'], { cwd: folder, ready: /service is ready/, env });
}

/** Resident memory of a process and of all that it has started, in MiB. */
export function residentMiB(started: Started | undefined): number {
  const pid = started?.child.pid;
  return pid === undefined ? 0 : withChildren(pid).reduce((sum, one) => sum + resident(one), 0);
}

function resident(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1] ?? 0) / 1024;
}

function withChildren(parent: number): number[] {
  const children = readFileSync(`/proc/${parent}/task/${parent}/children`, 'utf8').trim();
  return [parent, ...children.split(' ').filter(Boolean).map(Number).flatMap(withChildren)];
}
