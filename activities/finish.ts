import { deleteHead } from '#domain/decide.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import { done } from '#domain/outcome.ts';
import type { ClusterHead, Phase } from '#domain/record.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';
import { gone, nextInQueue, reportTurns, type Turn } from './queue.ts';
import { changeHead } from './record.ts';

/** Ends the operation in the record. The record is the only judge: nothing of this operation is written afterwards. */
defineActivity(
  'finishOperation',
  async (work, input) => {
    const endedAt = new Date().toISOString();
    const { kind, cancel } = work.head.operation;
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
    const ended = (head: ClusterHead): ClusterHead => ({
      ...head,
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
    // Somebody asked for a deletion while this ran: it is recorded in the same write, and the sweep timer starts it.
    const follow = cancel === 'delete' && kind !== 'delete';
    const turns: Turn[] = [];
    await changeHead(work, async (head) => {
      turns.splice(0);
      if (follow) return deleteHead(ended(head), `after-${head.operation.id}`, endedAt);
      return kind === 'delete' ? ended(head) : nextInQueue(work, ended(head), endedAt, turns);
    });
    const dropped = follow || kind === 'delete' ? (work.head.queue ?? []) : [];
    await reportTurns(work, input, [...turns, ...dropped.map(({ requestId }) => ({ requestId, error: gone(name) }))]);
    return done({});
  },
  { evenWhenCancelled: true },
);

function failureOf(error: CapstanError | undefined, cancelled: boolean): CapstanError | undefined {
  if (error !== undefined) return error;
  return cancelled ? { code: 'CAP-9005', message: 'The operation was cancelled' } : undefined;
}
