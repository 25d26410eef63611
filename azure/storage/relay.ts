import type { ContainerClient } from '@azure/storage-blob';
import { relayContainerUrl } from '#domain/kubeadm/relay.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { Connection } from '../clients/clients.ts';
import { load } from '../clients/lazy.ts';
import type { RelayBlobs } from '../types.ts';
import { blobHttpClient } from './blob-http.ts';

/**
 * The container between Capstan and a cluster's control-plane machines, reached with Capstan's own identity: it needs the data
 * role on the account (Storage Blob Data Contributor), as with `authentication: entra`.
 *
 * @throws Error when the plan has no relay
 */
export function relayBlobs(connection: Connection, plan: ClusterPlan): RelayBlobs {
  const url = relayContainerUrl(plan);
  if (url === undefined) throw new Error(`${plan.name} has no relay: its API server is public`);
  let opened: Promise<ContainerClient> | undefined;
  const container = async (): Promise<ContainerClient> => {
    opened ??= open(connection, url);
    return opened;
  };
  return {
    async list(prefix) {
      const names: string[] = [];
      for await (const { name } of (await container()).listBlobsFlat({ prefix })) names.push(name);
      return names;
    },
    async put(name, text) {
      const bytes = Buffer.from(text, 'utf8');
      await (await container()).getBlockBlobClient(name).upload(bytes, bytes.length);
    },
    async get(name) {
      try {
        return (await (await container()).getBlobClient(name).downloadToBuffer()).toString('utf8');
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    },
    async delete(name) {
      await (await container()).getBlobClient(name).deleteIfExists();
    },
  };
}

async function open(connection: Connection, url: string): Promise<ContainerClient> {
  const { ContainerClient } = await load(() => import('@azure/storage-blob'));
  return new ContainerClient(url, await connection.credential(), {
    httpClient: await blobHttpClient(await connection.httpClient()),
    retryOptions: { maxTries: 1 },
  });
}

function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}
