import { done } from '#domain/outcome.ts';
import type { StepRecord } from '#domain/record.ts';
import { stepSummary } from '#domain/plan/sentences.ts';
import { stepDefinition } from '#domain/steps.ts';
import { defineActivity } from './define.ts';
import { recordEvent } from './progress.ts';

defineActivity(
  'reportStep',
  async (work, input) => {
    const { store, ref } = work;
    const { step, report } = input;
    const summary =
      report.state === 'done' &&
      report.sentence === undefined &&
      work.head.planSha !== undefined &&
      work.head.operation.kind !== 'delete'
        ? stepSummary(await work.plan(), step)
        : undefined;
    const now = new Date().toISOString();
    const before = await store.clusters.step(ref.name, step);
    const mine = before?.operationId === ref.operationId ? before : undefined;
    const record: StepRecord = {
      id: step,
      operationId: ref.operationId,
      touchedAt: now,
      state: report.state,
      startedAt: mine?.startedAt ?? now,
      ...(report.state === 'running' ? {} : { endedAt: mine?.endedAt ?? now }),
      ...sentenceOf(report.sentence ?? summary, mine),
      ...(mine?.progress === undefined ? {} : { progress: mine.progress }),
      ...(report.error === undefined ? {} : { error: report.error }),
    };
    await store.clusters.putStep(ref.name, record);
    const title = stepDefinition(step, work.head.operation.kind).title;
    const sentence = report.error?.message ?? record.sentence;
    await recordEvent(store, input, `${step}/${report.state}`, {
      type: `step.${report.state}`,
      sentence:
        sentence === undefined || report.state === 'running' ? `${title}: ${report.state}` : `${title}: ${sentence}`,
      ...(report.error === undefined ? {} : { error: report.error }),
      ...(report.error?.correlationId === undefined ? {} : { correlationId: report.error.correlationId }),
    });
    return done({});
  },
  { evenWhenCancelled: true },
);

/** A finished step keeps the last sentence of its work when it has none of its own. */
function sentenceOf(reported: string | undefined, before: StepRecord | undefined): { readonly sentence?: string } {
  const sentence = reported ?? before?.sentence;
  return sentence === undefined ? {} : { sentence };
}
