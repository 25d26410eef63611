import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { AuthorizationManagementClient } from '@azure/arm-authorization';
import { ComputeManagementClient } from '@azure/arm-compute';
import { ManagedServiceIdentityClient } from '@azure/arm-msi';
import { NetworkManagementClient } from '@azure/arm-network';
import { ResourceManagementClient } from '@azure/arm-resources';
import { StorageManagementClient } from '@azure/arm-storage';
import { createDefaultHttpClient, type HttpClient, type PipelineRequest } from '@azure/core-rest-pipeline';
import { type Arm, type ArmOptions, createArm, SEED } from '#local/azure/azure.ts';
import type { Clock } from '#local/azure/clock.ts';
import type { BootedMachine, MachineHost } from '#local/azure/machines.ts';
import type { AzureReply, Principal, StorageDataPlane } from '#local/azure/service.ts';

/** A clock that moves only when told to; timers run in order. */
export function virtualClock(timeScale = 1): Clock & { advance(azureSeconds: number): void } {
  let now = Date.parse('2026-01-01T00:00:00Z');
  let timers: { at: number; run: () => void }[] = [];
  return {
    timeScale,
    now: () => now,
    after(azureSeconds, run) {
      const timer = { at: now + (azureSeconds * 1000) / timeScale, run };
      timers.push(timer);
      return { cancel: () => void (timers = timers.filter((item) => item !== timer)) };
    },
    advance(azureSeconds) {
      const end = now + (azureSeconds * 1000) / timeScale;
      for (;;) {
        const next = timers.filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
        if (next === undefined) break;
        timers = timers.filter((timer) => timer !== next);
        now = Math.max(now, next.at);
        next.run();
      }
      now = end;
    },
  };
}

export interface FakeStorage extends StorageDataPlane {
  readonly blobs: Map<string, ReturnType<StorageDataPlane['blob']>>;
  readonly containers: Map<string, 'None' | 'Blob' | 'Container'>;
}

export function fakeStorage(): FakeStorage {
  const containers = new Map<string, 'None' | 'Blob' | 'Container'>();
  const blobs = new Map<string, ReturnType<StorageDataPlane['blob']>>();
  return {
    blobs,
    containers,
    createContainer(account, container, access) {
      const created = !containers.has(`${account}/${container}`);
      containers.set(`${account}/${container}`, access);
      return created;
    },
    deleteContainer: (account, container) => containers.delete(`${account}/${container}`),
    listContainers: (account) =>
      [...containers]
        .filter(([key]) => key.startsWith(`${account}/`))
        .map(([key, publicAccess]) => ({
          name: key.slice(account.length + 1),
          publicAccess,
          lastModified: '2026-01-01T00:00:00Z',
          etag: '"0x1"',
        })),
    createDisk: () => undefined,
    deleteAccount(account) {
      for (const key of containers.keys()) if (key.startsWith(`${account}/`)) containers.delete(key);
    },
    blob: (account, container, blob) => blobs.get(`${account}/${container}/${blob}`),
  };
}

export interface FakeMachines extends MachineHost {
  readonly log: string[];
  readonly running: Map<string, BootedMachine>;
}

export function fakeMachines(): FakeMachines {
  const log: string[] = [];
  const running = new Map<string, BootedMachine>();
  return {
    log,
    running,
    start(machine, { resumed }) {
      log.push(`start ${machine.name}${resumed ? ' resumed' : ''}`);
      running.set(machine.id.toLowerCase(), machine);
    },
    stop(id, reason) {
      log.push(`stop ${id.split('/').at(-1)} ${reason}`);
      running.delete(id.toLowerCase());
    },
    serialConsole: (id) => `console of ${id.split('/').at(-1)}`,
    listeningPort: () => undefined,
  };
}

const app: Principal = {
  objectId: SEED.appPrincipalId,
  clientId: SEED.appClientId,
  tenantId: SEED.tenantId,
  audience: 'https://management.azure.com/',
  expiresAt: Number.MAX_SAFE_INTEGER,
};

/** `Bearer app` is the seeded identity; `Bearer <guid>` a principal with that object id. */
function verifyBearer(header: string | undefined): Principal | undefined {
  const token = /^Bearer (.+)$/u.exec(header ?? '')?.[1];
  if (token === undefined || token === 'expired') return undefined;
  return token === 'app' ? app : { ...app, objectId: token, clientId: token };
}

export interface ArmAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: any;
}

export interface Bench {
  readonly arm: Arm;
  readonly clock: ReturnType<typeof virtualClock>;
  readonly storage: FakeStorage;
  readonly machines: FakeMachines;
  readonly folder: string;
  call(method: string, url: string, body?: unknown, headers?: Record<string, string>): Promise<ArmAnswer>;
  /** Advances the clock until nothing is in flight. */
  settle(): void;
  /** Another process on the same state. */
  restart(): Bench;
  close(): void;
}

export function createBench(
  options: Partial<ArmOptions> & {
    folder?: string;
    clock?: ReturnType<typeof virtualClock>;
    storage?: FakeStorage;
  } = {},
): Bench {
  const folder = options.folder ?? mkdtempSync(path.join(tmpdir(), 'arm-'));
  const clock = options.clock ?? virtualClock();
  const storage = options.storage ?? fakeStorage();
  const machines = fakeMachines();
  const arm = createArm({ directory: folder, storage, machines, verifyBearer, ...options, clock });
  const call = async (
    method: string,
    url: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<ArmAnswer> => {
    const reply = await send(arm, method, url, body === undefined ? '' : JSON.stringify(body), {
      authorization: 'Bearer app',
      ...headers,
    });
    const text = reply.body?.toString() ?? '';
    return { status: reply.status, headers: reply.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
  return {
    arm,
    clock,
    storage,
    machines,
    folder,
    call,
    settle: () => clock.advance(3600),
    restart() {
      arm.close();
      return createBench({ ...options, folder, clock, storage });
    },
    close() {
      arm.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export async function send(
  arm: Arm,
  method: string,
  url: string,
  body: string,
  headers: Record<string, string>,
): Promise<AzureReply> {
  // Not resolved against a base: a scope in a path begins with a second slash, as the SDK sends it.
  const target = url.replace(/^https:\/\/management\.azure\.com/u, '');
  const [pathname = '', search = ''] = target.split(/\?(.*)/su);
  const parsed = { pathname, search: search === '' ? '' : `?${search}`, searchParams: new URLSearchParams(search) };
  return arm.handle({
    method,
    host: 'management.azure.com',
    path: parsed.pathname,
    query: parsed.searchParams,
    rawUrl: parsed.pathname + parsed.search,
    headers,
    body: Buffer.from(body),
  });
}

/** Serves ARM on a local port and gives out the real SDK clients, rerouted to it. */
export async function sdk(bench: Bench, token = 'app') {
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      void send(bench.arm, request.method ?? '', request.url ?? '', Buffer.concat(chunks).toString(), headers).then(
        (reply) => {
          if (reply.reset === 'before-answer') {
            request.socket.destroy();
            return;
          }
          response.writeHead(reply.status, reply.headers);
          response.end(reply.body);
        },
      );
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  const inner = createDefaultHttpClient();
  const requests: string[] = [];
  const httpClient: HttpClient = {
    async sendRequest(request: PipelineRequest) {
      requests.push(`${request.method} ${request.url}`);
      // Time passes while the client polls.
      bench.clock.advance(5);
      const rerouted = Object.assign(Object.create(Object.getPrototypeOf(request) as object), request, {
        url: request.url.replace('https://management.azure.com', `http://127.0.0.1:${port}`),
        allowInsecureConnection: true,
      }) as PipelineRequest;
      const response = await inner.sendRequest(rerouted);
      response.request = request;
      // Retry-After is in Azure seconds: the bench moves its clock itself.
      response.headers.delete('retry-after');
      return response;
    },
  };
  const credential = { getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 3_600_000 }) };
  const options = { httpClient, retryOptions: { maxRetries: 0 } };
  const id = SEED.subscriptionId;
  return {
    requests,
    network: new NetworkManagementClient(credential, id, options),
    compute: new ComputeManagementClient(credential, id, options),
    storage: new StorageManagementClient(credential, id, options),
    resources: new ResourceManagementClient(credential, id, options),
    identity: new ManagedServiceIdentityClient(credential, id, options),
    authorization: new AuthorizationManagementClient(credential, id, options),
    close: () =>
      new Promise<void>((done) => {
        server.closeAllConnections();
        server.close(() => done());
      }),
  };
}

export const fast = { updateIntervalInMs: 1 };
export const SUB = `/subscriptions/${SEED.subscriptionId}`;
export const PLATFORM = `${SUB}/resourceGroups/platform`;
export const NET = `${PLATFORM}/providers/Microsoft.Network`;
export const COMPUTE = `${PLATFORM}/providers/Microsoft.Compute`;
export const NETWORK_VERSION = 'api-version=2026-01-01';
export const COMPUTE_VERSION = 'api-version=2026-04-01';
