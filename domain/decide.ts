import type { CapstanError } from './errors/error.ts';
import { type Change, diffDocuments, refusedChanges } from './spec/diff.ts';
import type { AnyDocument } from './managed/types.ts';
import type { ClusterHead, OperationKind } from './record.ts';

/** What an apply comes to, given what is recorded. */
export type Decision =
  /** Write this head (insert when there was none); then start its operation. */
  | { readonly kind: 'write'; readonly head: ClusterHead; readonly newLife: boolean }
  /** This very request was accepted before. */
  | { readonly kind: 'same'; readonly operationId: string }
  /** Write this head: the request waits for the operation that runs. */
  | { readonly kind: 'queue'; readonly head: ClusterHead }
  /** This very request waits already. */
  | { readonly kind: 'queued' }
  /** Nothing to do: the document is the one that is recorded. */
  | { readonly kind: 'unchanged'; readonly operationId: string }
  | { readonly kind: 'refuse'; readonly error: CapstanError };

export interface Application {
  readonly requestId: string;
  readonly document: AnyDocument;
  readonly documentSha: string;
  /** ISO 8601. */
  readonly now: string;
  /** Identity for a new life of the cluster. */
  readonly newUid: string;
  /** What becomes of the request while another operation runs; absent: refuse. */
  readonly onConflict?: 'queue' | 'refuse';
}

/** Requests that may wait for one cluster. */
const longestQueue = 10;

/**
 * The rules of apply: one operation per cluster at a time, the next is queued or refused as asked; the same request is
 * one operation however often it comes; a running cluster takes every change that its difference does not refuse; a
 * failed provision takes any change that leaves the cluster where it is.
 *
 * @param recorded the document of the head row
 * @param ready the document that was last brought about completely, where that is another one: a change that failed
 *   half-way is taken back by applying it again
 */
export function decideApply(
  application: Application,
  head: ClusterHead | undefined,
  recorded: AnyDocument | undefined,
  ready: AnyDocument | undefined = recorded,
): Decision {
  if (head === undefined || recorded === undefined || head.phase === 'Deleted') {
    return { kind: 'write', head: firstHead(application), newLife: true };
  }
  const { requestId, documentSha, document } = application;
  const active = head.operation.state !== 'finished';
  if (head.operation.kind === 'delete' && !active) return { kind: 'refuse', error: halfDeleted(head) };
  if (head.operation.requestId === requestId) return { kind: 'same', operationId: head.operation.id };
  if (active) return decideWhileActive(application, head);
  if (head.phase === 'Ready' && head.documentSha === documentSha)
    return { kind: 'unchanged', operationId: head.operation.id };
  const neverReady = head.observedGeneration === 0;
  const changes = diffDocuments(neverReady ? recorded : (ready ?? recorded), document);
  const refused = neverReady
    ? changes.filter((change) => change.path.startsWith('spec.azure.'))
    : refusedChanges(changes);
  if (refused.length > 0) return { kind: 'refuse', error: refusal(head.name, refused) };
  const generation = head.documentSha === documentSha ? head.generation : head.generation + 1;
  return {
    kind: 'write',
    head: nextHead(head, application, neverReady ? 'provision' : 'update', generation),
    newLife: false,
  };
}

function decideWhileActive(application: Application, head: ClusterHead): Decision {
  const { requestId, documentSha, now } = application;
  const queue = head.queue ?? [];
  if (queue.some((waiting) => waiting.requestId === requestId)) return { kind: 'queued' };
  if (queue.length === 0 && head.documentSha === documentSha && head.operation.cancel === undefined)
    return { kind: 'unchanged', operationId: head.operation.id };
  const ends = head.operation.kind === 'delete' || head.operation.cancel === 'delete';
  if (application.onConflict !== 'queue' || ends || queue.length >= longestQueue)
    return { kind: 'refuse', error: busy(head) };
  return {
    kind: 'queue',
    head: { ...head, queue: [...queue, { requestId, documentSha, queuedAt: now }], updatedAt: now },
  };
}

/** What an action on a running cluster comes to. */
export type ActionDecision =
  | { readonly kind: 'write'; readonly head: ClusterHead }
  | { readonly kind: 'same'; readonly operationId: string }
  | { readonly kind: 'refuse'; readonly error: CapstanError };

/** The rules of actions: on a cluster that has been Ready once, while nothing else runs. */
export function decideAction(
  kind: 'renew' | 'repair',
  requestId: string,
  now: string,
  head: ClusterHead,
): ActionDecision {
  if (head.operation.requestId === requestId) return { kind: 'same', operationId: head.operation.id };
  if (head.kind === 'ManagedCluster' && kind === 'renew') {
    const message = `${head.name} is an AKS cluster: Azure renews its certificates by itself`;
    const remedy =
      'To have new ones now, run az aks rotate-certs: every node is made anew, and the API server is away for up to half an hour. Then fetch another kubeconfig.';
    return { kind: 'refuse', error: { code: 'CAP-1110', message, remedy } };
  }
  if (head.operation.state !== 'finished') return { kind: 'refuse', error: busy(head) };
  if (head.operation.kind === 'delete') return { kind: 'refuse', error: halfDeleted(head) };
  if (head.observedGeneration === 0) {
    const error = {
      code: 'CAP-1017' as const,
      message: `Cluster ${head.name} has never been Ready`,
      where: `phase ${head.phase}`,
    };
    return { kind: 'refuse', error };
  }
  return { kind: 'write', head: withOperation(head, kind, requestId, now) };
}

/** What a delete comes to. */
export type DeleteDecision =
  | { readonly kind: 'write'; readonly head: ClusterHead; readonly operationId: string }
  /** It is being deleted, or was. */
  | { readonly kind: 'same'; readonly operationId: string }
  | { readonly kind: 'refuse'; readonly error: CapstanError };

/**
 * The rules of delete: always possible. A running provision or update is asked to stop, and the deletion follows it;
 * a repeated delete is the same operation.
 */
export function decideDelete(
  name: string,
  requestId: string,
  now: string,
  head: ClusterHead | undefined,
): DeleteDecision {
  if (head === undefined) {
    return { kind: 'refuse', error: { code: 'CAP-1013', message: `There is no cluster ${name}` } };
  }
  const { operation } = head;
  const active = operation.state !== 'finished';
  if (head.phase === 'Deleted' || (operation.kind === 'delete' && active))
    return { kind: 'same', operationId: operation.id };
  if (active) {
    const asked: ClusterHead = { ...head, operation: { ...operation, cancel: 'delete' }, updatedAt: now };
    return operation.cancel === 'delete'
      ? { kind: 'same', operationId: operation.id }
      : { kind: 'write', head: asked, operationId: operation.id };
  }
  const next = deleteHead(head, requestId, now);
  return { kind: 'write', head: next, operationId: next.operation.id };
}

/** The head with a recorded deletion. */
export function deleteHead(head: ClusterHead, requestId: string, now: string): ClusterHead {
  const operations = head.operations + 1;
  const id = operationId(head.name, head.uid, operations);
  const { queue: _dropped, ...rest } = head;
  return {
    ...rest,
    phase: 'Deleting',
    operation: { id, kind: 'delete', requestId, state: 'recorded', recordedAt: now },
    operations,
    updatedAt: now,
  };
}

function halfDeleted(head: ClusterHead): CapstanError {
  return {
    code: 'CAP-1009',
    message: `Cluster ${head.name} was being deleted, and the deletion did not come to an end`,
    where: `operation ${head.operation.id}`,
    remedy: 'Delete it again until it is Deleted; then the name is free.',
  };
}

function operationId(name: string, uid: string, count: number): string {
  return `${name}-${uid.slice(0, 8)}-${count}`;
}

function firstHead({ document, documentSha, requestId, now, newUid }: Application): ClusterHead {
  const { name, tags } = document.metadata;
  return {
    name,
    ...(document.kind === 'ManagedCluster' ? { kind: document.kind } : {}),
    uid: newUid,
    generation: 1,
    observedGeneration: 0,
    phase: 'Accepted',
    tags,
    location: document.spec.azure.location,
    documentSha,
    operation: { id: operationId(name, newUid, 1), kind: 'provision', requestId, state: 'recorded', recordedAt: now },
    operations: 1,
    createdAt: now,
    updatedAt: now,
  };
}

function nextHead(head: ClusterHead, application: Application, kind: OperationKind, generation: number): ClusterHead {
  const { document, documentSha, requestId, now } = application;
  const { tags } = document.metadata;
  const former = formerTags(head, tags);
  const { formerTags: _before, ...next } = withOperation(head, kind, requestId, now);
  return { ...next, generation, tags, ...(former.length === 0 ? {} : { formerTags: former }), documentSha };
}

/**
 * Names of tags that the cluster's resources may carry from documents before, and that are not wanted any more.
 *
 * @param tags what the document that is brought about has
 */
export function formerTags(
  head: Pick<ClusterHead, 'tags' | 'formerTags'>,
  tags: Readonly<Record<string, string>>,
): readonly string[] {
  return [...new Set([...(head.formerTags ?? []), ...Object.keys(head.tags)])].filter(
    (name) => !Object.hasOwn(tags, name),
  );
}

function withOperation(head: ClusterHead, kind: OperationKind, requestId: string, now: string): ClusterHead {
  const operations = head.operations + 1;
  const id = operationId(head.name, head.uid, operations);
  return {
    ...head,
    phase: 'Accepted',
    operation: { id, kind, requestId, state: 'recorded', recordedAt: now },
    operations,
    updatedAt: now,
  };
}

function busy(head: ClusterHead): CapstanError {
  return {
    code: 'CAP-1009',
    message: `Cluster ${head.name} has an operation in progress (${head.operation.kind}), and this request asks for something else`,
    where: `operation ${head.operation.id}`,
    cause: `The operation was recorded at ${head.operation.recordedAt} for request ${head.operation.requestId}.`,
    remedy: `Wait until GET /api/operations/${head.operation.id} says it has ended, then send the request again.`,
  };
}

function refusal(name: string, refused: readonly Change[]): CapstanError {
  const fields = refused.map((change) => change.path).join(', ');
  const [first] = refused;
  return {
    code: first?.code ?? 'CAP-1010',
    message: `Cluster ${name} exists, and this cannot be changed: ${fields}`,
    where: fields,
    ...(first?.reason === undefined ? {} : { cause: `${first.path}: ${first.reason}.` }),
    problems: refused.map((change) => ({
      path: change.path,
      message: change.reason ?? 'cannot be changed',
      code: change.code ?? 'CAP-1010',
    })),
  };
}
