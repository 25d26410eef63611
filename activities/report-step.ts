import { done } from '#domain/outcome.ts';
import type { StepRecord } from '#domain/record.ts';
import { managedSummary } from '#domain/managed/shape.ts';
import type { AnyPlan } from '#domain/managed/types.ts';
import { stepSummary } from '#domain/plan/sentences.ts';
import { type StepId, stepDefinition } from '#domain/steps.ts';
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
        ? summaryOf(await work.anyPlan(), step)
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

function summaryOf(plan: AnyPlan, step: StepId): string | undefined {
  return plan.managed === undefined ? stepSummary(plan, step) : managedSummary(plan, step);
}

/** A finished step keeps the last sentence of its work when it has none of its own. */
function sentenceOf(reported: string | undefined, before: StepRecord | undefined): { readonly sentence?: string } {
  const sentence = reported ?? before?.sentence;
  return sentence === undefined ? {} : { sentence };
}
