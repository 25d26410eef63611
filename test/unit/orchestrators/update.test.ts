import { describe, expect, it } from 'vitest';
import { shapeOf } from '#domain/plan/shape.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import { updateStages } from '#domain/plan/update.ts';
import { type FakeActivity, runOrchestration, testRef } from '../../support/orchestration.ts';
import { samplePlan } from '../../support/sample-plan.ts';

const shape = shapeOf(samplePlan());

/** Activities that succeed at once; planning gives these stages. */
function run(stages: readonly (readonly string[])[], change: FakeActivity = () => done({})) {
  return runOrchestration('updateCluster', testRef, (name, input) => {
    const answer = change(name, input);
    if (answer.status !== 'done' || Object.keys(answer.value).length > 0) return answer;
    if (name === 'planUpdate') return done({ ...shape, stages, operation: 'update' });
    if (name === 'removeObsolete') return done({ keys: ['oldImage-x'] });
    if (name === 'ensureWorkerPool') return done({ nodes: 5 });
    if (name === 'planImageCopy') return done({ slices: 1, bytes: 1 });
    return answer;
  });
}
const working = (calls: readonly string[]) =>
  calls.filter((call) => !/^(reportStep|ensureResource|copyImage|planImage|finishImage)/.test(call));

describe('a change of a running cluster', () => {
  it('runs the steps it was planned with, in their order, and ends the operation', () => {
    const { trace, result } = run(updateStages([], true));
    expect(result).toMatchObject({ status: 'done' });
    expect(working(trace.calls)).toEqual([
      'planUpdate',
      'applySettings',
      'applyTags',
      'scaleControlPlane',
      'ensureWorkerPool:general',
      'removeObsolete',
      'removeResource:oldImage-x',
      'finishOperation',
    ]);
  });

  it('touches no pool when the control plane does not come about', () => {
    const { trace, result } = run([['controlPlaneScale'], ['workerPools'], ['finish']], (name) =>
      name === 'scaleControlPlane' ? failed({ code: 'CAP-6001', message: 'quota' }) : done({}),
    );
    expect(result).toMatchObject({ status: 'failed', error: { code: 'CAP-6001' } });
    expect(working(trace.calls)).toEqual(['planUpdate', 'scaleControlPlane', 'finishOperation']);
  });

  it('waits for a plan that Azure does not let be made at once', () => {
    let asked = 0;
    const { trace } = run([['finish']], (name) =>
      name === 'planUpdate' && asked++ < 2 ? wait(30, { state: { asked } }) : done({}),
    );
    expect(working(trace.calls)).toEqual(['planUpdate', 'planUpdate', 'planUpdate', 'finishOperation']);
    expect(trace.elapsed).toBeGreaterThanOrEqual(30_000);
  });

  it('stays small while a rollout takes hours', () => {
    let looks = 0;
    const { trace } = run([['workerPools'], ['finish']], (name) =>
      name === 'ensureWorkerPool' && looks++ < 1500 ? wait(10, { state: { begun: true } }) : done({}),
    );
    expect(trace.elapsed).toBeGreaterThan(4 * 3_600_000);
    expect(trace.longest).toBeLessThan(100);
  });
});
