import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { TableClient, TableServiceClient } from '@azure/data-tables';
import {
  BlobSASPermissions,
  BlobServiceClient,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { QueueServiceClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleDocument } from '../../support/sample-plan.ts';
import { type Stack, startStack } from '../../support/stack.ts';
import { askAzure, management, vault } from './azure-door.ts';
import { idOfAccount } from './harness.ts';

/** A SAS in a request, and the keys and tokens used for it, are found nowhere in what the app keeps, prints or answers. */
let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ settings: { CAPSTAN_SWEEP_GRACE_SECONDS: '2' } });
});
afterAll(() => stack.stop());

const small = { controlPlane: { replicas: 1 }, workerPools: [] };
const imageDone = (name: string) =>
  stack.until(name, (seen) => seen.status.steps.some((step) => step.id === 'image' && step.state === 'done'));

/** Every table, blob and queue of the app's own store, as one text. */
async function storeText(): Promise<string> {
  const parts: string[] = [];
  const insecure = { allowInsecureConnection: true };
  for await (const { name = '' } of TableServiceClient.fromConnectionString(
    stack.connectionString,
    insecure,
  ).listTables()) {
    const table = TableClient.fromConnectionString(stack.connectionString, name, insecure);
    for await (const row of table.listEntities()) parts.push(JSON.stringify(row));
  }
  const blobs = BlobServiceClient.fromConnectionString(stack.connectionString);
  for await (const { name } of blobs.listContainers()) {
    if (name === 'components') continue;
    const container = blobs.getContainerClient(name);
    for await (const blob of container.listBlobsFlat()) {
      // A poller may be gone before it is read.
      const bytes = await container
        .getBlobClient(blob.name)
        .downloadToBuffer()
        .catch(() => Buffer.alloc(0));
      parts.push(blob.name, bytes.toString('latin1'));
    }
  }
  const queues = QueueServiceClient.fromConnectionString(stack.connectionString);
  for await (const { name } of queues.listQueues()) {
    const { peekedMessageItems } = await queues.getQueueClient(name).peekMessages({ numberOfMessages: 32 });
    for (const { messageText } of peekedMessageItems)
      parts.push(messageText, Buffer.from(messageText, 'base64').toString('latin1'));
  }
  return parts.join('\n');
}

/** Everything the host wrote to its own folder: histories, statuses, inputs and outputs. */
function hostText(): string {
  const folder = path.join(stack.data, 'host');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name)).toString('latin1'))
    .join('\n');
}

describe('a SAS in a request', () => {
  it('is in no table, blob, queue, history, log, status, event or error, however the request came and ended', async () => {
    const names = ['by-queue', 'by-http', 'by-blob', 'refused-sas', 'broken'];
    await stack.post(
      sampleDocument(
        { ...small, image: { vhd: 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd' } },
        'first',
      ),
    );
    const { status } = await imageDone('first');
    const account =
      status.inventory
        .find(({ kind }) => kind === 'storageAccount')
        ?.id.split('/')
        .at(-1) ?? '';
    const { keys } = JSON.parse(
      (await askAzure(stack, management, 'POST', `${idOfAccount(account)}/listKeys?api-version=2026-09-01`)).text,
    ) as { keys: [{ value: string }] };
    const containerName = 'images';
    const blobName = await copiedBlob();
    const sas = generateBlobSASQueryParameters(
      {
        containerName,
        blobName,
        permissions: BlobSASPermissions.parse('r'),
        startsOn: new Date(Date.now() - 600_000),
        expiresOn: new Date(Date.now() + 3_600_000),
      },
      new StorageSharedKeyCredential(account, keys[0].value),
    ).toString();
    const url = `https://${account}.blob.core.windows.net/${containerName}/${blobName}?${sas}`;
    const document = (name: string, vhd = url, image: object = {}) =>
      sampleDocument({ ...small, image: { vhd, ...image } }, name);
    await stack.post(document('by-queue'));
    expect(
      (
        await stack.request(
          'PUT',
          '/api/clusters/by-http',
          JSON.stringify(document('by-http', url, { through: 'disk' })),
        )
      ).status,
    ).toBe(202);
    const text = JSON.stringify(document('by-blob'));
    const requests = BlobServiceClient.fromConnectionString(stack.connectionString).getContainerClient('requests');
    await requests.createIfNotExists();
    await requests.getBlockBlobClient('by-blob').upload(text, text.length);
    const clusterBlob = { name: 'by-blob', sha256: createHash('sha256').update(text).digest('hex') };
    const message = JSON.stringify({ schemaVersion: '1', operation: 'apply', requestId: 'blob-1', clusterBlob });
    await stack.send(message);
    await stack.post(document('refused-sas', url.replace(/sig=[^&]+/, 'sig=CANARYREFUSED%3D')));
    const broken = await stack.request('PUT', '/api/clusters/broken', `spec: { image: { vhd: *${url} } }`);
    expect(broken.status).toBe(400);
    const refused = await stack.settled('refused-sas');
    expect(refused.status.error?.code).toBe('CAP-3306');
    for (const name of ['by-queue', 'by-http', 'by-blob']) await imageDone(name);
    expect(await requests.getBlockBlobClient('by-blob').exists()).toBe(false);
    // The same message again, after its blob is gone, is the same request.
    await stack.send(message);
    const again = await stack.request('GET', '/api/requests/blob-1');
    expect(JSON.parse(again.text)).toMatchObject({ outcome: 'accepted' });

    const answers = [broken.text];
    for (const name of names)
      for (const route of ['', '/events?limit=1000', '/bundle'])
        answers.push((await stack.request('GET', `/api/clusters/${name}${route}`)).text);
    for (const { metadata, status: seen } of [await imageDone('by-queue'), refused])
      answers.push(metadata.name, (await stack.request('GET', `/api/operations/${seen.operation.id}`)).text);
    const everything = [await storeText(), hostText(), stack.output(), ...answers].join('\n');
    expect(everything).toContain(blobName);
    const signature = new URLSearchParams(sas).get('sig') ?? '';
    for (const secret of [signature, encodeURIComponent(signature), keys[0].value, 'CANARYREFUSED']) {
      expect(secret.length).toBeGreaterThan(10);
      expect(everything.includes(secret)).toBe(false);
      expect(everything.includes(Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(4, -4))).toBe(false);
    }
    expect(everything).not.toMatch(/[?&]sig=(?!redacted)|Bearer ey|eyJ[\w-]{20,}\.eyJ|SharedKey /);

    const kept = (uid: string) =>
      askAzure(stack, vault, 'GET', `/secrets/by-queue-${uid.slice(0, 8)}-image-source?api-version=7.5`);
    const { uid } = (await imageDone('by-queue')).metadata;
    expect((await kept(uid)).text).toContain(account);
    await stack.request('DELETE', '/api/clusters/by-queue');
    await stack.until('by-queue', (seen) => seen.status.phase === 'Deleted');
    expect((await kept(uid)).status).toBe(404);
  });
});

/** Name of the blob that the first cluster's image was copied to, from its stored plan. */
async function copiedBlob(): Promise<string> {
  return /"blob":"([^"]+\.vhd)"/.exec(await storeText())?.[1] ?? '';
}
