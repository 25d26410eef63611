import { done, failed, type Outcome } from '#domain/outcome.ts';
import type { AzureFacts, Shares } from '#domain/plan/types.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { call } from '../clients/capture.ts';
import type { Clients, Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { transportFailure } from '../errors/failure.ts';
import { Halt, halt, haltOn, need, untilHalted } from '../halt.ts';
import { passed, refused } from '../preflight/rows.ts';
import { signedSource } from '../storage/signed-source.ts';
import type { PreflightCheck, SecretVault, Survey } from '../types.ts';
import { readImageSource } from './image-source.ts';
import { readSkus, type SkuCatalogue } from './skus.ts';
import { readStaticNetwork } from './static-network.ts';
import { chooseSet } from './storage-name.ts';

/** Group, sizes, network, account and image of an ordinary cluster. */
const usualReads = 9;

/** Titles of the rows that a survey gives. */
const titles = {
  resourceGroup: 'Resource group',
  region: 'Region',
  ownNetwork: 'Network of yours',
  storageAccount: 'Storage account',
  imageSource: 'Image source',
} as const;

/**
 * Reads what the plan needs from Azure. Nothing is written. A part that cannot be read is a failed row and does not keep
 * the others from being read, so that all problems show together.
 *
 * @param planned what the cluster shares with others by its last plan: it stays there
 */
export function survey(
  connection: Connection,
  secrets: Pick<SecretVault, 'get'>,
  document: ClusterDocument,
  uid: string,
  planned: Shares = {},
): Promise<Outcome<Survey>> {
  const { azure, image } = document.spec;
  const cluster = { name: document.metadata.name, uid };
  const sequence = async (): Promise<Survey> => {
    const clients = connection.clients(azure.subscriptionId);
    const { checks, part } = surveyParts(titles);
    const where = (location: string) => `${azure.resourceGroup} exists in ${location}`;
    const group = await part('resourceGroup', () => readGroup(connection, azure), where);
    // Without the subscription every other question has the same answer.
    if (checks.some((check) => check.error?.code === 'CAP-2002')) return { checks };
    const tenantId = await readTenant(connection);
    const skus = await part(
      'region',
      () => readRegion(clients, azure.location),
      ({ zones }) => `${azure.location} has ${zones.length === 0 ? 'no zones' : `zones ${zones.join(', ')}`}`,
    );
    const staticNetwork = await part(
      'ownNetwork',
      () => readStaticNetwork(clients, document),
      (network) => (network === undefined ? undefined : `${network.virtualNetworkId.split('/').at(-1)} can be used`),
    );
    const imageSource = await part(
      'imageSource',
      async () =>
        image.vhd === undefined
          ? undefined
          : readImageSource(connection, await signedSource(secrets, cluster, image), azure.subscriptionId),
      (source) =>
        source === undefined ? undefined : `fixed VHD of ${(source.sizeBytes / 1024 ** 3).toFixed(0)} GiB, readable`,
    );
    const set = await part(
      'storageAccount',
      () => chooseSet(connection, document, imageSource, planned),
      ({ storageAccountName: name, storageAccountExists: exists }) =>
        name === '' ? undefined : `${name} is ${exists ? 'there already' : 'free'}`,
    );
    if (group === undefined || skus === undefined || set === undefined || checks.some((check) => !check.ok))
      return { checks };
    const facts: AzureFacts = {
      tenantId,
      resourceGroupLocation: group,
      regionZones: skus.zones,
      ...(skus.faultDomains === undefined ? {} : { faultDomains: skus.faultDomains }),
      vmSizes: sizesOf(
        [document.spec.controlPlane.vmSize, ...document.spec.workerPools.map((pool) => pool.vmSize)],
        skus,
      ),
      ...set,
      ...(staticNetwork === undefined ? {} : { staticNetwork }),
      ...(connection.settings.network === undefined ? {} : { capstanNetwork: connection.settings.network }),
      ...(imageSource === undefined ? {} : { imageSource }),
    };
    return { facts, checks };
  };
  return untilHalted(() => connection.withReads(azure.subscriptionId, usualReads, sequence));
}

/**
 * Collects the rows of a survey: a part that fails is a row, and ends nothing but itself.
 *
 * @param titles of the rows by their id
 */
export function surveyParts<Id extends string>(titles: Readonly<Record<Id, string>>) {
  const checks: PreflightCheck[] = [];
  const part = async <Value>(
    id: Id,
    read: () => Promise<Value>,
    tell: (value: Value) => string | undefined,
  ): Promise<Value | undefined> => {
    const outcome = await untilHalted(async () => ({ read: await read() }));
    if (outcome.status === 'failed') {
      checks.push(refused(id, titles[id], outcome.error));
      return undefined;
    }
    if (outcome.status !== 'done') throw new Halt(outcome);
    const detail = tell(outcome.value.read);
    if (detail !== undefined) checks.push(passed(id, titles[id], detail));
    return outcome.value.read;
  };
  return { checks, part };
}

/** The facts alone; the first problem ends it. */
export async function readFacts(
  connection: Connection,
  secrets: Pick<SecretVault, 'get'>,
  document: ClusterDocument,
  uid: string,
  planned?: Shares,
): Promise<Outcome<{ readonly facts: AzureFacts }>> {
  const read = await survey(connection, secrets, document, uid, planned);
  if (read.status !== 'done') return read;
  const { facts, checks } = read.value;
  if (facts !== undefined) return done({ facts });
  const error = checks.find((check) => !check.ok)?.error;
  if (error === undefined) throw new Error('a survey without facts has a failed check');
  return failed(error);
}

/** The facts of a cluster for which something that it was to share with others is full: the next account, or image. */
export function shareFrom(
  connection: Connection,
  document: ClusterDocument,
  facts: AzureFacts,
  from: Shares,
): Promise<Outcome<{ readonly facts: AzureFacts }>> {
  return untilHalted(async () => {
    const { shares: _before, ...rest } = facts;
    return { facts: { ...rest, ...(await chooseSet(connection, document, facts.imageSource, from)) } };
  });
}

/** Sizes and zones of a region; CAP-2018 when it has none. */
export async function readRegion(clients: Clients, location: string): Promise<SkuCatalogue> {
  const skus = await readSkus(clients, location, false);
  if (skus.sizes.size > 0) return skus;
  return halt(
    capstanError('CAP-2018', `The region ${location} offers no virtual machines.`, { where: 'spec.azure.location' }),
  );
}

/** Region of the resource group; CAP-2001 and CAP-2002 when it is not there. */
export async function readGroup(
  connection: Connection,
  { subscriptionId, resourceGroup, location }: ClusterDocument['spec']['azure'],
): Promise<string> {
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
            remedy: `Create it (az group create --name ${resourceGroup} --location ${location}) or name an existing group.`,
          },
        ),
      );
    }
  }
  return need(read, where, 'read the resource group').location;
}

/** Tenant of the identity Capstan acts as, from the `tid` claim of its token. */
export async function readTenant(connection: Connection): Promise<string> {
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

/** What the catalogue says about the sizes of a document. */
export function sizesOf(sizes: readonly string[], skus: SkuCatalogue): AzureFacts['vmSizes'] {
  const names = new Set(sizes);
  const unknown = { family: '', cores: 0, memoryGiB: 0, zones: [], unavailable: 'not offered in this region' };
  return Object.fromEntries([...names].map((name) => [name, skus.sizes.get(name.toLowerCase()) ?? unknown]));
}
