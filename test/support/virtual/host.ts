import path from 'node:path';
import { readHostJson } from '#local/host/config/host-json.ts';
import { FunctionApp } from '#local/host/core/function-app.ts';
import { Invoker } from '#local/host/core/invocation.ts';
import { createLog, type LogRecord } from '#local/host/core/log.ts';
import type { ActivityOutcome } from '#local/host/durable/contracts.ts';
import { DurableEngine } from '#local/host/durable/engine.ts';
import { AppDurableFunctions } from '#local/host/durable/functions.ts';
import { DurableStore } from '#local/host/durable/store.ts';
import { systemEnvironment } from '#local/host/durable/system-environment.ts';
import type { OrchestrationStarter } from '#services/dependencies.ts';
import { seededClientId } from '#local/simulator/compose.ts';
import { repository } from './hooks.ts';
import { gatewayUrl } from './wire.ts';

/** Settings that the app reads from its environment. */
export const settings = {
  AzureWebJobsStorage: 'UseDevelopmentStorage=true',
  CAPSTAN_AZURE_GATEWAY: gatewayUrl,
  CAPSTAN_KEY_VAULT_URI: 'https://capstan-kv.vault.azure.net',
  CAPSTAN_TIME_SCALE: '1',
  AZURE_CLIENT_ID: seededClientId,
};

/** The app's functions on the embedded engine, without HTTP, queues and files. */
export interface VirtualHost {
  readonly starter: OrchestrationStarter;
  readonly engine: DurableEngine;
  /** Puts something around every call of an activity from now on. */
  onActivity(around: AroundActivity): void;
  /** The engine stops at once and a new one goes on from what was recorded, as after a crash of the process. */
  crash(): void;
  /** The engine stops at once and stays away until `comeBack`. */
  goAway(): void;
  comeBack(): void;
  readonly isAway: boolean;
  stop(): void;
}

/** A call of an activity, as the engine makes it. */
export interface ActivityCall {
  readonly name: string;
  /** The input, as the orchestrator gave it. */
  readonly input: Readonly<Record<string, unknown>>;
}

/** Stands around every call of an activity; `run` makes the call. */
export type AroundActivity = (call: ActivityCall, run: () => Promise<ActivityOutcome>) => Promise<ActivityOutcome>;

class ObservedFunctions extends AppDurableFunctions {
  around: AroundActivity | undefined;

  override async runActivity(
    ...[name, instanceId, inputJson, trace]: Parameters<AppDurableFunctions['runActivity']>
  ): Promise<ActivityOutcome> {
    const run = async (): Promise<ActivityOutcome> => super.runActivity(name, instanceId, inputJson, trace);
    if (this.around === undefined) return run();
    return this.around({ name, input: JSON.parse(inputJson ?? '{}') as ActivityCall['input'] }, run);
  }
}

let loaded: Promise<{ app: FunctionApp; invoker: Invoker }> | undefined;
/** Where the lines of the present host go. */
let hear: (record: LogRecord) => void = () => {};

/** Loads the app once per process: its modules keep state of their own. */
export async function loadApp(): Promise<{ app: FunctionApp; invoker: Invoker }> {
  loaded ??= (async () => {
    Object.assign(process.env, settings);
    const log = createLog((record) => hear(record));
    const app = new FunctionApp(path.join(repository, 'test/fixtures/virtual-app'), log);
    await app.load();
    return { app, invoker: new Invoker(app, undefined) };
  })();
  return loaded;
}

/** Starts a host with an empty task hub. */
export async function startHost(onLine: (record: LogRecord) => void): Promise<VirtualHost> {
  const { invoker } = await loadApp();
  hear = onLine;
  const { durable } = readHostJson(repository, {});
  const store = new DurableStore(':memory:');
  const functions = new ObservedFunctions(invoker, () => []);
  const open = (): DurableEngine => {
    const engine = new DurableEngine(
      store,
      functions,
      {
        versions: {
          defaultVersion: durable.defaultVersion,
          matchStrategy: durable.versionMatchStrategy,
          failureStrategy: durable.versionFailureStrategy,
        },
        maxConcurrentActivities: durable.maxConcurrentActivityFunctions,
        maxConcurrentOrchestrators: durable.maxConcurrentOrchestratorFunctions,
        maxEntityBatch: durable.maxEntityOperationBatchSize,
      },
      systemEnvironment,
      createLog(onLine),
    );
    engine.start();
    return engine;
  };
  let engine = open();
  let isAway = false;
  return {
    get engine() {
      return engine;
    },
    onActivity(around) {
      functions.around = around;
    },
    starter: {
      async start(name, instanceId, input) {
        engine.startInstance({ name, instanceId, inputJson: JSON.stringify(input) });
      },
      status: async (instanceId) => store.instance(instanceId)?.status,
    },
    crash() {
      engine.stop();
      engine = open();
    },
    get isAway() {
      return isAway;
    },
    goAway() {
      engine.stop();
      isAway = true;
    },
    comeBack() {
      isAway = false;
      engine = open();
    },
    stop() {
      engine.stop();
      store.close();
    },
  };
}
