import type { Wait } from '#domain/outcome.ts';
import type { ClusterEvent, StepRecord } from '#domain/record.ts';
import type { Store } from '#store/store.ts';
import type { ActivityInput } from './contract.ts';

/** How often a running step shows a sign of life in the record when nothing changes, in milliseconds. */
const heartbeat = 30_000;

/** Puts the newest sentence and progress of a waiting step into its row; writes only when something changed. */
export async function recordProgress(store: Store, { ref, step }: ActivityInput, outcome: Wait): Promise<void> {
  const before = await store.clusters.step(ref.name, step);
  if (before?.operationId !== ref.operationId || before.state !== 'running') return;
  const now = new Date();
  const same =
    (outcome.sentence ?? before.sentence) === before.sentence &&
    JSON.stringify(outcome.progress ?? before.progress) === JSON.stringify(before.progress);
  if (same && now.getTime() - Date.parse(before.touchedAt) < heartbeat) return;
  await store.clusters.putStep(ref.name, {
    ...before,
    ...(outcome.sentence === undefined ? {} : { sentence: outcome.sentence }),
    ...(outcome.progress === undefined ? {} : { progress: outcome.progress }),
    touchedAt: now.toISOString(),
  } satisfies StepRecord);
}

/** Records an event of the running operation; `id` is unique within the operation. */
export async function recordEvent(
  store: Store,
  input: ActivityInput,
  id: string,
  event: Omit<ClusterEvent, 'id' | 'at' | 'operationId' | 'step'>,
): Promise<void> {
  await store.events.append(input.ref.name, {
    ...event,
    id: `${input.ref.operationId}/${id}`,
    at: new Date().toISOString(),
    operationId: input.ref.operationId,
    step: input.step,
  });
}
