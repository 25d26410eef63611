import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AzureReply, AzureRequest, StorageAccountView } from '#local/azure/service.ts';
import { composeSimulator, seededClientId, seededTenantId, type Simulator } from '#local/simulator/compose.ts';

const subscription = '/subscriptions/22222222-2222-4222-8222-222222222222';
export const appPrincipal = '44444444-4444-4444-8444-444444444444';

export function accountView(name: string, changes: Partial<StorageAccountView> = {}): StorageAccountView {
  return {
    id: `${subscription}/resourceGroups/platform/providers/Microsoft.Storage/storageAccounts/${name}`,
    name,
    location: 'westeurope',
    allowSharedKeyAccess: true,
    allowBlobPublicAccess: false,
    minimumTlsVersion: 'TLS1_2',
    callerReaches: true,
    sasExpirationAction: undefined,
    sasExpirationPeriod: undefined,
    keys: [Buffer.from(`CANARY-KEY-${name}`.padEnd(64, '.')).toString('base64')],
    ...changes,
  };
}

/** The simulated storage and vault behind the real gateway, with accounts and their key lists in memory. */
export class StorageSimulator {
  readonly accounts = new Map<string, StorageAccountView>();
  /** Accounts that ARM lists in the subscription. */
  readonly listed = new Set<string>();
  /** Answer of listKeys instead of the keys. */
  listKeysRefusal: { status: number; code: string } | undefined;
  listKeysCalls = 0;
  denied: (action: string, scope: string) => boolean = () => false;
  simulator!: Simulator;
  #directory = '';

  async start(): Promise<string> {
    this.#directory = mkdtempSync(join(tmpdir(), 'capstan-azure-'));
    this.simulator = await composeSimulator(
      { port: 0, dataDirectory: this.#directory, timeScale: 1000, throttle: false, seedImages: true },
      {
        createControlPlane: () => ({
          handle: async (request) => this.#arm(request),
          directory: {
            storageAccount: (name) => this.accounts.get(name),
            vault: (name) =>
              name === 'capstan-kv'
                ? {
                    id: `${subscription}/resourceGroups/platform-admin/providers/Microsoft.KeyVault/vaults/capstan-kv`,
                    location: 'westeurope',
                  }
                : undefined,
            identity: (query) =>
              query.clientId === seededClientId
                ? {
                    id: `${subscription}/resourceGroups/platform-admin/providers/Microsoft.ManagedIdentity/userAssignedIdentities/capstan-app`,
                    clientId: seededClientId,
                    principalId: appPrincipal,
                    tenantId: seededTenantId,
                  }
                : undefined,
            identities: () => [],
            machineIdentityIds: () => undefined,
            allowsDataAction: (_, action, scope) => !this.denied(action, scope),
            backendsOf: () => [],
          },
          control: {
            resources: () => [],
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
          listeningPort: () => undefined,
          clusters: () => [],
          close: () => undefined,
        }),
      },
    );
    process.env['IDENTITY_ENDPOINT'] = `${this.simulator.url}/msi/token`;
    process.env['IDENTITY_HEADER'] = 'x';
    return this.simulator.url;
  }

  /** Forgets accounts and refusals; the blobs stay. */
  reset(): void {
    this.accounts.clear();
    this.listed.clear();
    this.listKeysRefusal = undefined;
    this.listKeysCalls = 0;
    this.denied = () => false;
  }

  async stop(): Promise<void> {
    delete process.env['IDENTITY_ENDPOINT'];
    delete process.env['IDENTITY_HEADER'];
    await this.simulator.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  #arm(request: AzureRequest): AzureReply {
    const json = (status: number, body: unknown): AzureReply => ({
      status,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const keys = /storageAccounts\/([^/]+)\/listKeys$/i.exec(request.path);
    if (keys !== null) {
      this.listKeysCalls++;
      if (this.listKeysRefusal !== undefined) {
        return json(this.listKeysRefusal.status, { error: { code: this.listKeysRefusal.code, message: 'refused' } });
      }
      const view = this.accounts.get(keys[1] ?? '');
      return json(200, {
        keys: (view?.keys ?? []).map((value, index) => ({ keyName: `key${index + 1}`, permissions: 'Full', value })),
      });
    }
    if (/\/providers\/Microsoft.Storage\/storageAccounts$/i.test(request.path)) {
      const value = [...this.listed].map((name) => ({ id: this.accounts.get(name)?.id, name, location: 'westeurope' }));
      return json(200, { value });
    }
    return json(404, { error: { code: 'ResourceNotFound', message: request.path } });
  }
}
