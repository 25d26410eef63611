import { formerTags } from '#domain/decide.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import type { Change } from '#domain/spec/diff.ts';
import { diffDocuments } from '#domain/spec/diff.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import type { Work } from './runtime.ts';

/** What the running operation changes, compared with what was last brought about completely. */
export interface Changes {
  readonly before: ClusterDocument;
  readonly after: ClusterDocument;
  readonly changes: readonly Change[];
  /** Something of an earlier operation may stand half-way, or somebody asked for a repair: every step looks. */
  readonly everything: boolean;
}

/** Compares the document of the operation with the one that the cluster was last Ready with. */
export async function changesOf(work: Work): Promise<Changes> {
  const { head } = work;
  const after = withDefaults(await work.document());
  const before =
    head.readySha === undefined
      ? after
      : withDefaults(await work.store.documents.getContent<ClusterDocument>(head.readySha));
  const everything =
    head.operation.kind === 'repair' ||
    head.readySha === undefined ||
    (head.operation.kind === 'update' && head.generation !== head.observedGeneration + 1);
  return { before, after, changes: diffDocuments(before, after), everything };
}

/** Control-plane machines older than this moment are replaced, where the operation asks for it (RFC 3339, whole seconds). */
export async function rolloutAfter(work: Work): Promise<string | undefined> {
  const { kind, recordedAt } = work.head.operation;
  const moved =
    kind === 'update' && (await changesOf(work)).changes.some(({ path }) => path === 'spec.controlPlane.zones');
  return kind === 'renew' || moved ? recordedAt.replace(/\.\d+Z$/, 'Z') : undefined;
}

/**
 * Names of tags that are taken away: those of the document that was last brought about, and those that operations wrote
 * which did not come to their end.
 */
export function goneTags({ head }: Work, before: AnyDocument | undefined, after: AnyDocument): readonly string[] {
  return formerTags({ ...head, tags: before?.metadata.tags ?? {} }, after.metadata.tags);
}
