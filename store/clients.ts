import type { Config } from '#config/config.ts';
import type { TableClient } from '@azure/data-tables';
import type { BlobServiceClient } from '@azure/storage-blob';
import type { QueueServiceClient } from '@azure/storage-queue';

/** Clients of the app's own storage account. SDKs load on first use, one after the other. */
export interface StorageClients {
  table(name: string): Promise<TableClient>;
  blobs(): Promise<BlobServiceClient>;
  queues(): Promise<QueueServiceClient>;
}

/** Memoises an asynchronous construction; a failed one is tried again. */
function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let pending: Promise<Value> | undefined;
  return () => {
    pending ??= make().catch((error: unknown) => {
      pending = undefined;
      throw error;
    });
    return pending;
  };
}

/** Opens the storage account named by `AzureWebJobsStorage`: by connection string, or by identity. */
export function createStorageClients(storage: Config['storage']): StorageClients {
  const credential = once(async () => {
    const { DefaultAzureCredential } = await import('@azure/identity');
    const clientId = 'clientId' in storage ? storage.clientId : undefined;
    return new DefaultAzureCredential(clientId === undefined ? {} : { managedIdentityClientId: clientId });
  });
  const tables = new Map<string, () => Promise<TableClient>>();
  const openTable = async (name: string): Promise<TableClient> => {
    const sdk = await import('@azure/data-tables');
    const client =
      'connectionString' in storage
        ? sdk.TableClient.fromConnectionString(storage.connectionString, name, { allowInsecureConnection: true })
        : new sdk.TableClient(storage.tableUri, name, await credential());
    await client.createTable();
    return client;
  };
  return {
    table(name) {
      let open = tables.get(name);
      if (open === undefined) {
        open = once(() => openTable(name));
        tables.set(name, open);
      }
      return open();
    },
    blobs: once(async () => {
      const sdk = await import('@azure/storage-blob');
      return 'connectionString' in storage
        ? sdk.BlobServiceClient.fromConnectionString(storage.connectionString)
        : new sdk.BlobServiceClient(storage.blobUri, await credential());
    }),
    queues: once(async () => {
      const sdk = await import('@azure/storage-queue');
      return 'connectionString' in storage
        ? sdk.QueueServiceClient.fromConnectionString(storage.connectionString)
        : new sdk.QueueServiceClient(storage.queueUri, await credential());
    }),
  };
}
