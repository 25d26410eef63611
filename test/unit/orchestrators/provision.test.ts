import { describe, expect, it } from 'vitest';
import { shapeOf } from '#domain/plan/shape.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import { provisionSteps } from '#domain/steps.ts';
import { type FakeActivity, runOrchestration, testRef } from '../../support/orchestration.ts';
import { samplePlan } from '../../support/sample-plan.ts';

const shape = shapeOf(samplePlan({ spec: { addOns: [addOn('a', 0), addOn('b', 0), addOn('c', 5)] } }));

function addOn(name: string, layer: number) {
  return { name, layer, manifests: ['kind: X'] };
}

/** Activities that succeed at once; `change` may answer otherwise. */
function activities(change: FakeActivity = () => done({})): FakeActivity {
  return (name, input) => {
    const answer = change(name, input);
    if (answer.status !== 'done' || Object.keys(answer.value).length > 0) return answer;
    if (name === 'runPreflight' || name === 'planUpdate') return done(shape);
    if (name === 'planImageCopy') return done({ slices: 3, bytes: 10 });
    if (name === 'ensureWorkerPool') return done({ nodes: 5 });
    return done({});
  };
}

const position = (calls: readonly string[], call: string) => {
  expect(calls).toContain(call);
  return calls.indexOf(call);
};

describe('the provision', () => {
  it('reports every step from running to done, in an order that respects what each needs', () => {
    const { result, trace } = runOrchestration('provisionCluster', testRef, activities());
    expect(result).toEqual({ status: 'done', value: {} });
    for (const step of provisionSteps) {
      const started = position(trace.calls, `reportStep(${step.id}):running`);
      expect(position(trace.calls, `reportStep(${step.id}):done`)).toBeGreaterThan(started);
      for (const need of step.needs) expect(position(trace.calls, `reportStep(${need}):done`)).toBeLessThan(started);
    }
    expect(trace.calls.at(-1)).toBe('finishOperation');
  });

  it('copies the image between the container and the image resource', () => {
    const { trace } = runOrchestration('provisionCluster', testRef, activities());
    const order = [
      'ensureResource(image):blobContainer',
      'planImageCopy',
      'copyImageSlice:2',
      'finishImageCopy',
      'ensureResource(image):image',
    ];
    const positions = order.map((call) => position(trace.calls, call));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });

  it('writes the disk of the image between the copy and the image, where the request asks for one', () => {
    const vhd = 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd';
    const other = shapeOf(samplePlan({ spec: { image: { vhd, through: 'disk' } } }));
    const { trace } = runOrchestration(
      'provisionCluster',
      testRef,
      activities((name) => (name === 'runPreflight' ? done(other) : done({}))),
    );
    const order = [
      'ensureResource(image):imageDisk',
      'finishImageCopy',
      'uploadImageDisk',
      'ensureResource(image):image',
    ];
    const positions = order.map((call) => position(trace.calls, call));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });

  it('makes network, then image, then closes the account, where only the network of the cluster is let in', () => {
    const facts = { capstanNetwork: { addresses: ['203.0.113.10'] } };
    const other = shapeOf(samplePlan({ spec: { storage: { networkAccess: 'private' } }, facts }));
    const { trace } = runOrchestration(
      'provisionCluster',
      testRef,
      activities((name) => (name === 'runPreflight' ? done(other) : done({}))),
    );
    const order = [
      'reportStep(network):done',
      'reportStep(image):running',
      'ensureResource(image):privateDnsZoneGroup',
      'planImageCopy',
      'ensureResource(image):image',
      'ensureResource(image):storageClosure',
      'reportStep(controlPlane):running',
    ];
    const positions = order.map((call) => position(trace.calls, call));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });

  it('installs add-ons layer by layer', () => {
    const { trace } = runOrchestration('provisionCluster', testRef, activities());
    expect(trace.calls.filter((call) => call.startsWith('ensureAddOn'))).toEqual([
      'ensureAddOn:a',
      'ensureAddOn:b',
      'ensureAddOn:c',
    ]);
  });

  it('makes nothing when preflight fails, and ends with its error', () => {
    const error = { code: 'CAP-9001' as const, message: 'quota' };
    const { result, trace } = runOrchestration(
      'provisionCluster',
      testRef,
      activities((name) => (name === 'runPreflight' ? failed(error) : done({}))),
    );
    expect(result).toEqual({ status: 'failed', error });
    expect(trace.calls).toEqual([
      'reportStep(preflight):running',
      'runPreflight',
      'reportStep(preflight):failed',
      'finishOperation',
    ]);
  });

  it.each([
    'createKeys',
    'ensureResource',
    'waitForApi',
    'installAgent',
    'pivotCluster',
    'scaleControlPlane',
    'ensureWorkerPool',
    'ensureAddOn',
    'copyImageSlice',
  ])('stops after the stage in which %s fails, and always ends the operation', (broken) => {
    const error = { code: 'CAP-9001' as const, message: 'no' };
    const { result, trace } = runOrchestration(
      'provisionCluster',
      testRef,
      activities((name) => (name === broken ? failed(error) : done({}))),
    );
    expect(result).toEqual({ status: 'failed', error });
    expect(trace.calls.at(-1)).toBe('finishOperation');
    expect(trace.calls).not.toContain('reportStep(finish):running');
  });

  it('stops when an activity says that somebody cancelled', () => {
    const { result, trace } = runOrchestration(
      'provisionCluster',
      testRef,
      activities((name) => (name === 'installAgent' ? { status: 'cancelled' } : done({}))),
    );
    expect(result).toEqual({ status: 'cancelled' });
    expect(trace.calls).not.toContain('pivotCluster');
    expect(trace.calls.at(-1)).toBe('finishOperation');
  });

  it('ends a copy that would go on by itself when it is cancelled, before the operation ends', () => {
    const { trace } = runOrchestration(
      'provisionCluster',
      testRef,
      activities((name) => (name === 'finishImageCopy' ? { status: 'cancelled' } : done({}))),
    );
    const ending = trace.calls.filter((call) => ['abortImageCopy', 'finishOperation'].includes(call));
    expect(ending).toEqual(['abortImageCopy', 'finishOperation']);
  });

  it('plans again when somebody takes the name of the storage account, and gives up after three plans', () => {
    const run = (thefts: number) => {
      let left = thefts;
      const taken = failed({ code: 'CAP-3008' as const, message: 'taken' });
      const { result, trace } = runOrchestration(
        'provisionCluster',
        testRef,
        activities((name, input) =>
          name === 'ensureResource' && input['key'] === 'storageAccount' && left-- > 0 ? taken : done({}),
        ),
      );
      return [(result as { status: string }).status, trace.calls.filter((call) => call === 'runPreflight').length];
    };
    expect([run(0), run(1), run(2), run(3)]).toEqual([
      ['done', 1],
      ['done', 2],
      ['done', 3],
      ['failed', 3],
    ]);
  });

  it.each(['CAP-3305', 'CAP-3309'] as const)('copies again after %s, and gives up after three copies', (code) => {
    let copies = 0;
    const { result, trace } = runOrchestration(
      'provisionCluster',
      testRef,
      activities((name) => {
        if (name === 'finishImageCopy') copies++;
        return name === 'finishImageCopy' ? failed({ code, message: 'again' }) : done({});
      }),
    );
    expect([copies, result]).toEqual([3, { status: 'failed', error: { code, message: 'again' } }]);
    expect(trace.calls).not.toContain('abortImageCopy');
  });

  describe.each(['CAP-3019', 'CAP-3310'] as const)('whose image step finds something shared full (%s)', (code) => {
    const where = (number: number) => `/subscriptions/s/full-${number}`;
    /** The account is full so many times. */
    const run = (times: number, taken = true) => {
      let left = times;
      return runOrchestration(
        'provisionCluster',
        testRef,
        activities((name, input) => {
          if (name === 'takeNextShare') {
            expect(input['full']).toEqual({ code, where: where(left) });
            return done({ taken, keys: taken && left === 0 ? ['left-a', 'left-b'] : [] });
          }
          const hit = name === 'ensureResource' && input['key'] === 'storageAccount' && left > 0;
          return hit ? failed({ code, message: 'full', where: where(--left) }) : done({});
        }),
      );
    };

    it('takes the next one by itself, leaves what it had joined, and does nothing else twice', () => {
      const { result, trace } = run(2);
      expect(result).toMatchObject({ status: 'done' });
      const story = trace.calls.filter((call) => /storageAccount|takeNextShare|removeResource|planImage/.test(call));
      expect(story).toEqual([
        'ensureResource(image):storageAccount',
        'takeNextShare',
        'ensureResource(image):storageAccount',
        'takeNextShare',
        'removeResource:left-a',
        'removeResource:left-b',
        'ensureResource(image):storageAccount',
        'planImageCopy',
      ]);
      for (const once of ['runPreflight', 'createKeys', 'ensureResource(network):virtualNetwork'])
        expect(trace.calls.filter((call) => call === once)).toHaveLength(1);
      expect(trace.calls.filter((call) => call === 'reportStep(image):running')).toHaveLength(1);
    });

    it('is bounded, and ends with the error where there is no other one', () => {
      const error = { code, message: 'full', where: where(5) };
      const endless = run(26);
      expect(endless.result).toEqual({ status: 'failed', error });
      expect(endless.trace.calls.filter((call) => call === 'takeNextShare')).toHaveLength(20);
      const none = run(6, false);
      expect(none.result).toEqual({ status: 'failed', error });
      expect(none.trace.calls.filter((call) => call === 'takeNextShare')).toHaveLength(1);
    });

    it('is deterministic', () => {
      expect(run(3).trace.calls).toEqual(run(3).trace.calls);
    });
  });

  it('makes a first machine that does not come up anew, once: delete, ensure again, wait again', () => {
    const run = (looks: readonly object[]) => {
      let look = 0;
      return runOrchestration(
        'provisionCluster',
        testRef,
        activities((name) => {
          if (name !== 'waitForApi') return done({});
          look += 1;
          return done({ ...looks[look - 1] });
        }),
      );
    };
    const booted = run([{ replace: true }, {}]);
    expect(booted.result).toMatchObject({ status: 'done' });
    const calls = booted.trace.calls.filter((call) =>
      /waitForApi|clearFirstMachine|ensureResource\(controlPlane\):virtualMachine|installAgent/.test(call),
    );
    expect(calls).toEqual([
      'ensureResource(controlPlane):virtualMachine',
      'waitForApi',
      'clearFirstMachine',
      'ensureResource(controlPlane):virtualMachine',
      'waitForApi',
      'installAgent',
    ]);
    expect(run([{}]).trace.calls).not.toContain('clearFirstMachine');
  });

  it('is deterministic: the same answers give the same calls', () => {
    const run = () => runOrchestration('provisionCluster', testRef, activities()).trace.calls;
    expect(run()).toEqual(run());
  });
});

describe('a changed document', () => {
  it('scales control plane and pools, and nothing else', () => {
    const { result, trace } = runOrchestration('updateCluster', testRef, activities());
    expect(result).toMatchObject({ status: 'done' });
    expect(trace.calls.filter((call) => !call.startsWith('reportStep'))).toEqual([
      'planUpdate',
      'scaleControlPlane',
      'ensureWorkerPool:general',
      'finishOperation',
    ]);
  });
});

describe('the waiting loop', () => {
  const job = { activity: 'waitForApi', input: { ref: testRef, step: 'controlPlane' }, boundSeconds: 3600 };

  it('waits as long as it is told, hands the state back, and keeps each execution short', () => {
    let calls = 0;
    const { result, trace } = runOrchestration('pursue', job, (_name, input) => {
      expect(input['state']).toEqual(calls === 0 ? undefined : { seen: calls });
      calls++;
      return calls === 100 ? done({}) : wait(10, { state: { seen: calls } });
    });
    expect(result).toMatchObject({ status: 'done' });
    expect(calls).toBe(100);
    expect(trace.elapsed).toBeGreaterThanOrEqual(990_000);
    expect(trace.longest).toBeLessThanOrEqual(100);
  });

  it('gives up at its bound and says what was seen last', () => {
    const { result, trace } = runOrchestration('pursue', job, () => wait(60, { sentence: 'VM is creating' }));
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'CAP-9006', cause: 'It was last seen: VM is creating' },
    });
    expect(trace.elapsed).toBeLessThan(3_700_000);
  });

  it('does not count the time in which the app was away', () => {
    let calls = 0;
    const { result, trace } = runOrchestration('pursue', job, (_name, _input, seen) => {
      calls++;
      if (seen !== undefined && (calls === 10 || calls === 90)) seen.late = 3_000_000;
      return calls === 250 ? done({}) : wait(10);
    });
    expect(result).toMatchObject({ status: 'done' });
    expect(trace.elapsed).toBeGreaterThan(8_000_000);
  });

  it('runs faster with a time scale, but never gives up sooner than a machine can work', () => {
    const fast = { ...job, input: { ...job.input, ref: { ...testRef, timeScale: 300 } }, boundSeconds: 600 };
    const { trace } = runOrchestration('pursue', fast, () => wait(30));
    expect(trace.elapsed).toBeGreaterThanOrEqual(180_000);
  });
});
