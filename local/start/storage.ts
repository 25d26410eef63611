import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ApplyMessage } from './request.ts';

/** Resolves when something accepts connections on the port of 127.0.0.1. */
export async function portAnswers(port: number, signal: AbortSignal): Promise<void> {
  while (!(await accepts(port))) await sleep(50, undefined, { signal });
}

async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (answer: boolean) => () => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', settle(true)).once('error', settle(false)).setTimeout(2000, settle(false));
  });
}

/** Puts one message on the queue `cluster-requests`, as plain text; what it needs is made when it is missing. */
export async function postRequest(connectionString: string, message: ApplyMessage): Promise<void> {
  if (message.blob !== undefined) {
    const { BlobServiceClient } = await import('@azure/storage-blob');
    const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('requests');
    await container.createIfNotExists();
    await container.getBlockBlobClient(message.blob.name).uploadData(Buffer.from(message.blob.content));
  }
  const { QueueServiceClient } = await import('@azure/storage-queue');
  const queue = QueueServiceClient.fromConnectionString(connectionString).getQueueClient('cluster-requests');
  await queue.createIfNotExists();
  await queue.sendMessage(message.text);
}

/**
 * Brings the component manifests (Cluster API, CAPZ, cert-manager, …) into the container `components`. Files that are
 * there already, by SHA-256 in the blob's metadata, are left alone; `index.json` goes last because it names the others.
 *
 * @returns how many files were written
 */
export async function uploadComponents(connectionString: string, folder: string): Promise<number> {
  if (!existsSync(folder)) throw new Error(`the component manifests are missing: ${folder}`);
  const { BlobServiceClient } = await import('@azure/storage-blob');
  const container = BlobServiceClient.fromConnectionString(connectionString).getContainerClient('components');
  await container.createIfNotExists();
  const known = new Map<string, string | undefined>();
  for await (const blob of container.listBlobsFlat({ includeMetadata: true })) {
    known.set(blob.name, blob.metadata?.['sha256']);
  }
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const names = files.map((file) => path.relative(folder, file).split(path.sep).join('/'));
  const ordered = names.sort((a, b) => Number(a === 'index.json') - Number(b === 'index.json') || a.localeCompare(b));
  let written = 0;
  for (const name of ordered) {
    const content = await readFile(path.join(folder, name));
    const sha256 = createHash('sha256').update(content).digest('hex');
    if (known.get(name) === sha256) continue;
    await container.getBlockBlobClient(name).uploadData(content, {
      metadata: { sha256 },
      blobHTTPHeaders: { blobContentType: name.endsWith('.json') ? 'application/json' : 'application/yaml' },
    });
    written += 1;
  }
  return written;
}
