import type { CapstanError } from '#domain/errors/error.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import { succession } from '#domain/queue.ts';
import type { ClusterHead } from '#domain/record.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import { stepDefinition } from '#domain/steps.ts';
import { boundMilliseconds } from '#domain/time.ts';
import type { Store } from '#store/store.ts';
import { reportTurns } from '#store/turns.ts';
import type { ServiceDependencies } from './dependencies.ts';
import { startRecorded } from './start.ts';

/** What one sweep did. */
export interface SweepResult {
  readonly started: readonly string[];
  readonly ended: readonly string[];
}

/**
 * Looks after operations that nobody looks after: starts those that were recorded but never started, and ends as
 * Failed, with a code, those whose instance is missing, was terminated or failed, or is silent past its step's bound.
 */
export async function sweepOperations(dependencies: ServiceDependencies, now: number): Promise<SweepResult> {
  const { store, config } = dependencies;
  const started: string[] = [];
  const ended: string[] = [];
  for await (const { value: head } of store.clusters.heads()) {
    const { operation } = head;
    if (operation.state === 'finished') continue;
    const age = now - Date.parse(operation.startedAt ?? operation.recordedAt);
    if (age < config.sweepGraceSeconds * 1000) continue;
    if (operation.state === 'recorded') {
      await startRecorded(dependencies, head.name);
      started.push(head.name);
      continue;
    }
    const lost = await whyLost(dependencies, head, now);
    if (lost !== undefined && (await endAsFailed(dependencies, head, lost))) ended.push(head.name);
  }
  return { started, ended };
}

/** Seconds for which an operation that was found silent may still show that it goes on. */
const secondLookSeconds = 600;

/** Remembers when the silence was seen. Whoever changes the record meanwhile is a sign of life. */
async function noteSilence(store: Store, head: ClusterHead, now: number): Promise<void> {
  const row = await store.clusters.head(head.name);
  if (row === undefined || row.value.operation.id !== head.operation.id || row.value.operation.state === 'finished')
    return;
  const operation = { ...row.value.operation, silentAt: new Date(now).toISOString() };
  await store.clusters.replaceHead({ ...row.value, operation }, row.etag);
}

async function whyLost(
  { starter, store, config }: ServiceDependencies,
  head: ClusterHead,
  now: number,
): Promise<CapstanError | undefined> {
  const status = await starter.status(head.operation.id);
  const where = `operation ${head.operation.id}`;
  const remedy = 'Apply again: the run continues from what exists.';
  if (status === undefined) {
    return { code: 'CAP-9002', message: 'The orchestration of the operation is missing', where, remedy };
  }
  if (status === 'Terminated' || status === 'Canceled' || status === 'Failed') {
    return {
      code: 'CAP-9002',
      message: `The orchestration of the operation ended as ${status} without reporting`,
      where,
      remedy,
    };
  }
  const rows = await store.clusters.rows(head.name);
  const own = (rows?.steps ?? []).filter((step) => step.operationId === head.operation.id);
  const running = own.filter((step) => step.state === 'running');
  const touched = Math.max(
    Date.parse(head.operation.startedAt ?? head.operation.recordedAt),
    // Between two stages no step is running: the end of the last one is the last sign of life.
    ...own.map((step) => Date.parse(step.touchedAt)),
  );
  const bounds = running.map((step) => stepDefinition(step.id, head.operation.kind).boundSeconds);
  const bound = boundMilliseconds(Math.max(3600, ...bounds), config.timeScale);
  if (now - touched <= bound) return undefined;
  // The app itself may have been away all the time: it gets a while to go on before this is called a loss.
  const seen = Date.parse(head.operation.silentAt ?? '');
  if (!(seen > touched)) {
    await noteSilence(store, head, now);
    return undefined;
  }
  if (now - seen < boundMilliseconds(secondLookSeconds, config.timeScale)) return undefined;
  const steps = running.map((step) => step.id).join(', ');
  return {
    code: 'CAP-9003',
    message: `The operation has been silent for ${Math.round((now - touched) / 60_000)} minutes`,
    where: steps === '' ? where : `${where}, step ${steps}`,
    remedy,
  };
}

async function endAsFailed({ store }: ServiceDependencies, head: ClusterHead, error: CapstanError): Promise<boolean> {
  const row = await store.clusters.head(head.name);
  if (row === undefined || row.value.operation.id !== head.operation.id || row.value.operation.state === 'finished')
    return false;
  const endedAt = new Date().toISOString();
  const failed: ClusterHead = {
    ...row.value,
    phase: 'Failed',
    operation: { ...row.value.operation, state: 'finished', endedAt, error },
    updatedAt: endedAt,
  };
  const load = async (sha: string) => withDefaults(await store.documents.getContent<AnyDocument>(sha));
  await store.clusters.putOperation(head.name, failed.operation);
  const next = await succession(failed, endedAt, load);
  await reportTurns(store, head.name, failed.operation, endedAt, next.turns);
  if (!(await store.clusters.replaceHead(next.head, row.etag))) return false;
  for (const step of (await store.clusters.rows(head.name))?.steps ?? []) {
    if (step.state === 'running')
      await store.clusters.putStep(head.name, { ...step, state: 'failed', endedAt, error, touchedAt: endedAt });
  }
  await store.events.append(head.name, {
    id: `${head.operation.id}/lost`,
    type: 'operation.failed',
    at: endedAt,
    operationId: head.operation.id,
    sentence: error.message,
    error,
  });
  return true;
}
