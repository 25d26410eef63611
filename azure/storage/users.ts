import { done, failed, type Outcome, wait } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { found, untilHalted } from '../halt.ts';
import { isCopy } from './blob-state.ts';
import type { ImageCopy } from './copy.ts';
import { createDestinations, type Destination, type Reached } from './destination.ts';
import { passOn } from './outcomes.ts';

/** What became of the copy of the base image when a cluster left it. */
export interface LeftCopy {
  readonly action: 'deleted' | 'absent' | 'kept';
  /** Why it was kept. */
  readonly reason?: string;
}

/** Metadata names are identifiers of C#: no hyphens; cluster names have no underscores. */
const prefix = 'user_';

function keyOf(cluster: string): string {
  return prefix + cluster.replaceAll('-', '_');
}

/** Clusters that use a copy, by its metadata. */
export function usersOfCopy(metadata: Readonly<Record<string, string>>): readonly string[] {
  return Object.keys(metadata)
    .filter((key) => key.toLowerCase().startsWith(prefix))
    .map((key) => key.slice(prefix.length).replaceAll('_', '-'))
    .sort();
}

/** Size of all names and values of a blob's metadata (REST reference, "Set Blob Metadata": up to 8 KiB). */
export const mostMetadataBytes = 8192;

/** What metadata counts in bytes: names and values. */
export function metadataBytes(metadata: Readonly<Record<string, string>>): number {
  return Object.entries(metadata).reduce((sum, [key, value]) => sum + Buffer.byteLength(key + value), 0);
}

function full(destination: Destination, metadata: Readonly<Record<string, string>>): Outcome<never> {
  return failed(
    capstanError('CAP-3310', 'The copy of the image has no room for another cluster.', {
      where: destination.url,
      cause: `${usersOfCopy(metadata).length} clusters are noted in its metadata`,
    }),
  );
}

type Properties = { readonly metadata: Record<string, string>; readonly etag: string | undefined };

async function read(destination: Destination): Promise<Reached<Properties>> {
  return destination.run('read the copy of the image', async (client) => {
    const { metadata = {}, etag } = await client.getProperties();
    return { metadata, etag };
  });
}

function write(destination: Destination, metadata: Record<string, string>, etag: string | undefined) {
  const conditions = etag === undefined ? {} : { ifMatch: etag };
  return destination.run('note who uses the copy of the image', (client) =>
    client.setMetadata(metadata, { conditions }),
  );
}

/** Somebody else wrote meanwhile: read again. */
const again: Outcome<never> = wait(1, { sentence: 'Another cluster is changing the copy of the image' });

async function join(destination: Destination, cluster: string): Promise<Outcome<never> | undefined> {
  const seen = await read(destination);
  if (seen.status !== 'done') return passOn(seen);
  const { metadata, etag } = seen.value;
  if (usersOfCopy(metadata).includes(cluster)) return undefined;
  const joined = { ...metadata, [keyOf(cluster)]: 'true' };
  if (metadataBytes(joined) > mostMetadataBytes) return full(destination, metadata);
  const written = await write(destination, joined, etag);
  if (written.status === 'done') return undefined;
  if (written.failure?.code === 'MetadataTooLarge') return full(destination, metadata);
  return written.failure?.status === 412 ? again : passOn(written);
}

/** The last of the changes to each copy that this process makes. */
const turns = new Map<string, Promise<unknown>>();

/**
 * Changes to the users of one copy, one after the other: of fifty clusters that read and write at the same moment all but
 * one would be refused, round after round. Between processes the ETag decides.
 */
async function inTurn<Value>(url: string, change: () => Promise<Value>): Promise<Value> {
  const turn = (turns.get(url) ?? Promise.resolve()).then(change, change);
  turns.set(url, turn);
  try {
    return await turn;
  } finally {
    if (turns.get(url) === turn) turns.delete(url);
  }
}

async function joinInTurn(destination: Destination, cluster: string): Promise<Outcome<never> | undefined> {
  return inTurn(destination.url, () => join(destination, cluster));
}

async function leave(destination: Destination, cluster: string): Promise<Outcome<LeftCopy>> {
  const seen = await read(destination);
  if (seen.status !== 'done') return seen.failure?.status === 404 ? done({ action: 'absent' }) : passOn(seen);
  const { metadata, etag } = seen.value;
  if (!isCopy(metadata)) return done({ action: 'kept', reason: 'it was not made by Capstan' });
  const others = usersOfCopy(metadata).filter((user) => user !== cluster);
  if (others.length > 0) {
    const rest = Object.entries(metadata).filter(([key]) => key.toLowerCase() !== keyOf(cluster));
    const written = await write(destination, Object.fromEntries(rest), etag);
    if (written.status === 'done') return done({ action: 'kept', reason: `used by ${others.join(', ')}` });
    return written.failure?.status === 412 ? again : passOn(written);
  }
  const conditions = etag === undefined ? {} : { ifMatch: etag };
  const deleted = await destination.run('delete the copy of the image', (client) =>
    client.delete({ conditions, deleteSnapshots: 'include' }),
  );
  if (deleted.status === 'done' || deleted.failure?.status === 404) return done({ action: 'deleted' });
  if (deleted.failure?.code.startsWith('Lease') === true) {
    return done({ action: 'kept', reason: 'another cluster is copying the same image' });
  }
  return deleted.failure?.status === 412 ? again : passOn(deleted);
}

/**
 * The copy with its users: every cluster notes itself in the blob's metadata, under its ETag, and takes the note away when
 * it is deleted; the last one takes the blob too.
 */
export function withUsers(
  connection: Connection,
  copy: ImageCopy,
): ImageCopy & { leave(plan: ClusterPlan): Promise<Outcome<LeftCopy>> } {
  const destinations = createDestinations(connection);
  return {
    ...copy,
    async plan(plan, options) {
      const outcome = await copy.plan(plan, options);
      if (outcome.status !== 'done' || !outcome.value.complete) return outcome;
      return (await joinInTurn(destinations(plan), plan.name)) ?? outcome;
    },
    async finish(plan, started) {
      const outcome = await copy.finish(plan, started);
      if (outcome.status !== 'done') return outcome;
      return (await joinInTurn(destinations(plan), plan.name)) ?? outcome;
    },
    async leave(plan) {
      const there = await accountExists(connection, plan);
      if (there.status !== 'done') return there;
      if (!there.value.exists) return done({ action: 'absent' });
      // A copy that was under way would go on, and its claim would keep the blob.
      const ended = await copy.abort(plan);
      if (ended.status === 'wait') return ended;
      const destination = destinations(plan, 'rwd');
      return inTurn(destination.url, () => leave(destination, plan.name));
    },
  };
}

/** An account that is gone has no name to ask, and took its blobs with it. */
function accountExists(connection: Connection, plan: ClusterPlan): Promise<Outcome<{ readonly exists: boolean }>> {
  const { id, resourceGroup, name } = plan.storage.account;
  return untilHalted(async () => {
    const { storageAccounts } = await connection.clients(plan.azure.subscriptionId).storage();
    const answer = await call(() => storageAccounts.getProperties(resourceGroup, name));
    return { exists: found(answer, id, 'read the storage account') !== undefined };
  });
}
