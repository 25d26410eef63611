/** `host.json`: what this host understands is read and validated, the rest is named (functions-host-protocol.md; Microsoft's host.json reference for version 2.x). */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { LogLevel } from '../core/protocol.ts';
import { LOG_LEVELS } from '../core/protocol.ts';
import { parseConfiguration } from './json-file.ts';
import { withOverrides } from './overrides.ts';

/** A host.json, or a setting, that the host cannot work with. */
export class HostConfigError extends Error {
  override readonly name = 'HostConfigError';
}

/** Days, hours, minutes, seconds and fraction of the notations of a TimeSpan. */
const SPANS = [
  /^(?<d>\d+)$/,
  /^(?<h>\d{1,2}):(?<m>\d{1,2})(?::(?<s>\d{1,2})(?:\.(?<f>\d{1,7}))?)?$/,
  /^(?<d>\d+)\.(?<h>\d{1,2}):(?<m>\d{1,2})(?::(?<s>\d{1,2})(?:\.(?<f>\d{1,7}))?)?$/,
  /^(?<d>\d+):(?<h>\d{1,2}):(?<m>\d{1,2}):(?<s>\d{1,2})(?:\.(?<f>\d{1,7}))?$/,
  // `24:00:00` is 24 days: hours end at 23 (Microsoft's timer trigger reference, TimeSpan).
  /^(?<d>\d+):(?<h>\d{1,2}):(?<m>\d{1,2})$/,
];

/** Milliseconds of a .NET TimeSpan text such as `hh:mm:ss[.fff]` or `d.hh:mm:ss`; a bare number means days. Undefined when it is none. */
export function parseTimeSpan(text: string): number | undefined {
  for (const form of SPANS) {
    const groups = form.exec(text.trim())?.groups;
    const [days = 0, hours = 0, minutes = 0, seconds = 0] = ['d', 'h', 'm', 's'].map((name) =>
      Number(groups?.[name] ?? 0),
    );
    if (groups && hours < 24 && minutes < 60 && seconds < 60)
      return Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds + Number(`0.${groups['f'] ?? 0}`)) * 1000);
  }
  return undefined;
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

const limit = z.union([z.literal(-1), count]);
const http = z.looseObject({
  routePrefix: z.string().optional(),
  customHeaders: z.record(z.string(), z.string()).optional(),
  maxOutstandingRequests: limit.optional(),
  maxConcurrentRequests: limit.optional(),
});

const schema = z.looseObject({
  version: z.literal('2.0'),
  functions: z.array(z.string()).optional(),
  functionTimeout: z.string().optional(),
  extensionBundle: anything.optional(),
  logging: z.looseObject({ logLevel: z.record(z.string(), level).optional() }).optional(),
  extensions: z
    .looseObject({
      http: http.optional(),
      queues: queues.optional(),
      durableTask: durableTask.optional(),
    })
    .optional(),
});

const KNOWN: Readonly<Record<string, readonly string[]>> = {
  '': ['version', 'functions', 'functionTimeout', 'extensionBundle', 'logging', 'extensions', '$schema'],
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
  /** Headers of every answer, unless the function sets them itself. */
  readonly customHeaders: Readonly<Record<string, string>>;
  /** Requests that may wait and run at the same time; -1 is no limit. */
  readonly limits: { readonly maxOutstandingRequests: number; readonly maxConcurrentRequests: number };
  /** The only functions to run, in lower case; undefined for all. */
  readonly functions: readonly string[] | undefined;
  /** Undefined: no limit (-1 in the file); 30 minutes when the file says nothing. */
  readonly functionTimeoutMs: number | undefined;
  readonly logLevels: Readonly<Record<string, LogLevel>>;
  readonly queues: QueueSettings;
  readonly durable: DurableSettings;
  /** Names of settings that have no effect here. */
  readonly warnings: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 30 * 60_000;

/** The content with known names in their own spelling: the real host does not look at upper and lower case there. */
function inKnownSpelling(value: unknown, place: string): unknown {
  const known = KNOWN[place];
  if (known === undefined || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([given, child]) => {
    const name = known.find((item) => item.toLowerCase() === given.toLowerCase()) ?? given;
    return [name, inKnownSpelling(child, place === '' ? name : `${place}.${name}`)] as const;
  });
  return Object.fromEntries(entries);
}

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
export function parseHostJson(given: unknown): HostConfig {
  const warnings: string[] = [];
  const content = inKnownSpelling(given, '');
  inspect(content, '', warnings);
  const result = schema.safeParse(content);
  if (!result.success) {
    const problems = result.error.issues.map((issue) => `${issue.path.join('.') || '(root)'}: ${issue.message}`);
    throw new HostConfigError(`host.json is not valid:\n  ${problems.join('\n  ')}`);
  }
  const { extensions, logging, functionTimeout, functions } = result.data;
  const queue = extensions?.queues ?? {};
  const durable = extensions?.durableTask ?? {};
  const maximumPolling = queue.maxPollingInterval;
  return {
    routePrefix: (extensions?.http?.routePrefix ?? 'api').replace(/^\/|\/$/g, ''),
    customHeaders: extensions?.http?.customHeaders ?? {},
    limits: {
      maxOutstandingRequests: extensions?.http?.maxOutstandingRequests ?? -1,
      maxConcurrentRequests: extensions?.http?.maxConcurrentRequests ?? -1,
    },
    functions: functions?.map((name) => name.toLowerCase()),
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

/** Reads the host.json of an app folder; settings of the environment come first. Throws HostConfigError. */
export function readHostJson(folder: string, environment: NodeJS.ProcessEnv): HostConfig {
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
    content = parseConfiguration(text);
  } catch (error) {
    throw new HostConfigError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  return parseHostJson(withOverrides(content, environment));
}
