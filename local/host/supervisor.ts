/**
 * The process that a user starts: it holds the port and runs the app in a worker process, so that an app that crashes, calls
 * process.exit or exceeds its time limit is replaced the way the real host replaces its worker (host-recordings/README.md,
 * Worker process). Connections are handed over whole; while no worker is up they wait.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import net, { type Socket } from 'node:net';

/** What the two processes tell each other. Sockets travel with `connection`. */
export type ToWorker =
  | { readonly type: 'start'; readonly port: number; readonly restarted: boolean }
  | { readonly type: 'connection'; readonly id: number }
  | { readonly type: 'stop' };
export type ToSupervisor =
  | { readonly type: 'ready'; readonly timeoutMs: number | undefined }
  | { readonly type: 'taken'; readonly id: number }
  | { readonly type: 'alive' }
  | { readonly type: 'leaving' };

/** Marks the environment of a worker. */
export const WORKER_VARIABLE = 'FUNCTIONS_HOST_WORKER';
/** Exit code with which a worker asks to be replaced after a function time-out; it is not counted as a crash. */
export const REPLACE_ME = 75;
/** The real host gives up with the third crash of its worker within half an hour, with exit code 0. */
const CRASHES = { most: 3, withinMs: 30 * 60_000 };
const STOP_BOUND_MS = 20_000;
/** A worker whose event loop stands still for this much longer than the function time-out is replaced. */
const SILENCE_MS = 15_000;

/** See the head of this file. */
export class Supervisor {
  readonly #command: { readonly script: string; readonly args: readonly string[]; readonly cache: string };
  readonly #say: (level: 'error' | 'warning', message: string) => void;
  readonly #server: net.Server;
  /** Connections that no worker has taken yet, by number; a worker that dies leaves them to the next one. */
  readonly #waiting = new Map<number, Socket>();
  #connections = 0;
  readonly #crashes: number[] = [];
  #port = 0;
  #worker: ChildProcess | undefined;
  #ready = false;
  #everReady = false;
  #stopping = false;
  #watchdog: NodeJS.Timeout | undefined;

  /** @param worker the file that runs as worker, its arguments, and a folder for Node's compile cache. */
  constructor(
    worker: { readonly script: string; readonly args: readonly string[]; readonly cache: string },
    say: (level: 'error' | 'warning', message: string) => void,
  ) {
    this.#command = worker;
    this.#say = say;
    this.#server = net.createServer({ pauseOnConnect: true }, (socket) => this.#arrived(socket));
  }

  /** Starts the worker and takes the port, both at once; throws when the port cannot be had. */
  async start(port: number): Promise<void> {
    this.#spawn();
    try {
      this.#port = await this.#listen(port);
    } catch (error) {
      this.#worker?.kill('SIGKILL');
      throw error;
    }
    this.#tell({ type: 'start', port: this.#port, restarted: false });
  }

  /** Stops cleanly; a second call ends at once. */
  stop(): void {
    if (this.#stopping || !this.#ready) this.#end(this.#stopping ? 1 : 0);
    this.#stopping = true;
    this.#server.close();
    for (const socket of this.#waiting.values()) socket.destroy();
    this.#tell({ type: 'stop' });
    setTimeout(() => this.#end(1), STOP_BOUND_MS).unref();
  }

  #end(code: number): never {
    this.#worker?.kill('SIGKILL');
    process.exit(code);
  }

  async #listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => {
        const text = `Port ${port} on 127.0.0.1 is in use. Stop the other program or choose another port with --port.`;
        reject(error.code === 'EADDRINUSE' ? new Error(text) : error);
      });
      this.#server.listen(port, '127.0.0.1', () => {
        const address = this.#server.address();
        resolve(typeof address === 'object' && address ? address.port : port);
      });
    });
  }

  #spawn(): void {
    const flags = (process.env['languageWorkers__node__arguments'] ?? '').split(' ').filter((flag) => flag !== '');
    const worker = spawn(process.execPath, [...flags, this.#command.script, ...this.#command.args], {
      env: { NODE_COMPILE_CACHE: this.#command.cache, ...process.env, [WORKER_VARIABLE]: '1' },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#worker = worker;
    this.#ready = false;
    worker.on('message', (message: ToSupervisor) => this.#heard(message));
    worker.on('error', () => {});
    worker.once('exit', (code, signal) => this.#ended(code, signal));
  }

  #tell(message: ToWorker, socket?: Socket): void {
    // A worker that is just ending cannot be told anything any more; its exit event follows.
    this.#worker?.send(message, socket, { keepOpen: true }, () => {});
  }

  #arrived(socket: Socket): void {
    const id = this.#connections++;
    this.#waiting.set(id, socket);
    socket.once('error', () => {}).once('close', () => this.#waiting.delete(id));
    if (this.#ready) this.#tell({ type: 'connection', id }, socket);
  }

  #heard(message: ToSupervisor): void {
    // The worker has a handle of its own now.
    if (message.type === 'taken') this.#waiting.get(message.id)?.destroy();
    if (message.type === 'leaving') this.#ready = false;
    if (message.type === 'alive') this.#watchdog?.refresh();
    if (message.type !== 'ready') return;
    this.#ready = true;
    this.#everReady = true;
    for (const [id, socket] of this.#waiting) this.#tell({ type: 'connection', id }, socket);
    if (message.timeoutMs !== undefined && message.timeoutMs + SILENCE_MS < 2 ** 31)
      this.#watchdog = setTimeout(() => this.#silent(), message.timeoutMs + SILENCE_MS);
  }

  #silent(): void {
    this.#say('error', 'The app has blocked the event loop for longer than functionTimeout. The worker is replaced.');
    this.#worker?.kill('SIGKILL');
  }

  #ended(code: number | null, signal: NodeJS.Signals | null): void {
    clearTimeout(this.#watchdog);
    this.#ready = false;
    if (this.#stopping) this.#end(code ?? 1);
    if (!this.#everReady) this.#end(code === null || code === 0 ? 1 : code);
    if (code !== REPLACE_ME && this.#givesUp(code === null ? `signal ${signal}` : `code ${code}`)) this.#end(0);
    this.#spawn();
    this.#tell({ type: 'start', port: this.#port, restarted: true });
  }

  #givesUp(how: string): boolean {
    const now = Date.now();
    const recent = this.#crashes.filter((time) => now - time < CRASHES.withinMs);
    this.#crashes.splice(0, this.#crashes.length, ...recent, now);
    const last = this.#crashes.length >= CRASHES.most;
    const rest = last
      ? `That was crash ${CRASHES.most} within half an hour: the host ends, as the real one does.`
      : 'A new worker is started; what it had not recorded runs again.';
    this.#say('error', `The app ended its worker process (${how}). ${rest}`);
    return last;
  }
}
