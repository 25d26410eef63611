import type { InvocationContext } from '@azure/functions';
import { describe, expect, it } from 'vitest';
import { runActivity } from '../../../activities/define.ts';
import type { ActivityRuntime } from '../../../activities/runtime.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import type { Outcome } from '#domain/outcome.ts';

const ref = { name: 'c', uid: 'u', generation: 1, operationId: 'c-u-1', timeScale: 1 };
const head = { name: 'c', uid: 'u', operation: { id: ref.operationId } };
const runtime = {
  store: { clusters: { head: async () => ({ value: head, etag: '1' }), step: async () => undefined } },
} as unknown as ActivityRuntime;

/** Calls the activity as `pursue` does, until it ends. */
async function pursue(failure: () => CapstanFailure): Promise<{ calls: number; last: Outcome<object> }> {
  let state: Readonly<Record<string, unknown>> | undefined;
  for (let calls = 1; ; calls++) {
    const last = await runActivity(
      runtime,
      async () => {
        throw failure();
      },
      { ref, step: 'keys', ...(state === undefined ? {} : { state }) },
      {} as InvocationContext,
    );
    if (last.status !== 'wait') return { calls, last };
    ({ state } = last);
  }
}

describe('an activity that throws a registered failure', () => {
  const error = { code: 'CAP-3401', message: 'Key Vault is away.' } as const;

  it('tries again when it may pass, and ends with that failure when it does not', async () => {
    const { calls, last } = await pursue(() => new CapstanFailure(error, { passing: true }));
    expect(calls).toBe(8);
    expect(last).toEqual({ status: 'failed', error });
  });

  it('ends at once when it is for good', async () => {
    const { calls, last } = await pursue(() => new CapstanFailure(error));
    expect(calls).toBe(1);
    expect(last).toEqual({ status: 'failed', error });
  });
});
