import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BlobServiceClient } from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import type { CapstanError } from '#domain/errors/error.ts';
import type { DeletionReport } from '#domain/plan/deletion.ts';
import type { NodeRecord, Phase, StepRecord } from '#domain/record.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { type Azurite, freePorts, startAzurite } from './azurite.ts';

/** The whole local stack for flow tests: Azurite, simulator and host as processes, the built app, free ports. */
const root = path.resolve(import.meta.dirname, '../..');

export interface ClusterStatus {
  readonly metadata: { readonly name: string; readonly uid: string };
  readonly status: {
    readonly phase: Phase;
    readonly generation: number;
    readonly observedGeneration: number;
    readonly error?: CapstanError;
    readonly operation: { readonly id: string; readonly state: string };
    readonly steps: readonly (StepRecord & { readonly title: string })[];
    readonly nodes: readonly NodeRecord[];
    readonly inventory: readonly {
      readonly id: string;
      readonly kind: string;
      readonly owned: boolean;
      readonly state: string;
    }[];
    readonly endpoints: { readonly api?: string };
    readonly deletion?: DeletionReport;
  };
}

export interface SimulatedRequest {
  readonly seq: number;
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly code?: string;
  readonly caller?: string;
}

export interface Stack {
  readonly appUrl: string;
  readonly gatewayUrl: string;
  readonly connectionString: string;
  readonly data: string;
  /** Sends raw text to the queue `cluster-requests`. */
  send(text: string): Promise<void>;
  /** Posts an apply to the queue. */
  post(document: ClusterDocument | object, requestId?: string): Promise<string>;
  request(
    method: string,
    route: string,
    body?: string,
    headers?: Record<string, string>,
  ): Promise<{ status: number; headers: Headers; text: string }>;
  status(name: string): Promise<ClusterStatus | undefined>;
  /** Waits until the cluster's operation has ended; fails with the whole story when it takes too long. */
  settled(name: string, milliseconds?: number, pollMs?: number): Promise<ClusterStatus>;
  /** Waits until a condition on the status holds; asks every `pollMs` (150). */
  until(
    name: string,
    holds: (status: ClusterStatus) => boolean,
    milliseconds?: number,
    pollMs?: number,
  ): Promise<ClusterStatus>;
  events(name: string): Promise<{ readonly type: string; readonly sentence: string; readonly error?: CapstanError }[]>;
  resources(): Promise<
    { readonly id: string; readonly type: string; readonly tags?: Record<string, string>; readonly zones?: string[] }[]
  >;
  /** What the simulated Azure was asked after this sequence number; it remembers the newest 20,000 requests. */
  requests(after?: number): Promise<readonly SimulatedRequest[]>;
  fault(order: object): Promise<void>;
  /** One call to the simulated Azure Resource Manager, as an operator with `az` would make it. @returns the status */
  arm(method: string, id: string): Promise<number>;
  /** Takes every fault rule back. */
  noFaults(): Promise<void>;
  unmodelled(): Promise<readonly unknown[]>;
  killHost(): Promise<void>;
  /** Starts the host again; `settings` replace those it had. */
  startHost(settings?: Record<string, string>): Promise<void>;
  /** Process ids, for measurements. */
  readonly processes: { readonly host: number; readonly simulator: number; readonly azurite: number };
  /** Everything the host and the simulator printed. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts the stack. `scale`: how much faster than Azure. */
export async function startStack(options: { scale?: number; settings?: Record<string, string> } = {}): Promise<Stack> {
  const data = mkdtempSync(path.join(tmpdir(), 'capstan-flow-'));
  const scale = String(options.scale ?? 300);
  const [appPort = 0, gatewayPort = 0] = await freePorts(2);
  let output = '';
  const run = async (
    name: string,
    args: readonly string[],
    environment: Record<string, string>,
    ready: RegExp,
  ): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
      cwd: root,
      env: { ...cleanEnvironment(), ...environment },
    });
    let own = '';
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${name} does not start:\n${own}`)), 30_000);
      const hear = (chunk: Buffer) => {
        own += chunk.toString();
        output += chunk.toString();
        if (ready.test(own)) {
          clearTimeout(timer);
          resolve();
        }
      };
      child.stdout.on('data', hear);
      child.stderr.on('data', hear);
      child.once('exit', (code) => reject(new Error(`${name} ended with ${code}:\n${own}`)));
    });
    return child;
  };
  const azurite: Azurite = await startAzurite();
  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`;
  const appUrl = `http://127.0.0.1:${appPort}`;
  const settings = {
    AzureWebJobsStorage: azurite.connectionString,
    CAPSTAN_AZURE_GATEWAY: gatewayUrl,
    CAPSTAN_OUTBOUND_ADDRESSES: '203.0.113.10',
    CAPSTAN_KEY_VAULT_URI: 'https://capstan-kv.vault.azure.net',
    CAPSTAN_TIME_SCALE: scale,
    CAPSTAN_SWEEP_SCHEDULE: '*/5 * * * * *',
    IDENTITY_ENDPOINT: `${gatewayUrl}/msi/token`,
    IDENTITY_HEADER: 'local',
    AZURE_CLIENT_ID: '33333333-3333-4333-8333-333333333333',
    ...options.settings,
  };
  const simulatorArgs = [
    path.join(root, 'dist/local/simulator.js'),
    '--port',
    String(gatewayPort),
    '--data',
    path.join(data, 'simulator'),
    '--time-scale',
    scale,
  ];
  const hostArgs = [
    path.join(root, 'dist/local/host.js'),
    path.join(root, 'dist/app'),
    '--in-process',
    '--port',
    String(appPort),
    '--data',
    path.join(data, 'host'),
  ];
  const startHost = async (changed: Record<string, string> = {}) =>
    run('host', hostArgs, { ...settings, ...changed }, /listening on/);
  const simulator = await run('simulator', simulatorArgs, {}, /listening on/);
  await uploadComponents(azurite.connectionString);
  let host = await startHost();
  const stopChild = async (child: ChildProcess, signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await gone;
  };
  const request: Stack['request'] = async (method, route, body, headers) => {
    const response = await fetch(`${appUrl}${route}`, {
      method,
      ...(body === undefined ? {} : { body }),
      ...(headers === undefined ? {} : { headers }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  const status: Stack['status'] = async (name) => {
    const answer = await request('GET', `/api/clusters/${name}`).catch(() => undefined);
    return answer?.status === 200 ? (JSON.parse(answer.text) as ClusterStatus) : undefined;
  };
  const until: Stack['until'] = async (name, holds, milliseconds = 100_000, pollMs = 150) => {
    const deadline = Date.now() + milliseconds;
    let last: ClusterStatus | undefined;
    for (;;) {
      const seen = await status(name);
      last = seen ?? last;
      if (seen !== undefined && holds(seen)) return seen;
      if (Date.now() > deadline)
        throw new Error(`cluster ${name} did not get there:\n${story(last)}\n${output.slice(-4000)}`);
      await new Promise((resolve) => {
        setTimeout(resolve, pollMs);
      });
    }
  };
  const door = async (route: string): Promise<unknown> => (await fetch(`${gatewayUrl}/_simulator/${route}`)).json();
  const send: Stack['send'] = async (text) => {
    const queue = QueueServiceClient.fromConnectionString(azurite.connectionString).getQueueClient('cluster-requests');
    await queue.createIfNotExists();
    await queue.sendMessage(text);
  };
  return {
    appUrl,
    gatewayUrl,
    connectionString: azurite.connectionString,
    data,
    send,
    async post(document, requestId = `r-${Math.random().toString(36).slice(2)}`) {
      await send(JSON.stringify({ schemaVersion: '1', operation: 'apply', requestId, cluster: document }));
      return requestId;
    },
    request,
    status,
    until,
    settled: async (name, milliseconds, pollMs) =>
      until(name, (seen) => seen.status.operation.state === 'finished', milliseconds, pollMs),
    async events(name) {
      return (JSON.parse((await request('GET', `/api/clusters/${name}/events?limit=1000`)).text) as { events: [] })
        .events;
    },
    resources: async () => (await door('resources')) as [],
    requests: async (after = 0) => {
      const answer = await door(`requests?after=${after}`);
      return (
        Array.isArray(answer) ? answer : (answer as { requests: SimulatedRequest[] }).requests
      ) as SimulatedRequest[];
    },
    async fault(order) {
      const answer = await fetch(`${gatewayUrl}/_simulator/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(order),
      });
      if (!answer.ok) throw new Error(`the simulator refuses the order: ${await answer.text()}`);
    },
    async arm(method, id) {
      const query = 'api-version=2019-08-01&resource=https%3A%2F%2Fmanagement.azure.com%2F';
      const client = 'client_id=33333333-3333-4333-8333-333333333333';
      const token = await fetch(`${gatewayUrl}/msi/token?${query}&${client}`, {
        headers: { 'x-identity-header': 'local' },
      });
      const { access_token: bearer } = (await token.json()) as { access_token: string };
      const headers = { host: 'management.azure.com', authorization: `Bearer ${bearer}`, 'content-length': '0' };
      return new Promise((resolve, reject) => {
        httpRequest(`${gatewayUrl}${id}?api-version=2024-07-01`, { method, headers }, (answer) => {
          answer.resume();
          answer.once('end', () => resolve(answer.statusCode ?? 0));
        })
          .once('error', reject)
          .end();
      });
    },
    async noFaults() {
      await fetch(`${gatewayUrl}/_simulator/faults`, { method: 'DELETE' });
    },
    unmodelled: async () => (await door('unmodelled')) as [],
    killHost: async () => stopChild(host, 'SIGKILL'),
    async startHost(changed) {
      host = await startHost(changed);
    },
    get processes() {
      return { host: host.pid ?? 0, simulator: simulator.pid ?? 0, azurite: azurite.pid };
    },
    output: () => output,
    async stop() {
      await Promise.all([stopChild(host, 'SIGKILL'), stopChild(simulator, 'SIGKILL'), azurite.stop()]);
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** The story of a cluster in one text, for a failing test. */
export function story(seen: ClusterStatus | undefined): string {
  if (seen === undefined) return 'no status at all';
  const steps = seen.status.steps.map(
    (step) =>
      `  ${step.state.padEnd(8)} ${step.id}: ${step.error === undefined ? (step.sentence ?? '') : `${step.error.code} ${step.error.message} · ${step.error.cause ?? ''}`}`,
  );
  return [`phase ${seen.status.phase}, ${seen.status.nodes.length} nodes`, ...steps].join('\n');
}

/** Settings of this process that would reach the app. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !/^(CAPSTAN_|AzureWebJobs|IDENTITY_|AZURE_|VITEST|NODE_OPTIONS)/.test(name),
    ),
  );
}

async function uploadComponents(connectionString: string): Promise<void> {
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('components');
  await container.createIfNotExists();
  const folder = path.join(root, 'local/components');
  for (const name of readdirSync(folder)) {
    const bytes = readFileSync(path.join(folder, name));
    await container.getBlockBlobClient(name).upload(bytes, bytes.length);
  }
}
