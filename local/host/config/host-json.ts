/** `host.json`: what this host understands is read and validated, the rest is named (functions-host-protocol.md; Microsoft's host.json reference for version 2.x). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { LogLevel } from '../core/protocol.ts';
import { LOG_LEVELS } from '../core/protocol.ts';

/** A host.json, or a setting, that the host cannot work with. */
export class HostConfigError extends Error {
  override readonly name = 'HostConfigError';
}

/** Milliseconds of a .NET TimeSpan text: `hh:mm:ss[.fff]` or `d.hh:mm:ss`. Undefined when it is none. */
export function parseTimeSpan(text: string): number | undefined {
  const match = /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,7}))?$/.exec(text);
  if (!match) return undefined;
  const [days, hours, minutes, seconds] = [match[1], match[2], match[3], match[4]].map((part) => Number(part ?? 0));
  const fraction = Number(`0.${match[5] ?? '0'}`);
  return Math.round(
    (((days ?? 0) * 24 + (hours ?? 0)) * 3600 + (minutes ?? 0) * 60 + (seconds ?? 0) + fraction) * 1000,
  );
}

const timeSpan = z.string().transform((text, context) => {
  const ms = parseTimeSpan(text);
  if (ms === undefined) context.addIssue({ code: 'custom', message: `'${text}' is not a time span (hh:mm:ss)` });
  return ms ?? 0;
});
const count = z.number().int().min(1);
const level = z.string().transform((text, context): LogLevel => {
  const found = LOG_LEVELS.find((item) => item === text.toLowerCase());
  if (!found) context.addIssue({ code: 'custom', message: `'${text}' is not a log level` });
  return found ?? 'information';
});
const anything = z.record(z.string(), z.unknown());

const durableTask = z.looseObject({
  hubName: z.string().optional(),
  defaultVersion: z.string().optional(),
  versionMatchStrategy: z.enum(['None', 'Strict', 'CurrentOrOlder']).optional(),
  versionFailureStrategy: z.enum(['Reject', 'Fail']).optional(),
  maxConcurrentActivityFunctions: count.optional(),
  maxConcurrentOrchestratorFunctions: count.optional(),
  maxConcurrentEntityFunctions: count.optional(),
  maxEntityOperationBatchSize: count.optional(),
  storageProvider: anything.optional(),
  tracing: anything.optional(),
  extendedSessionsEnabled: z.boolean().optional(),
  extendedSessionIdleTimeoutInSeconds: z.number().optional(),
  httpSettings: z.looseObject({ defaultAsyncRequestSleepTimeMilliseconds: count.optional() }).optional(),
  overridableExistingInstanceStates: z.enum(['NonRunningStates', 'AnyState']).optional(),
  useGracefulShutdown: z.boolean().optional(),
});

const queues = z.looseObject({
  batchSize: count.max(32).optional(),
  newBatchThreshold: z.number().int().min(0).optional(),
  maxDequeueCount: count.optional(),
  maxPollingInterval: z.union([timeSpan, z.number().min(0)]).optional(),
  visibilityTimeout: timeSpan.optional(),
  messageEncoding: z.enum(['none', 'base64']).optional(),
});

const schema = z.looseObject({
  version: z.literal('2.0'),
  functionTimeout: z.string().optional(),
  extensionBundle: anything.optional(),
  logging: z.looseObject({ logLevel: z.record(z.string(), level).optional() }).optional(),
  extensions: z
    .looseObject({
      http: z.looseObject({ routePrefix: z.string().optional() }).optional(),
      queues: queues.optional(),
      durableTask: durableTask.optional(),
    })
    .optional(),
});

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  '': ['version', 'functionTimeout', 'extensionBundle', 'logging', 'extensions', '$schema'],
  logging: ['logLevel', 'applicationInsights', 'fileLoggingMode', 'console'],
  extensions: ['http', 'queues', 'durableTask'],
  'extensions.http': [
    'routePrefix',
    'hsts',
    'customHeaders',
    'maxOutstandingRequests',
    'maxConcurrentRequests',
    'dynamicThrottlesEnabled',
  ],
  'extensions.queues': Object.keys(queues.shape),
  'extensions.durableTask': [...Object.keys(durableTask.shape), 'maxQueuePollingInterval', 'grpcEnabled'],
};

/** Settings that change what an app sees and that this host does not have: errors rather than warnings. */
const UNSUPPORTED: Readonly<Record<string, string>> = {
  'extensions.http.customHeaders': 'custom response headers are not added by this host',
  customHandler: 'custom handlers are not supported; this host runs Node apps',
  'extensions.durableTask.notifications': 'lifecycle notifications are not sent by this host',
};

/** Settings of the queue trigger; times in milliseconds. */
export interface QueueSettings {
  readonly batchSize: number;
  /** Undefined: half a batch per processor. */
  readonly newBatchThreshold: number | undefined;
  readonly maxDequeueCount: number;
  readonly maxPollingIntervalMs: number;
  readonly visibilityTimeoutMs: number;
  readonly messageEncoding: 'none' | 'base64';
}

/** Settings of the durable engine. */
interface DurableSettings {
  readonly hubName: string;
  readonly defaultVersion: string | null;
  readonly versionMatchStrategy: 'None' | 'Strict' | 'CurrentOrOlder';
  readonly versionFailureStrategy: 'Reject' | 'Fail';
  readonly maxConcurrentActivityFunctions: number;
  readonly maxConcurrentOrchestratorFunctions: number;
  readonly maxEntityOperationBatchSize: number;
  /** A start replaces an instance that has not ended (`overridableExistingInstanceStates`: AnyState). */
  readonly replaceRunning: boolean;
  /** Sleep between polls of `callHttp` when the answer does not say how long. */
  readonly httpPollMs: number;
}

/** host.json as the host uses it. */
export interface HostConfig {
  readonly routePrefix: string;
  /** Undefined: no limit (-1 in the file); 30 minutes when the file says nothing. */
  readonly functionTimeoutMs: number | undefined;
  readonly logLevels: Readonly<Record<string, LogLevel>>;
  readonly queues: QueueSettings;
  readonly durable: DurableSettings;
  /** Names of settings that have no effect here. */
  readonly warnings: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 30 * 60_000;

function inspect(value: unknown, place: string, warnings: string[]): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, child] of Object.entries(value)) {
    const full = place === '' ? name : `${place}.${name}`;
    const reason = UNSUPPORTED[full];
    if (reason !== undefined)
      throw new HostConfigError(`host.json: '${full}' is not supported: ${reason}. Remove it to run the app here.`);
    if (!(KNOWN[place] ?? []).includes(name))
      warnings.push(`host.json: '${full}' is unknown to this host and has no effect.`);
    else if (KNOWN[full]) inspect(child, full, warnings);
  }
}

function timeout(text: string | undefined): number | undefined {
  if (text === undefined) return DEFAULT_TIMEOUT_MS;
  if (text === '-1') return undefined;
  const ms = parseTimeSpan(text);
  if (ms === undefined || ms <= 0)
    throw new HostConfigError(`host.json: 'functionTimeout' is not a time span: ${text}`);
  return ms;
}

/** Validates the content of a host.json. Throws HostConfigError with every problem and its place. */
export function parseHostJson(content: unknown): HostConfig {
  const warnings: string[] = [];
  inspect(content, '', warnings);
  const result = schema.safeParse(content);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.message}`);
    throw new HostConfigError(`host.json is not valid:\n  ${problems.join('\n  ')}`);
  }
  const { extensions, logging, functionTimeout } = result.data;
  const queue = extensions?.queues ?? {};
  const durable = extensions?.durableTask ?? {};
  const maximumPolling = queue.maxPollingInterval;
  return {
    routePrefix: (extensions?.http?.routePrefix ?? 'api').replace(/^\/|\/$/g, ''),
    functionTimeoutMs: timeout(functionTimeout),
    logLevels: logging?.logLevel ?? {},
    queues: {
      batchSize: queue.batchSize ?? 16,
      newBatchThreshold: queue.newBatchThreshold,
      maxDequeueCount: queue.maxDequeueCount ?? 5,
      // The host of a development machine polls at least every two seconds (host-recordings/README.md, Queue).
      maxPollingIntervalMs: maximumPolling ?? 2000,
      visibilityTimeoutMs: queue.visibilityTimeout ?? 0,
      messageEncoding: queue.messageEncoding ?? 'base64',
    },
    durable: {
      hubName: durable.hubName ?? 'TestHubName',
      defaultVersion: durable.defaultVersion ?? null,
      versionMatchStrategy: durable.versionMatchStrategy ?? 'CurrentOrOlder',
      versionFailureStrategy: durable.versionFailureStrategy ?? 'Reject',
      maxConcurrentActivityFunctions: durable.maxConcurrentActivityFunctions ?? 20,
      maxConcurrentOrchestratorFunctions: durable.maxConcurrentOrchestratorFunctions ?? 20,
      maxEntityOperationBatchSize: durable.maxEntityOperationBatchSize ?? 5000,
      replaceRunning: durable.overridableExistingInstanceStates === 'AnyState',
      httpPollMs: durable.httpSettings?.defaultAsyncRequestSleepTimeMilliseconds ?? 30_000,
    },
    warnings,
  };
}

/** Reads the host.json of an app folder. Throws HostConfigError. */
export function readHostJson(folder: string): HostConfig {
  const file = path.join(folder, 'host.json');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new HostConfigError(
      `There is no readable host.json in ${folder}. Give the folder of a built Functions app.`,
      { cause: error },
    );
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new HostConfigError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return parseHostJson(content);
}
