import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { referenceKey, referenceOf } from '#domain/cluster-api/object.ts';

/** Where the hand-over stands. Before `commit` the cluster is paused and everything can be rolled back. */
export type PivotPhase = 'create' | 'gate' | 'commit' | 'watch' | 'done' | 'stopped' | 'rolledBack';

/** One object's way: planned, created (the target's uid is known), verified (read back by the gate). */
export interface JournalEntry {
  readonly state: 'planned' | 'created' | 'verified';
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/** The journal of one hand-over. Plain JSON without secrets; lives outside the orchestration history. */
export interface JournalState {
  readonly schemaVersion: 1;
  readonly phase: PivotPhase;
  /** By `referenceKey`. */
  readonly objects: Readonly<Record<string, JournalEntry>>;
  /** Fingerprint of each adopted Azure resource right before unpausing, by lower-case resource id. */
  readonly baseline?: Readonly<Record<string, string>>;
  /** What was found when the watch stopped the hand-over. */
  readonly evidence?: readonly string[];
}

/** Storage of a journal, given by the caller. `save` must be durable when it resolves. */
export interface PivotJournal {
  /** Undefined before the first save. */
  load(): Promise<JournalState | undefined>;
  save(state: JournalState): Promise<void>;
}

/** The journal before anything was done. */
export function emptyJournal(documents: readonly KubernetesObject[]): JournalState {
  const planned: JournalEntry = { state: 'planned' };
  return {
    schemaVersion: 1,
    phase: 'create',
    objects: Object.fromEntries(documents.map((document) => [referenceKey(referenceOf(document)), planned])),
  };
}

/** The journal with one object's new entry. */
export function withEntry(state: JournalState, key: string, entry: JournalEntry): JournalState {
  return { ...state, objects: { ...state.objects, [key]: entry } };
}
