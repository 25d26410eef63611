import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BlobSASPermissions, generateBlobSASQueryParameters, StorageSharedKeyCredential } from '@azure/storage-blob';
import { createAzure, type Azure } from '#azure/index.ts';
import { createArm } from '#local/azure/azure.ts';
import { seededImages, seedStorage, type SeededImage } from '#local/azure/storage/seed.ts';
import { composeSimulator, seededClientId, type Simulator } from '#local/simulator/compose.ts';

export const subscription = '/subscriptions/22222222-2222-4222-8222-222222222222';
export const appPrincipal = '44444444-4444-4444-8444-444444444444';
export const dataRoles = {
  owner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  contributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe',
  reader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1',
} as const;

/** Azure seconds per second. */
export const timeScale = 2000;

/** A small private image in the user's own account. */
export const privateImage: SeededImage = {
  account: 'corpimages0001',
  container: 'images',
  name: 'private-v1.33.4.vhd',
  diskSize: 1024 ** 3,
  dataSize: 2 * 1024 ** 2,
  fragments: 8,
  metadata: { kubernetesversion: 'v1.33.4' },
};

export const idOfAccount = (name: string) =>
  `${subscription}/resourceGroups/platform/providers/Microsoft.Storage/storageAccounts/${name}`;

/** The simulated storage and Resource Manager in this process, with machines that do nothing. */
export class StorageWorld {
  simulator!: Simulator;
  #directory = '';
  #token = '';

  async start(
    options: { throttle?: boolean; timeScale?: number; images?: readonly SeededImage[] } = {},
  ): Promise<void> {
    this.#directory = mkdtempSync(join(tmpdir(), 'capstan-storage-'));
    this.simulator = await composeSimulator(
      {
        port: 0,
        dataDirectory: this.#directory,
        timeScale: options.timeScale ?? timeScale,
        throttle: options.throttle ?? false,
        seedImages: false,
      },
      {
        createControlPlane: (arm) => createArm(arm),
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
    seedStorage(this.simulator.storage.state, options.images ?? [...seededImages.slice(1), privateImage]);
    process.env['IDENTITY_ENDPOINT'] = `${this.simulator.url}/msi/token`;
    process.env['IDENTITY_HEADER'] = 'x';
  }

  async stop(): Promise<void> {
    delete process.env['IDENTITY_ENDPOINT'];
    delete process.env['IDENTITY_HEADER'];
    await this.simulator.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  azure(): Azure {
    return createAzure({
      environment: 'public',
      gatewayUrl: this.simulator.url,
      managedIdentityClientId: seededClientId,
    });
  }

  /** One request to Azure Resource Manager as the user's administrator; follows Location until it is done. */
  async arm(method: string, path: string, body?: unknown): Promise<any> {
    this.#token ||= await this.#signIn();
    let answer = await this.#send(method, path, body);
    for (let tries = 0; answer.status === 202 && tries < 200; tries++) {
      await pause(10);
      const next = new URL(answer.location ?? '');
      answer = await this.#send('GET', `${next.pathname}${next.search}`, undefined);
    }
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.text === '' ? undefined : JSON.parse(answer.text);
  }

  /** Posts to the door for faults and settings. */
  async fault(document: unknown): Promise<void> {
    const answer = await fetch(`${this.simulator.url}/_simulator/faults`, {
      method: 'POST',
      body: JSON.stringify(document),
    });
    if (!answer.ok) throw new Error(await answer.text());
  }

  createAccount(name: string, properties: object = {}): Promise<unknown> {
    return this.arm('PUT', `${idOfAccount(name)}?api-version=2026-09-01`, {
      location: 'westeurope',
      kind: 'StorageV2',
      sku: { name: 'Standard_LRS' },
      properties,
    });
  }

  patchAccount(name: string, properties: object): Promise<unknown> {
    return this.arm('PATCH', `${idOfAccount(name)}?api-version=2026-09-01`, { properties });
  }

  createContainer(account: string, name: string): Promise<unknown> {
    const path = `${idOfAccount(account)}/blobServices/default/containers/${name}`;
    return this.arm('PUT', `${path}?api-version=2026-09-01`, { properties: {} });
  }

  assignRole(scope: string, role: string): Promise<unknown> {
    return this.arm(
      'PUT',
      `${scope}/providers/Microsoft.Authorization/roleAssignments/${randomUUID()}?api-version=2022-04-01`,
      {
        properties: {
          principalId: appPrincipal,
          principalType: 'ServicePrincipal',
          roleDefinitionId: `${subscription}/providers/Microsoft.Authorization/roleDefinitions/${role}`,
        },
      },
    );
  }

  /** Takes a role away from the app's identity at exactly this scope. */
  async removeRole(scope: string, role: string): Promise<void> {
    const path = `${subscription}/providers/Microsoft.Authorization/roleAssignments`;
    const { value } = await this.arm('GET', `${path}?api-version=2022-04-01`);
    for (const { id, properties } of value) {
      const ours = properties.principalId === appPrincipal && properties.roleDefinitionId.endsWith(role);
      if (ours && properties.scope.toLowerCase() === scope.toLowerCase())
        await this.arm('DELETE', `${id}?api-version=2022-04-01`);
    }
  }

  lock(scope: string): Promise<unknown> {
    const path = `${scope}/providers/Microsoft.Authorization/locks/frozen`;
    return this.arm('PUT', `${path}?api-version=2020-05-01`, { properties: { level: 'ReadOnly' } });
  }

  async keyOf(account: string): Promise<string> {
    const { keys } = await this.arm('POST', `${idOfAccountOf(account)}/listKeys?api-version=2026-09-01`);
    return keys[0].value;
  }

  /** A service SAS for reading one blob, as its owner would hand it out. */
  async sasOf(account: string, containerName: string, blobName: string): Promise<string> {
    const sas = generateBlobSASQueryParameters(
      {
        containerName,
        blobName,
        permissions: BlobSASPermissions.parse('r'),
        startsOn: new Date(Date.now() - 60_000),
        expiresOn: new Date(Date.now() + 3_600_000),
      },
      new StorageSharedKeyCredential(account, await this.keyOf(account)),
    );
    return sas.toString();
  }

  /** Hash over the ranges of a blob and the bytes in them; undefined when there is no such blob. */
  fingerprint(account: string, container: string, name: string): string | undefined {
    const { blobs, pages } = this.simulator.storage.state;
    const record = blobs.find({ account, container, name });
    if (record === undefined) return undefined;
    const hash = createHash('sha256').update(String(record.size));
    for (const range of pages.ranges(record.id, { start: 0, end: record.size })) {
      hash.update(`${range.start}-${range.end}`).update(pages.read(record.id, range));
    }
    return hash.digest('hex');
  }

  async #signIn(): Promise<string> {
    const query = 'resource=https%3A%2F%2Fmanagement.azure.com%2F&api-version=2019-08-01';
    const answer = await fetch(`${this.simulator.url}/msi/token?${query}`, { headers: { 'x-identity-header': 'x' } });
    return ((await answer.json()) as { access_token: string }).access_token;
  }

  #send(
    method: string,
    path: string,
    body: unknown,
  ): Promise<{ status: number; text: string; location: string | undefined }> {
    return new Promise((resolve, reject) => {
      const headers = {
        host: 'management.azure.com',
        authorization: `Bearer ${this.#token}`,
        'content-type': 'application/json',
      };
      const request = httpRequest(`${this.simulator.url}${path}`, { method, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, text, location: response.headers.location }),
        );
      });
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}

function idOfAccountOf(account: string): string {
  return account === 'corpimages0001' ? idOfAccount(account).replace('/platform/', '/storage/') : idOfAccount(account);
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
