/**
 * An embedded host for Azure Functions apps (Node, v4 model) with Durable Functions: it loads a built app folder and serves
 * its HTTP, queue, timer and durable triggers. It knows nothing about the app.
 */
import type { Socket } from 'node:net';
import path from 'node:path';
import { applySettings, readLocalSettings, type LocalSettings } from './config/settings.ts';
import { HostConfigError, readHostJson, type HostConfig } from './config/host-json.ts';
import { FunctionApp, type RegisteredFunction } from './core/function-app.ts';
import { Invoker } from './core/invocation.ts';
import { createLog, DEFAULT_LOG_LEVELS, type Log, type LogLevels, type LogSink } from './core/log.ts';
import type { TypedData } from './core/protocol.ts';
import { Checkpoints } from './durable/checkpoints.ts';
import { clientPayload, type ManagementAddresses } from './durable/client-payload.ts';
import type { Environment } from './durable/contracts.ts';
import { DurableEngine } from './durable/engine.ts';
import { AppDurableFunctions, isDurableClient } from './durable/functions.ts';
import { lockDataFolder } from './durable/lock.ts';
import { Retention } from './durable/retention.ts';
import { ManagementApi } from './durable/management.ts';
import type { Durability } from './durable/schema.ts';
import { DurableStore } from './durable/store.ts';
import { systemEnvironment } from './durable/system-environment.ts';
import { Keys } from './http/keys.ts';
import { buildRoutes, RouteFatalError, type HttpRoute } from './http/routes.ts';
import { HttpServer } from './http/server.ts';
import { observe } from './observe.ts';
import { QueueService } from './queue/service.ts';
import { TimerService } from './timer/service.ts';
import { checkTriggers, describeFunctions, leaveOut, type FunctionDescription } from './triggers.ts';

/** Options of {@link createHost}. */
export interface HostOptions {
  /** Folder of the built app. */
  readonly app: string;
  /** Port on 127.0.0.1; 0 takes a free one. */
  readonly port: number;
  /** Folder of this host's own files; made when it is missing. */
  readonly data: string;
  readonly log?: LogSink;
  readonly logLevels?: LogLevels;
  readonly durability?: Durability;
  /** Clock and ids; the system's by default. */
  readonly environment?: Environment;
  /** Settings; `process.env` by default, where the app reads them. */
  readonly settings?: NodeJS.ProcessEnv;
  /** `keys` checks function, host and master keys; they are kept in `<data>/secrets`. */
  readonly auth?: 'none' | 'keys';
  /** Replays every finished orchestration once more in a fresh generator and compares. */
  readonly strict?: boolean;
  /** Durable timers fire up to a second early, as on Azure Storage. */
  readonly faithfulTimers?: boolean;
  /** Age at which ended instances are purged, in milliseconds. */
  readonly retentionMs?: number | undefined;
  /** Where connections come from when another process listens on `port`; called once with the function that takes them. */
  readonly connections?: (take: (socket: Socket) => void) => void;
  /** True for a new worker process of a host that goes on: `runOnStartup` timers do not run again. */
  readonly restarted?: boolean;
  /** A function has exceeded functionTimeout; its code may still be running. */
  readonly onTimeout?: () => void;
}

/** A running host. */
export interface Host {
  readonly port: number;
  readonly functions: readonly FunctionDescription[];
  readonly config: HostConfig;
  readonly engine: DurableEngine;
  readonly store: DurableStore;
  /** Stops: takes nothing new, waits up to `boundMs` for what runs, then ends. What has not ended runs again next time. */
  stop(boundMs?: number): Promise<void>;
  /** Takes nothing new from queues, timers and the engine. */
  pause(): void;
  /** Answers all open requests with 500 at once; for the moment in which the process ends. */
  failOpenRequests(): void;
  /** Differences that `strict` has found so far. */
  differences(): number;
}

/** How long a stop waits for invocations under way, in milliseconds. */
const DEFAULT_STOP_BOUND_MS = 10_000;
const SYSTEM_KEY = 'local';
/** How long a silent streaming function keeps its caller waiting (host-recordings, http-streaming-hang). */
const STREAM_IDLE_SECONDS = 240;

function allowedNames(settings: NodeJS.ProcessEnv): string[] {
  return (settings['HOST_ALLOWED_NAMES'] ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** Bytes that the history file may take (`HOST_STORE_LIMIT_MB`); undefined without a limit. */
function storeLimit(settings: NodeJS.ProcessEnv): number | undefined {
  const megabytes = Number(settings['HOST_STORE_LIMIT_MB'] ?? Number.NaN);
  return megabytes > 0 ? megabytes * 1_048_576 : undefined;
}

/** `HOST_TIMER_LIMITS`: seconds of the longest timer that is not cut into slices, and of a slice, e.g. `12,6`. */
function timerLimits(settings: NodeJS.ProcessEnv): { longTimers?: { maximumMs: number; intervalMs: number } } {
  const text = settings['HOST_TIMER_LIMITS'];
  if (text === undefined || text === '') return {};
  const match = /^(\d+),(\d+)$/.exec(text);
  const [maximum, interval] = [Number(match?.[1]), Number(match?.[2])];
  if (!match || interval === 0)
    throw new HostConfigError(`HOST_TIMER_LIMITS is two numbers of seconds such as 12,6, not '${text}'.`);
  return { longTimers: { maximumMs: maximum * 1000, intervalMs: interval * 1000 } };
}

async function loadApp(app: FunctionApp, log: Log): Promise<void> {
  try {
    await app.load();
  } catch (error) {
    // The real host stays up without functions when its worker cannot load the app.
    app.functions.clear();
    log.write({
      level: 'critical',
      category: 'Host',
      message: `The app could not be loaded, no function is available. ${error instanceof Error ? error.message : String(error)}`,
    });
  }
}

interface Parts {
  readonly app: FunctionApp;
  readonly invoker: Invoker;
  readonly engine: DurableEngine;
  readonly queues: QueueService;
  readonly timers: TimerService;
  readonly retention: Retention;
}

function assemble(
  options: HostOptions,
  config: HostConfig,
  log: Log,
  app: FunctionApp,
  store: DurableStore,
  addresses: ManagementAddresses,
): Parts {
  const settings = options.settings ?? process.env;
  const invoker = new Invoker(app, config.functionTimeoutMs, options.onTimeout);
  const payload: TypedData = { string: clientPayload(addresses) };
  const clientInputs = (fn: RegisteredFunction): { name: string; data: TypedData }[] =>
    Object.entries(fn.metadata.bindings)
      .filter(([, binding]) => binding.direction === 'in' && isDurableClient(binding.type))
      .map(([name]) => ({ name, data: payload }));
  const { durable } = config;
  const engine = new DurableEngine(
    store,
    new AppDurableFunctions(invoker, clientInputs),
    {
      versions: {
        defaultVersion: durable.defaultVersion,
        matchStrategy: durable.versionMatchStrategy,
        failureStrategy: durable.versionFailureStrategy,
      },
      maxConcurrentActivities: durable.maxConcurrentActivityFunctions,
      maxConcurrentOrchestrators: durable.maxConcurrentOrchestratorFunctions,
      maxEntityBatch: durable.maxEntityOperationBatchSize,
      httpPollMs: durable.httpPollMs,
      replaceRunning: durable.replaceRunning,
      strict: options.strict === true,
      faithfulTimers: options.faithfulTimers === true,
      ...timerLimits(settings),
    },
    options.environment ?? systemEnvironment,
    log,
  );
  const queues = new QueueService({ app, invoker, settings, config: config.queues, log, clientInputs });
  invoker.afterInvocation = async (fn, response) => queues.writeOutputs(fn, response);
  const timers = new TimerService({
    app,
    invoker,
    settings,
    store,
    log,
    clientInputs,
    restarted: options.restarted === true,
  });
  const retention = new Retention(engine, options.retentionMs, log);
  return { app, invoker, engine, queues, timers, retention };
}

/** Calls a queue or timer function outside of its trigger; what comes of it is only logged. */
function callByHand(parts: Parts, log: Log, fn: RegisteredFunction, input: string | null): void {
  const type = fn.trigger.type.toLowerCase();
  const call = async (): Promise<void> => {
    if (type === 'timertrigger') return parts.timers.call(fn);
    if (type === 'queuetrigger' && input !== null) return parts.queues.call(fn, input);
    throw new Error(`a function with ${fn.trigger.type} cannot be called by hand with this input`);
  };
  call().catch((error: unknown) =>
    log.write({
      level: 'error',
      category: 'Host',
      message: `The call of '${fn.name}' by hand failed: ${error instanceof Error ? error.message : String(error)}`,
    }),
  );
}

/** Connects the HTTP side: functions, management API, keys, streaming and doors. */
function serve(
  server: HttpServer,
  { options, config, local, log }: { options: HostOptions; config: HostConfig; local: LocalSettings; log: Log },
  parts: Parts,
  routes: HttpRoute[],
  addresses: ManagementAddresses,
  keys: Keys | undefined,
): void {
  const { app } = parts;
  const settings = options.settings ?? process.env;
  const seconds = Number(settings['HOST_STREAM_TIMEOUT_SECONDS'] ?? STREAM_IDLE_SECONDS) || STREAM_IDLE_SECONDS;
  server.serve({
    routes,
    invoker: parts.invoker,
    management: new ManagementApi(parts.engine, addresses),
    extraInputs: (fn) => parts.queues.inputs(fn),
    observe: async (name, query) => observe(name, query, parts),
    keys,
    call: (fn, input) => callByHand(parts, log, fn, input),
    customHeaders: config.customHeaders,
    limits: config.limits,
    cors: local.cors,
    stream: app.httpUri === undefined ? undefined : { target: app.httpUri, idleMs: seconds * 1000 },
    admin: {
      functions: [...app.functions.values()],
      routes,
      folder: app.folder,
      startedAt: Date.now(),
      hidesHomePage: /^(1|true)$/i.test(settings['AzureWebJobsDisableHomepage'] ?? ''),
      hostKeys: keys?.hostKeys ?? [{ name: 'default', value: 'not-checked' }],
    },
  });
}

/** Opens the port, or takes the connections that another process hands over. */
async function openPort(server: HttpServer, options: HostOptions): Promise<number> {
  if (!options.connections) return server.listen(options.port);
  server.expectConnections();
  options.connections((socket) => server.accept(socket));
  return options.port;
}

function openKeys(options: HostOptions, app: FunctionApp): Keys | undefined {
  if (options.auth !== 'keys') return undefined;
  const functions = [...app.functions.values()].filter((fn) => fn.trigger.type.toLowerCase() === 'httptrigger');
  return new Keys(
    path.join(options.data, 'secrets'),
    functions.map((fn) => fn.name),
  );
}

/** The routes of the app; undefined when the real host would not run with it, which is logged with the reason. */
function routesOf(app: FunctionApp, config: HostConfig, log: Log): HttpRoute[] | undefined {
  const fatal = (reason: string): undefined => {
    const message = `${reason} Like the real host, this one answers 503 to every request and runs no function until that is mended.`;
    log.write({ level: 'critical', category: 'Host', message });
    return undefined;
  };
  const { namesakes } = app;
  if (namesakes)
    return fatal(
      `The functions '${namesakes[0]}' and '${namesakes[1]}' differ in upper and lower case only. Rename one.`,
    );
  try {
    return buildRoutes(app, config.routePrefix, log);
  } catch (error) {
    if (error instanceof RouteFatalError) return fatal(error.message);
    throw error;
  }
}

async function startParts(parts: Parts): Promise<void> {
  await parts.queues.start();
  parts.timers.start();
  parts.engine.start();
  parts.retention.start();
}

/**
 * Starts a host. Throws HostConfigError (host.json, triggers), DataFolderError (folder in use or damaged) or an Error for a
 * port in use; nothing keeps running then. An app that does not load leaves a running host without functions; one that the
 * real host cannot run leaves a host that answers 503.
 */
export async function createHost(options: HostOptions): Promise<Host> {
  const folder = path.resolve(options.app);
  const settings = options.settings ?? process.env;
  const local = readLocalSettings(folder);
  applySettings(folder, local, settings);
  const config = readHostJson(folder, settings);
  const log = createLog(options.log ?? (() => {}), {
    ...DEFAULT_LOG_LEVELS,
    ...levelsOf(config),
    ...options.logLevels,
  });
  for (const message of config.warnings) log.write({ level: 'warning', category: 'Host', message });
  const lock = await lockDataFolder(options.data);
  const server = new HttpServer(log, allowedNames(settings));
  let store: DurableStore | undefined;
  try {
    const file = path.join(options.data, 'durable.db');
    store = new DurableStore(file, options.durability, storeLimit(settings));
    const checkpoints = new Checkpoints(store, file);
    const port = await openPort(server, options);
    // The durable SDK builds its URLs from this name; it must be set before the app is loaded.
    settings['WEBSITE_HOSTNAME'] = `127.0.0.1:${port}`;
    const app = new FunctionApp(folder, log);
    await loadApp(app, log);
    leaveOut(app, config.functions, settings, log);
    checkTriggers(app);
    const keys = openKeys(options, app);
    const addresses = {
      origin: `http://127.0.0.1:${port}`,
      hubName: config.durable.hubName,
      systemKey: keys?.systemKey ?? SYSTEM_KEY,
    };
    const parts = assemble(options, config, log, app, store, addresses);
    const routes = routesOf(app, config, log);
    if (routes) {
      serve(server, { options, config, local, log }, parts, routes, addresses, keys);
      await startParts(parts);
    }
    return {
      port,
      functions: routes ? describeFunctions(app, routes, port) : [],
      config,
      engine: parts.engine,
      store,
      stop: stopper(server, parts, store, checkpoints, lock),
      pause: () => pause(parts),
      failOpenRequests: () => server.failAll(),
      differences: () => parts.engine.differences,
    };
  } catch (error) {
    server.close();
    store?.close();
    lock.release();
    throw error;
  }
}

function pause(parts: Parts): void {
  parts.retention.stop();
  parts.queues.pause();
  parts.timers.stop();
  parts.engine.pause();
}

function levelsOf(config: HostConfig): Record<string, LogLevels[string]> {
  const { default: general, ...rest } = config.logLevels;
  return general === undefined ? rest : { ...rest, User: general };
}

function stopper(
  server: HttpServer,
  parts: Parts,
  store: DurableStore,
  checkpoints: Checkpoints,
  lock: { release(): void },
): Host['stop'] {
  let stopping: Promise<void> | undefined;
  const run = async (boundMs: number): Promise<void> => {
    server.stopAccepting();
    pause(parts);
    await parts.invoker.drain(boundMs);
    await parts.queues.stop();
    await parts.app.terminate();
    parts.engine.stop();
    server.close();
    checkpoints.close();
    store.close();
    lock.release();
  };
  return async (boundMs = DEFAULT_STOP_BOUND_MS) => {
    stopping ??= run(boundMs);
    return stopping;
  };
}
