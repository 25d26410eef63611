import { done } from '#domain/outcome.ts';
import type { Phase } from '#domain/record.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';
import { changeHead } from './record.ts';

/** Ends the operation in the record. The record is the only judge: nothing of this operation is written afterwards. */
defineActivity(
  'finishOperation',
  async (work, input) => {
    const endedAt = new Date().toISOString();
    const { error, cancelled } = input;
    const ready = error === undefined && cancelled !== true;
    const phase: Phase = ready ? 'Ready' : 'Failed';
    const failure =
      error ?? (cancelled === true ? { code: 'CAP-9005' as const, message: 'The operation was cancelled' } : undefined);
    const type = ready ? 'operation.done' : 'operation.failed';
    const { kind } = work.head.operation;
    await recordEvent(work.store, input, 'end', {
      type,
      sentence: ready
        ? `Cluster ${work.ref.name} is Ready`
        : `The ${kind} of cluster ${work.ref.name} failed: ${failure?.message ?? ''}`,
      ...(failure === undefined ? {} : { error: failure }),
    });
    await changeHead(work, (head) => ({
      ...head,
      phase,
      observedGeneration: ready ? work.ref.generation : head.observedGeneration,
      operation: {
        ...head.operation,
        state: 'finished',
        endedAt,
        ...(failure === undefined ? {} : { error: failure }),
      },
    }));
    return done({});
  },
  { evenWhenCancelled: true },
);
