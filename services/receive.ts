import type { CapstanError } from '#domain/errors/error.ts';
import { readQueueMessage } from '#domain/message.ts';
import type { RequestRecord } from '#domain/record.ts';
import { parseClusterText, parseClusterValue } from '#domain/spec/parse.ts';
import { maxRequestCharacters } from '#domain/spec/text.ts';
import { sealSource } from '#domain/storage/sealed-source.ts';
import { canonicalJson, sha256 } from '#store/documents.ts';
import { applyCluster } from './apply.ts';
import { deleteClusterByName } from './delete.ts';
import type { ServiceDependencies } from './dependencies.ts';

/** Events about messages that name no cluster stand under this name, which no cluster can have. */
export const rejectedPartition = '_rejected';

/** A message that can never succeed: the queue's retries and the poison queue are for it. */
export class PoisonMessage extends Error {
  readonly error: CapstanError;

  constructor(error: CapstanError) {
    super(`${error.code} ${error.message}: ${error.cause ?? ''}`);
    this.name = 'PoisonMessage';
    this.error = error;
  }
}

/**
 * Takes one message of the queue `cluster-requests`. A request that is understood but refused is an outcome, recorded
 * under its request id; a message that is not understood leaves one event with the reason.
 *
 * @throws PoisonMessage when the message cannot be understood: the host delivers it again and finally sets it aside
 */
export async function receiveMessage(dependencies: ServiceDependencies, delivered: unknown): Promise<RequestRecord> {
  const read = readQueueMessage(delivered);
  if ('error' in read) return reject(dependencies, delivered, read.requestId, read.error);
  const { message } = read;
  if (message.operation === 'delete')
    return deleteClusterByName(dependencies, message.requestId, message.cluster.metadata.name);
  const parsed =
    'cluster' in message
      ? parseClusterValue(message.cluster)
      : await fromBlob(dependencies, message.clusterBlob.name, message.clusterBlob.sha256);
  if ('error' in parsed) {
    const known = 'clusterBlob' in message ? await settled(dependencies, message.requestId) : undefined;
    return known ?? reject(dependencies, delivered, message.requestId, parsed.error);
  }
  const record = await applyCluster(dependencies, message.requestId, parsed.document, message.onConflict);
  // A SAS is kept in Key Vault alone, so a request blob that holds one does not outlive its request.
  const { document } = parsed;
  if ('clusterBlob' in message && document.kind === 'Cluster' && sealSource(document).source !== undefined)
    await dependencies.store.documents.deleteRequest(message.clusterBlob.name);
  return record;
}

/** The outcome of a request that was carried out before: its blob may be gone when the message is delivered again. */
async function settled({ store }: ServiceDependencies, requestId: string): Promise<RequestRecord | undefined> {
  const known = await store.requests.get(requestId);
  return known === undefined || known.outcome === 'pending' || known.operation === 'unknown' ? undefined : known;
}

async function fromBlob(
  { store }: ServiceDependencies,
  name: string,
  sha: string,
): Promise<ReturnType<typeof parseClusterText>> {
  const text = await store.documents.readRequest(name, maxRequestCharacters);
  const refuse = (cause: string) => ({
    error: {
      code: 'CAP-1015' as const,
      message: `The request blob ${name} cannot be used`,
      where: 'clusterBlob',
      cause,
      remedy: 'Upload the request to the container requests and send its true SHA-256.',
    },
  });
  if (text === undefined) return refuse('It is missing from the container requests, or larger than 256 KiB.');
  if (sha256(text) !== sha) return refuse('Its SHA-256 differs from the one in the message.');
  return parseClusterText(text);
}

async function reject(
  { store }: ServiceDependencies,
  delivered: unknown,
  requestId: string | undefined,
  error: CapstanError,
): Promise<never> {
  const contentSha = sha256(canonicalJson(delivered ?? null));
  const at = new Date().toISOString();
  if (requestId !== undefined) {
    // An id that belongs to an earlier, readable request keeps that request's outcome.
    await store.requests.insert({
      requestId,
      cluster: '',
      operation: 'unknown',
      contentSha,
      receivedAt: at,
      outcome: 'refused',
      error,
    });
  }
  await store.events.append(rejectedPartition, {
    id: `rejected-${contentSha}`,
    type: 'request.rejected',
    at,
    operationId: '',
    sentence: `${error.message}: ${error.cause ?? error.where ?? ''}`,
    error,
  });
  throw new PoisonMessage(error);
}
