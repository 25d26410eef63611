import type { CapstanError } from './errors/error.ts';
import { diffDocuments } from './spec/diff.ts';
import type { ClusterDocument } from './spec/types.ts';
import type { ClusterHead, OperationKind } from './record.ts';

/** What an apply comes to, given what is recorded. */
export type Decision =
  /** Write this head (insert when there was none); then start its operation. */
  | { readonly kind: 'write'; readonly head: ClusterHead; readonly newLife: boolean }
  /** This very request was accepted before. */
  | { readonly kind: 'same'; readonly operationId: string }
  /** Nothing to do: the document is the one that is recorded. */
  | { readonly kind: 'unchanged'; readonly operationId: string }
  | { readonly kind: 'refuse'; readonly error: CapstanError };

export interface Application {
  readonly requestId: string;
  readonly document: ClusterDocument;
  readonly documentSha: string;
  /** ISO 8601. */
  readonly now: string;
  /** Identity for a new life of the cluster. */
  readonly newUid: string;
}

/**
 * The rules of apply: one operation per cluster at a time; the same request is one operation however often it comes;
 * a running cluster takes changed replica counts, everything else is refused by name; a failed provision takes any
 * change that leaves the cluster where it is.
 */
export function decideApply(
  application: Application,
  head: ClusterHead | undefined,
  recorded: ClusterDocument | undefined,
): Decision {
  if (head === undefined || recorded === undefined || head.phase === 'Deleted') {
    return { kind: 'write', head: firstHead(application), newLife: true };
  }
  const { requestId, documentSha, document } = application;
  const active = head.operation.state !== 'finished';
  if (head.operation.kind === 'delete' && !active) return { kind: 'refuse', error: halfDeleted(head) };
  if (head.operation.requestId === requestId) return { kind: 'same', operationId: head.operation.id };
  if (active && head.documentSha === documentSha) return { kind: 'unchanged', operationId: head.operation.id };
  if (active) return { kind: 'refuse', error: busy(head) };
  if (head.phase === 'Ready' && head.documentSha === documentSha)
    return { kind: 'unchanged', operationId: head.operation.id };
  const neverReady = head.observedGeneration === 0;
  const diff = diffDocuments(recorded, document);
  const moved = diff.changed.filter((path) => path.startsWith('spec.azure.'));
  const refused = neverReady ? moved : diff.changed.filter((path) => !diff.replicas.includes(path));
  if (diff.downgrade && !neverReady) return { kind: 'refuse', error: downgrade(head.name, recorded, document) };
  if (refused.length > 0) return { kind: 'refuse', error: notYet(head.name, refused) };
  const generation = diff.changed.length === 0 ? head.generation : head.generation + 1;
  return {
    kind: 'write',
    head: nextHead(head, application, neverReady ? 'provision' : 'update', generation),
    newLife: false,
  };
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
  return {
    ...head,
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
  const operations = head.operations + 1;
  return {
    ...head,
    generation,
    phase: 'Accepted',
    tags: application.document.metadata.tags,
    documentSha: application.documentSha,
    operation: {
      id: operationId(head.name, head.uid, operations),
      kind,
      requestId: application.requestId,
      state: 'recorded',
      recordedAt: application.now,
    },
    operations,
    updatedAt: application.now,
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

function downgrade(name: string, before: ClusterDocument, after: ClusterDocument): CapstanError {
  return {
    code: 'CAP-1008',
    message: `Cluster ${name} runs ${before.spec.kubernetes.version} and cannot go back to ${after.spec.kubernetes.version}`,
    where: 'spec.kubernetes.version',
    remedy: `Ask for ${before.spec.kubernetes.version}.`,
  };
}

function notYet(name: string, fields: readonly string[]): CapstanError {
  return {
    code: 'CAP-1010',
    message: `Cluster ${name} exists, and these fields cannot be changed by this version: ${fields.join(', ')}`,
    where: fields.join(', '),
    remedy: 'Restore these fields; replica counts of the control plane and of pools can be changed.',
    problems: fields.map((path) => ({ path, message: 'cannot be changed by this version', code: 'CAP-1010' as const })),
  };
}
