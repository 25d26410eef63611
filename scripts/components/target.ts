import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import { digest } from './download.ts';

/** Where the manifests are kept: a folder, or the blob container `components`. */
export interface Target {
  readonly title: string;
  /** Undefined: not there. */
  read(name: string): Promise<Buffer | undefined>;
  write(name: string, content: Buffer): Promise<void>;
}

/** A folder; files are replaced in one step. */
export function folderTarget(folder: string): Target {
  return {
    title: folder,
    async read(name) {
      try {
        return await readFile(path.join(folder, name));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
    },
    async write(name, content) {
      await mkdir(folder, { recursive: true });
      await writeFile(path.join(folder, `${name}.part`), content);
      await rename(path.join(folder, `${name}.part`), path.join(folder, name));
    },
  };
}

/** The container `components` of the app's own storage account, named as the Functions host names it. */
export async function containerTarget(environment: Readonly<Record<string, string | undefined>>): Promise<Target> {
  const { BlobServiceClient } = await import('@azure/storage-blob');
  const connection = environment['AzureWebJobsStorage'] ?? '';
  const account = environment['AzureWebJobsStorage__accountName'] ?? '';
  const address =
    environment['AzureWebJobsStorage__blobServiceUri'] ??
    (account === '' ? '' : `https://${account}.blob.core.windows.net`);
  if (connection !== '') {
    return ofContainer(BlobServiceClient.fromConnectionString(connection).getContainerClient('components'));
  }
  if (address === '') {
    throw new Error(
      'no storage account: set AzureWebJobsStorage (a connection string) or AzureWebJobsStorage__accountName, or name a folder with --to',
    );
  }
  const { DefaultAzureCredential } = await import('@azure/identity');
  return ofContainer(new BlobServiceClient(address, new DefaultAzureCredential()).getContainerClient('components'));
}

function ofContainer(container: ContainerClient): Target {
  return {
    title: container.url.replace(/\?.*/, ''),
    async read(name) {
      try {
        return await container.getBlockBlobClient(name).downloadToBuffer();
      } catch (error) {
        if ((error as { statusCode?: number }).statusCode === 404) return undefined;
        throw error;
      }
    },
    async write(name, content) {
      await container.createIfNotExists();
      await container.getBlockBlobClient(name).uploadData(content, {
        metadata: { sha256: digest(content) },
        blobHTTPHeaders: { blobContentType: name.endsWith('.json') ? 'application/json' : 'application/yaml' },
      });
    },
  };
}
