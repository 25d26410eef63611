/** Runs the host inside this process: as the worker of a supervisor, or alone with `--in-process`. */
import nodeModule from 'node:module';
import type { Socket } from 'node:net';
import type { Arguments } from './arguments.ts';
import type { LogRecord } from './core/log.ts';
import { createHost, type Host } from './host.ts';
import { REPLACE_ME, type ToSupervisor, type ToWorker } from './supervisor.ts';

/** Time in which results of a time-out are still recorded before the worker leaves, in milliseconds. */
const LEAVE_MS = 150;
const ALIVE_MS = 1000;
/** When the compiled code is put into the cache: after the start, which must not wait for it. */
const FLUSH_CACHE_MS = 2000;

type Say = (record: LogRecord) => void;

/** Where a worker writes: log records, and the plain lines of the function list. */
export interface Output {
  readonly say: Say;
  readonly print: (line: string) => void;
}

function printFunctions(host: Host, print: Output['print']): void {
  print('\nFunctions:\n');
  for (const fn of host.functions) print(`        ${fn.name}: ${fn.trigger}${fn.detail === '' ? '' : ` ${fn.detail}`}`);
  print(`\nlistening on http://127.0.0.1:${host.port}`);
}

function optionsOf(args: Arguments, say: Say): Parameters<typeof createHost>[0] {
  const { level } = args;
  return {
    app: args.app,
    port: args.port,
    data: args.data,
    durability: args.durability,
    auth: args.auth,
    strict: args.strict,
    faithfulTimers: args.faithfulTimers,
    retentionMs: args.retentionMs,
    log: say,
    ...(level ? { logLevels: { '': level, Function: level, Host: level, User: level } } : {}),
  };
}

/** Logs what the app did not catch and ends; the exit handler answers open requests. */
function endOnCrash(say: Say): void {
  const crash = (error: unknown): void => {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say({ level: 'error', category: 'Host', message: `Worker uncaught exception: ${text}` });
    process.exit(1);
  };
  process.on('uncaughtException', crash);
  process.on('unhandledRejection', crash);
}

async function stopHost(host: Host): Promise<never> {
  await host.stop();
  process.exit(host.differences() > 0 ? 1 : 0);
}

/** Without a supervisor: signals stop the host, a crash of the app ends it. */
export async function runAlone(args: Arguments, { say, print }: Output): Promise<void> {
  process.chdir(args.app);
  endOnCrash(say);
  const host = await createHost(optionsOf(args, say));
  let stopping = false;
  process.on('exit', () => stopping || host.failOpenRequests());
  printFunctions(host, print);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (stopping) process.exit(1);
      stopping = true;
      void stopHost(host);
    });
  }
}

/** As worker: the supervisor gives the port and the connections, and says when to stop. */
export async function runAsWorker(args: Arguments, { say, print }: Output): Promise<void> {
  const tell = (message: ToSupervisor): void => {
    if (process.connected) process.send?.(message);
  };
  // Nobody is left who could hand over requests: end the way the supervisor did.
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => {});
  // Programs that the app starts shall not write into our cache.
  delete process.env['NODE_COMPILE_CACHE'];
  process.chdir(args.app);
  endOnCrash(say);
  let deliver: ((socket: Socket) => void) | undefined;
  let host: Host | undefined;
  let stopping = false;
  const start = Promise.withResolvers<Extract<ToWorker, { type: 'start' }>>();
  process.on('message', (message: ToWorker, socket: Socket | undefined) => {
    if (message.type === 'start') start.resolve(message);
    if (message.type === 'connection' && socket) {
      tell({ type: 'taken', id: message.id });
      deliver?.(socket);
      socket.resume();
    }
    if (message.type !== 'stop' || stopping) return;
    stopping = true;
    if (host) void stopHost(host);
    else process.exit(0);
  });
  process.on('exit', () => stopping || host?.failOpenRequests());
  const { port, restarted } = await start.promise;
  const leave = (): void => {
    tell({ type: 'leaving' });
    host?.pause();
    setTimeout(() => process.exit(REPLACE_ME), LEAVE_MS);
  };
  host = await createHost({
    ...optionsOf(args, say),
    port,
    restarted,
    connections: (take) => (deliver = take),
    onTimeout: leave,
  });
  if (!restarted) printFunctions(host, print);
  tell({ type: 'ready', timeoutMs: host.config.functionTimeoutMs });
  if (restarted) say({ level: 'warning', category: 'Host', message: 'The new worker is up.' });
  setInterval(() => tell({ type: 'alive' }), ALIVE_MS).unref();
  setTimeout(() => nodeModule.flushCompileCache(), FLUSH_CACHE_MS).unref();
}
