import type { CapstanError } from '#domain/errors/error.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import { done } from '#domain/outcome.ts';
import { succession } from '#domain/queue.ts';
import type { ClusterHead, Phase } from '#domain/record.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import { reportTurns } from '#store/turns.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';
import { changeHead } from './record.ts';

/** Ends the operation in the record. The record is the only judge: nothing of this operation is written afterwards. */
defineActivity(
  'finishOperation',
  async (work, input) => {
    const endedAt = new Date().toISOString();
    const { kind } = work.head.operation;
    const failure = failureOf(input.error, input.cancelled === true);
    const phase: Phase = failure !== undefined ? 'Failed' : kind === 'delete' ? 'Deleted' : 'Ready';
    const { name } = work.ref;
    await recordEvent(work.store, input, 'end', {
      type: failure === undefined ? 'operation.done' : 'operation.failed',
      sentence:
        failure === undefined
          ? `Cluster ${name} is ${phase}`
          : `The ${kind} of cluster ${name} failed: ${failure.message}`,
      ...(failure === undefined ? {} : { error: failure }),
    });
    const ended = ({ formerTags, ...head }: ClusterHead): ClusterHead => ({
      ...head,
      ...(failure === undefined || formerTags === undefined ? {} : { formerTags }),
      phase,
      observedGeneration: failure === undefined ? work.ref.generation : head.observedGeneration,
      ...(failure === undefined && kind !== 'delete' ? { readySha: head.documentSha } : {}),
      operation: {
        ...head.operation,
        state: 'finished',
        endedAt,
        ...(failure === undefined ? {} : { error: failure }),
      },
    });
    await work.store.clusters.putOperation(name, ended(work.head).operation);
    const load = async (sha: string) => withDefaults(await work.store.documents.getContent<AnyDocument>(sha));
    // A deletion that somebody asked for, or the next request, is recorded in the same write; the sweep timer starts it.
    await changeHead(work, async (current) => {
      const { head, turns } = await succession(ended(current), endedAt, load);
      await reportTurns(work.store, name, current.operation, endedAt, turns);
      return head;
    });
    return done({});
  },
  { evenWhenCancelled: true },
);

function failureOf(error: CapstanError | undefined, cancelled: boolean): CapstanError | undefined {
  if (error !== undefined) return error;
  return cancelled ? { code: 'CAP-9005', message: 'The operation was cancelled' } : undefined;
}
