import type { Outcome } from '#domain/outcome.ts';
import type { AzureFacts } from '#domain/plan/types.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { transportFailure } from '../errors/failure.ts';
import { halt, haltOn, need, untilHalted } from '../halt.ts';
import { signedSource } from '../storage/signed-source.ts';
import type { SecretVault } from '../types.ts';
import { readImageSource } from './image-source.ts';
import { readSkus, type SkuCatalogue } from './skus.ts';
import { readStaticNetwork } from './static-network.ts';
import { chooseAccount } from './storage-name.ts';

/** Group, sizes, network, and account of an ordinary cluster. */
const usualReads = 8;

/** Reads what the plan needs from Azure. Nothing is written; the first problem that rules a plan out ends it. */
export function readFacts(
  connection: Connection,
  secrets: Pick<SecretVault, 'get'>,
  document: ClusterDocument,
  uid: string,
): Promise<Outcome<{ readonly facts: AzureFacts }>> {
  const { azure, image } = document.spec;
  const cluster = { name: document.metadata.name, uid };
  const sequence = async (): Promise<{ readonly facts: AzureFacts }> => {
    const clients = connection.clients(azure.subscriptionId);
    const resourceGroupLocation = await readGroup(connection, document);
    const tenantId = await readTenant(connection);
    const skus = await readSkus(clients, azure.location, false);
    if (skus.sizes.size === 0) {
      halt(
        capstanError('CAP-2018', `The region ${azure.location} offers no virtual machines.`, {
          where: 'spec.azure.location',
        }),
      );
    }
    const staticNetwork = await readStaticNetwork(clients, document);
    const account =
      image.vhd === undefined
        ? { storageAccountName: '', storageAccountExists: false }
        : await chooseAccount(clients, document);
    const imageSource =
      image.vhd === undefined
        ? undefined
        : await readImageSource(connection, await signedSource(secrets, cluster, image), azure.subscriptionId);
    const facts: AzureFacts = {
      tenantId,
      resourceGroupLocation,
      regionZones: skus.zones,
      vmSizes: sizesOf(document, skus),
      ...account,
      ...(staticNetwork === undefined ? {} : { staticNetwork }),
      ...(connection.settings.network === undefined ? {} : { capstanNetwork: connection.settings.network }),
      ...(imageSource === undefined ? {} : { imageSource }),
    };
    return { facts };
  };
  return untilHalted(() => connection.withReads(azure.subscriptionId, usualReads, sequence));
}

async function readGroup(connection: Connection, document: ClusterDocument): Promise<string> {
  const { subscriptionId, resourceGroup } = document.spec.azure;
  const where = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;
  const { resourceGroups } = await connection.clients(subscriptionId).resources();
  const read = await call(() => resourceGroups.get(resourceGroup));
  if (!read.ok) {
    const { status, code } = read.failure;
    if (code === 'SubscriptionNotFound' || code === 'InvalidSubscriptionId') {
      halt(
        capstanError('CAP-2002', `The subscription ${subscriptionId} cannot be read.`, {
          where,
          cause: `${status ?? ''} ${code}`,
        }),
      );
    }
    if (status === 404) {
      halt(
        capstanError(
          'CAP-2001',
          `The resource group ${resourceGroup} does not exist in subscription ${subscriptionId}.`,
          {
            where,
            remedy: `Create it (az group create --name ${resourceGroup} --location ${document.spec.azure.location}) or name an existing group.`,
          },
        ),
      );
    }
  }
  return need(read, where, 'read the resource group').location;
}

/** Tenant of the identity Capstan acts as, from the `tid` claim of its token. */
async function readTenant(connection: Connection): Promise<string> {
  const credential = await connection.credential();
  const answer = await call(async () => {
    const token = await credential.getToken(`${connection.cloud.resourceManager}/.default`);
    return tenantOf(token?.token ?? '');
  });
  const tenant = need(answer, 'Microsoft Entra ID', 'sign in');
  return (
    tenant ??
    haltOn(
      transportFailure(Object.assign(new Error('the token names no tenant'), { name: 'AuthenticationError' })),
      'Microsoft Entra ID',
      'sign in',
    )
  );
}

/** The `tid` claim of a JWT; undefined when the text is none. */
export function tenantOf(token: string): string | undefined {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
    if (typeof claims === 'object' && claims !== null && 'tid' in claims && typeof claims.tid === 'string')
      return claims.tid;
  } catch {
    return undefined;
  }
  return undefined;
}

function sizesOf(document: ClusterDocument, skus: SkuCatalogue): AzureFacts['vmSizes'] {
  const { controlPlane, workerPools } = document.spec;
  const names = new Set([controlPlane.vmSize, ...workerPools.map((pool) => pool.vmSize)]);
  const unknown = { family: '', cores: 0, memoryGiB: 0, zones: [], unavailable: 'not offered in this region' };
  return Object.fromEntries([...names].map((name) => [name, skus.sizes.get(name.toLowerCase()) ?? unknown]));
}
