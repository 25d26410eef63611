import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, renameSync } from 'node:fs';
import { clean } from './view/text.ts';

export type ChildName = 'azurite' | 'simulator' | 'host';

export interface ChildSpec {
  readonly name: ChildName;
  /** Arguments of Node, script included. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly logFile: string;
  /** Ended with SIGTERM, not SIGKILL, when this process has died. */
  readonly polite?: boolean;
}

export interface ChildExit {
  readonly name: ChildName;
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Child {
  readonly name: ChildName;
  readonly pid: number | undefined;
  readonly logFile: string;
  readonly exited: Promise<ChildExit>;
  readonly running: boolean;
  signal(signal: NodeJS.Signals): void;
}

/**
 * Preloaded into every child: ends it when the pipe on descriptor 3 closes, which happens however this process dies.
 * Without it a killed `npm start` would leave its ports and locks taken. A program that keeps unsaved data in memory
 * asks for a polite end.
 */
function endWithParent(polite: boolean): string {
  const end = polite
    ? "{ process.kill(process.pid, 'SIGTERM'); setTimeout(() => process.exit(1), 3000).unref(); }"
    : "process.kill(process.pid, 'SIGKILL')";
  return inline(`import { Socket } from 'node:net';
const pipe = new Socket({ fd: 3 });
const end = () => ${end};
pipe.on('end', end).on('error', end).resume();
pipe.unref();`);
}

/** A small module as an argument of `--import`. */
export function inline(source: string): string {
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

/** Starts one child in this process's group; its output goes to the log file alone. */
export function startChild(spec: ChildSpec, options: { readonly append?: boolean } = {}): Child {
  if (options.append !== true && existsSync(spec.logFile)) renameSync(spec.logFile, `${spec.logFile}.previous`);
  const log = openSync(spec.logFile, 'a', 0o600);
  const child = spawn(process.execPath, ['--import', endWithParent(spec.polite === true), ...spec.args], {
    env: spec.env,
    stdio: ['ignore', log, log, 'pipe'],
  });
  closeSync(log);
  return {
    name: spec.name,
    pid: child.pid,
    logFile: spec.logFile,
    exited: exitOf(spec.name, child),
    get running() {
      return child.exitCode === null && child.signalCode === null && child.pid !== undefined;
    },
    signal(signal) {
      child.kill(signal);
    },
  };
}

async function exitOf(name: ChildName, child: ChildProcess): Promise<ChildExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      resolve({ name, code, signal });
    });
    child.once('error', () => {
      resolve({ name, code: -1, signal: null });
    });
  });
}

/** Last lines of a log file, without control characters. */
export function lastLines(file: string, count: number): readonly string[] {
  if (!existsSync(file)) return [];
  // Logs end on our terminal: no escape sequence may pass.
  const lines = readFileSync(file, 'utf8').split('\n').map(clean);
  return lines.filter((line) => line !== '').slice(-count);
}

/** Waits for a promise, but no longer than `milliseconds`. @returns whether it settled in time */
export async function within(milliseconds: number, promise: Promise<unknown>): Promise<boolean> {
  const late = Symbol('late');
  const { promise: timeout, resolve } = Promise.withResolvers<symbol>();
  const timer = setTimeout(resolve, milliseconds, late);
  try {
    return (await Promise.race([promise, timeout])) !== late;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Ends children: SIGTERM in the order given (an app before the storage it writes to), SIGKILL for what is left after
 * `boundMilliseconds`.
 */
export async function stopChildren(waves: readonly (readonly Child[])[], boundMilliseconds: number): Promise<void> {
  const deadline = Date.now() + boundMilliseconds;
  for (const [index, wave] of waves.entries()) {
    for (const child of wave) child.signal('SIGTERM');
    const share = (deadline - Date.now()) / (waves.length - index);
    await within(Math.max(0, share), Promise.all(wave.map((child) => child.exited)));
  }
  const left = waves.flat().filter((child) => child.running);
  for (const child of left) child.signal('SIGKILL');
  await within(1000, Promise.all(left.map((child) => child.exited)));
}
