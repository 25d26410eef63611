import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TokenCredential } from '@azure/core-auth';
import {
  createDefaultHttpClient,
  createHttpHeaders,
  type HttpClient,
  type PipelineRequest,
} from '@azure/core-rest-pipeline';
import { onTestFinished } from 'vitest';
import type {
  AzureDirectory,
  AzureReply,
  AzureRequest,
  IdentityView,
  StorageAccountView,
} from '#local/azure/service.ts';
import {
  composeSimulator,
  seededClientId,
  seededTenantId,
  type Simulator,
  type SimulatorOptions,
} from '#local/simulator/compose.ts';

export const appPrincipal = '44444444-4444-4444-8444-444444444444';
const vmPrincipal = '77777777-7777-4777-8777-777777777777';
export const vmId =
  '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform/providers/Microsoft.Compute/virtualMachines/cp-a';
export const vmIdentity: IdentityView = {
  id: '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform/providers/Microsoft.ManagedIdentity/userAssignedIdentities/cluster',
  clientId: '66666666-6666-4666-8666-666666666666',
  principalId: vmPrincipal,
  tenantId: seededTenantId,
};
const appIdentity: IdentityView = {
  id: '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform-admin/providers/Microsoft.ManagedIdentity/userAssignedIdentities/capstan-app',
  clientId: seededClientId,
  principalId: appPrincipal,
  tenantId: seededTenantId,
};

export const accountKey = (name: string): string =>
  Buffer.from(`${name}-key-of-the-test-account`.padEnd(64, '.')).toString('base64');

export function account(name: string, changes: Partial<StorageAccountView> = {}): StorageAccountView {
  return {
    id: `/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform/providers/Microsoft.Storage/storageAccounts/${name}`,
    name,
    location: 'westeurope',
    allowSharedKeyAccess: true,
    allowBlobPublicAccess: false,
    minimumTlsVersion: 'TLS1_2',
    callerReaches: true,
    sasExpirationAction: undefined,
    sasExpirationPeriod: undefined,
    keys: [accountKey(name)],
    ...changes,
  };
}

/** A directory in memory in the place of the control plane. */
export interface FakeAzure {
  readonly accounts: Map<string, StorageAccountView>;
  /** `principal|action prefix` grants that are left out. */
  denied: (objectId: string, action: string, scope: string) => boolean;
  backends: Map<string, { vmId: string; guestPort: number }[]>;
  listening: Map<string, number>;
}

export function fakeAzure(): FakeAzure {
  const accounts = ['srcacct', 'dstacct', 'corpimages0001'].map((name) => account(name));
  accounts.push(account('capstanimages', { allowBlobPublicAccess: true }));
  return {
    accounts: new Map(accounts.map((view) => [view.name, view])),
    denied: () => false,
    backends: new Map(),
    listening: new Map(),
  };
}

function directoryOf(fake: FakeAzure): AzureDirectory {
  return {
    storageAccount: (name) => fake.accounts.get(name),
    vault: (name) =>
      name === 'capstan-kv'
        ? {
            id: '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform-admin/providers/Microsoft.KeyVault/vaults/capstan-kv',
            location: 'westeurope',
          }
        : undefined,
    identity: (query) =>
      [appIdentity, vmIdentity].find(
        (view) => view.clientId === query.clientId || view.id.toLowerCase() === query.resourceId?.toLowerCase(),
      ),
    identities: () => [],
    machineIdentityIds: (id) => (id.toLowerCase() === vmId.toLowerCase() ? [vmIdentity.id] : undefined),
    allowsDataAction: (objectId, action, scope) => objectId === appPrincipal && !fake.denied(objectId, action, scope),
    backendsOf: (fqdn, port) => fake.backends.get(`${fqdn}:${port}`) ?? [],
  };
}

function armAnswer(request: AzureRequest): AzureReply {
  const body = JSON.stringify({ host: request.host, path: request.path, rawUrl: request.rawUrl });
  return { status: 200, headers: { 'content-type': 'application/json', 'x-ms-correlation-request-id': 'c-1' }, body };
}

export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'capstan-data-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** The real gateway and data planes with a control plane and a machine host in memory. */
export async function startSimulator(fake: FakeAzure, options: Partial<SimulatorOptions> = {}): Promise<Simulator> {
  const simulator = await composeSimulator(
    {
      port: 0,
      dataDirectory: options.dataDirectory ?? temporaryDirectory(),
      timeScale: 300,
      seedImages: false,
      ...options,
    },
    {
      createControlPlane: () => ({
        handle: async (request) => armAnswer(request),
        directory: directoryOf(fake),
        control: {
          resources: () => [{ id: vmId, type: 'Microsoft.Compute/virtualMachines' }],
          faults: { add: () => 1, list: () => [], clear: () => undefined },
          reset: () => undefined,
          unmodelled: () => [],
        },
        close: () => undefined,
      }),
      createMachines: () => ({
        start: () => undefined,
        stop: () => undefined,
        serialConsole: () => '',
        listeningPort: (id, port) => fake.listening.get(`${id}:${port}`),
        clusters: () => [],
        close: () => undefined,
      }),
    },
  );
  onTestFinished(() => simulator.close());
  return simulator;
}

/** Headers in the older interface that the storage client hands over and expects back. */
function oldHeaders(pairs: Record<string, string>) {
  const lower = new Map(Object.entries(pairs).map(([name, value]) => [name.toLowerCase(), value]));
  return {
    get: (name: string) => lower.get(name.toLowerCase()),
    contains: (name: string) => lower.has(name.toLowerCase()),
    set: (name: string, value: string) => lower.set(name.toLowerCase(), value),
    remove: (name: string) => lower.delete(name.toLowerCase()),
    rawHeaders: () => Object.fromEntries(lower),
    toJson: () => Object.fromEntries(lower),
    headersArray: () => [...lower].map(([name, value]) => ({ name, value })),
    headerNames: () => [...lower.keys()],
    headerValues: () => [...lower.values()],
  };
}

/** Sends requests for production URLs to the gateway, with the production name in the Host header. */
export function rerouted(simulator: { readonly url: string }): HttpClient {
  const inner = createDefaultHttpClient();
  return {
    async sendRequest(request: PipelineRequest) {
      const old = typeof request.headers.toJSON !== 'function';
      const headers = old ? (request.headers as any).rawHeaders() : request.headers.toJSON({ preserveCase: true });
      const url = new URL(request.url);
      const copy: PipelineRequest = Object.assign(Object.create(Object.getPrototypeOf(request)), request, {
        url: `${simulator.url}${url.pathname}${url.search}`,
        allowInsecureConnection: true,
        headers: createHttpHeaders({ ...headers, host: url.host }),
      });
      const response = await inner.sendRequest(copy);
      response.request = request;
      if (old) response.headers = oldHeaders(response.headers.toJSON()) as any;
      return response;
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A plain request to the gateway, with any Host header. */
export async function send(
  simulator: { readonly port: number },
  host: string,
  method: string,
  path: string,
  options: { headers?: Record<string, string>; body?: string | Buffer } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      { host: '127.0.0.1', port: simulator.port, method, path, headers: { host, ...options.headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}

/** A credential that fetches real tokens from the managed identity endpoint of the gateway. */
export function appCredential(simulator: { readonly port: number }): TokenCredential {
  return {
    async getToken(scopes) {
      const scope = (Array.isArray(scopes) ? scopes[0] : scopes) ?? '';
      const resource = encodeURIComponent(scope.replace(/\/\.default$/, ''));
      const answer = await send(
        simulator,
        `127.0.0.1:${simulator.port}`,
        'GET',
        `/msi/token?api-version=2019-08-01&resource=${resource}`,
        {
          headers: { 'x-identity-header': 'x' },
        },
      );
      const body = JSON.parse(answer.text);
      return { token: body.access_token, expiresOnTimestamp: Number(body.expires_on) * 1000 };
    },
  };
}
