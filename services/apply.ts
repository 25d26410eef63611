import { randomUUID } from 'node:crypto';
import { decideApply } from '#domain/decide.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import type { ClusterHead, RequestRecord } from '#domain/record.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import { type SealedDocument, sealSource } from '#domain/storage/sealed-source.ts';
import { canonicalJson, sha256 } from '#store/documents.ts';
import type { Store } from '#store/store.ts';
import type { ServiceDependencies } from './dependencies.ts';
import { withGateway } from './gateways.ts';
import { keepSource } from './image-source.ts';
import { startRecorded } from './start.ts';

/** What becomes of a request while another operation runs on its cluster. */
export type OnConflict = 'queue' | 'refuse';

/**
 * Accepts, queues or refuses an apply and records which; starts the operation when one was recorded.
 *
 * Idempotent per request id: the same request, delivered any number of times and also after the cluster is Ready, is
 * one operation. A refusal is recorded too, so that nobody has to guess what became of a message.
 */
export async function applyCluster(
  dependencies: ServiceDependencies,
  requestId: string,
  document: AnyDocument,
  onConflict: OnConflict = 'refuse',
): Promise<RequestRecord> {
  const { store } = dependencies;
  const { name } = document.metadata;
  const contentSha = sha256(canonicalJson({ operation: 'apply', document }));
  const record: RequestRecord = {
    requestId,
    cluster: name,
    operation: 'apply',
    contentSha,
    receivedAt: new Date().toISOString(),
    outcome: 'pending',
  };
  const known = (await store.requests.insert(record)) ? undefined : await store.requests.get(requestId);
  if (known !== undefined && known.contentSha !== contentSha)
    return { ...record, outcome: 'refused', error: reused(requestId, known) };
  // A queued request that is in no queue was cut off before it came into one.
  if (known !== undefined && known.outcome !== 'pending' && known.outcome !== 'queued') {
    await startRecorded(dependencies, name);
    return known;
  }
  const inherited = document.kind === 'Cluster' ? await withGateway(store, document) : { document };
  const notAllowed = 'error' in inherited ? inherited.error : scopeProblem(dependencies, document);
  const result =
    'document' in inherited && notAllowed === undefined
      ? await decide(dependencies, record, sealed(inherited.document), onConflict)
      : { ...record, outcome: 'refused' as const, ...(notAllowed === undefined ? {} : { error: notAllowed }) };
  await startRecorded(dependencies, name);
  if (result.outcome !== 'queued') await store.requests.put(result);
  return result;
}

/** A document of AKS names no source with a signature. */
function sealed(document: AnyDocument): Sealed {
  return document.kind === 'Cluster' ? sealSource(document) : { document, source: undefined };
}

interface Sealed extends Pick<SealedDocument, 'source'> {
  readonly document: AnyDocument;
}

async function decide(
  { store, config }: ServiceDependencies,
  record: RequestRecord,
  { document, source }: Sealed,
  onConflict: OnConflict,
): Promise<RequestRecord> {
  const keep = async (uid: string): Promise<void> => {
    if (source !== undefined) await keepSource(config, { name: record.cluster, uid }, source);
  };
  const documentSha = await store.documents.putContent(document);
  const newUid = randomUUID();
  for (let attempt = 0; attempt < 10; attempt++) {
    const row = await store.clusters.head(record.cluster);
    const recorded =
      row === undefined ? undefined : await store.documents.getContent<AnyDocument>(row.value.documentSha);
    const now = new Date().toISOString();
    const decision = decideApply(
      { requestId: record.requestId, document, documentSha, now, newUid, onConflict },
      row?.value,
      recorded === undefined ? undefined : withDefaults(recorded),
      await readyDocument(store, row?.value),
    );
    if (decision.kind === 'refuse') return { ...record, outcome: 'refused', error: decision.error };
    if (decision.kind === 'same') return { ...record, outcome: 'accepted', operationId: decision.operationId };
    if (decision.kind === 'unchanged') {
      // The same request with a newer SAS: a running copy goes on with it.
      if (row !== undefined) await keep(row.value.uid);
      return { ...record, outcome: 'unchanged', operationId: decision.operationId };
    }
    if (decision.kind === 'queued') return { ...record, outcome: 'queued' };
    await keep(decision.head.uid);
    if (decision.kind === 'queue') {
      // First, because its turn may come, and be written down, as soon as it is in the queue.
      await store.requests.put({ ...record, outcome: 'queued' });
      if (row !== undefined && (await store.clusters.replaceHead(decision.head, row.etag)))
        return { ...record, outcome: 'queued' };
      continue;
    }
    if (decision.newLife) await store.clusters.clear(record.cluster);
    const written =
      row === undefined
        ? await store.clusters.insertHead(decision.head)
        : await store.clusters.replaceHead(decision.head, row.etag);
    if (written) return { ...record, outcome: 'accepted', operationId: decision.head.operation.id };
  }
  throw new Error(`the record of cluster ${record.cluster} is changed by others all the time`);
}

/** The document that was last brought about completely, when that is another one than the recorded one. */
export async function readyDocument(store: Store, head: ClusterHead | undefined): Promise<AnyDocument | undefined> {
  if (head?.readySha === undefined) return undefined;
  return withDefaults(await store.documents.getContent<AnyDocument>(head.readySha));
}

function reused(requestId: string, known: RequestRecord): CapstanError {
  return {
    code: 'CAP-1020',
    message: `The request id ${requestId} was used before for another request`,
    where: 'requestId',
    cause: `It came first at ${known.receivedAt} for cluster ${known.cluster} with other content.`,
    remedy: 'Use a new requestId.',
  };
}

/** What a caller can make our identity do is bounded by two settings (architecture.md §4). */
function scopeProblem({ config }: ServiceDependencies, document: AnyDocument): CapstanError | undefined {
  const { subscriptionId, resourceGroup } = document.spec.azure;
  const refuse = (where: string, value: string, setting: string): CapstanError => ({
    code: 'CAP-1012',
    message: `${value} is not allowed here`,
    where,
    cause: `${setting} does not list it.`,
    remedy: `Use one that is listed, or ask the operator to add it to ${setting}.`,
  });
  if (
    config.allowedSubscriptions !== undefined &&
    !config.allowedSubscriptions.includes(subscriptionId.toLowerCase())
  ) {
    return refuse('spec.azure.subscriptionId', `Subscription ${subscriptionId}`, 'CAPSTAN_ALLOWED_SUBSCRIPTIONS');
  }
  if (
    config.allowedResourceGroups !== undefined &&
    !config.allowedResourceGroups.includes(resourceGroup.toLowerCase())
  ) {
    return refuse('spec.azure.resourceGroup', `Resource group ${resourceGroup}`, 'CAPSTAN_ALLOWED_RESOURCE_GROUPS');
  }
  return undefined;
}
