import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Stack, startStack, story } from '../support/stack.ts';
import { sampleDocument } from '../support/sample-plan.ts';

/** What was made is deleted again, completely, by inventory and tags; what is others' stays. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ settings: { CAPSTAN_SWEEP_GRACE_SECONDS: '1' } });
});
afterAll(async () => {
  await stack.stop();
});

const small = { controlPlane: { replicas: 1 }, workerPools: [{ name: 'w', replicas: 2 }] };

/** Everything in the simulated Azure that is there because of clusters. */
const leftovers = async (name: string) =>
  (await stack.resources())
    .filter(
      (resource) => resource.id.includes(name) || Object.keys(resource.tags ?? {}).some((tag) => tag.endsWith(name)),
    )
    .map((resource) => resource.id);

describe('delete', () => {
  it('leaves nothing of a cluster, and keeps what another cluster still uses', async () => {
    const seeded = (await stack.resources()).map((resource) => resource.id).toSorted((a, b) => a.localeCompare(b));
    await Promise.all(['gone-a', 'gone-b'].map(async (name) => stack.post(sampleDocument(small, name))));
    for (const name of ['gone-a', 'gone-b']) {
      const seen = await stack.settled(name);
      expect(seen.status.phase, story(seen)).toBe('Ready');
    }
    const answer = await stack.request('DELETE', '/api/clusters/gone-a');
    expect(answer.status).toBe(202);
    const location = answer.headers.get('location') ?? '';
    const again = await stack.request('DELETE', '/api/clusters/gone-a');
    expect([again.status, again.headers.get('location')]).toEqual([202, location]);
    const deleted = await stack.settled('gone-a');
    expect(deleted.status.phase, story(deleted)).toBe('Deleted');
    expect(JSON.parse((await stack.request('GET', location)).text)).toMatchObject({
      state: 'finished',
      kind: 'delete',
    });
    expect(await leftovers('gone-a')).toEqual([]);
    const kept = deleted.status.inventory.filter((item) => item.state === 'kept');
    expect(kept.map((item) => item.kind).toSorted((a, b) => a.localeCompare(b))).toEqual([
      'blobContainer',
      'image',
      'storageAccount',
    ]);
    expect(deleted.status.deletion?.kept.map((item) => [item.kind, item.users])).toEqual(
      kept.map((item) => [item.kind, ['gone-b']]),
    );
    expect(deleted.status.deletion?.deleted.length).toBeGreaterThan(15);
    expect(deleted.status.deletion?.secrets.map((secret) => secret.purged)).toEqual([true, true, true, true]);
    expect(deleted.status.inventory.filter((item) => !['deleted', 'kept'].includes(item.state))).toEqual([]);
    await stack.send(
      JSON.stringify({
        schemaVersion: '1',
        operation: 'delete',
        requestId: 'del-b',
        cluster: { metadata: { name: 'gone-b' } },
      }),
    );
    await stack.until('gone-b', (seen) => seen.status.phase === 'Deleted');
    // After the last cluster the subscription is as it was before the first.
    expect((await stack.resources()).map((resource) => resource.id).toSorted((a, b) => a.localeCompare(b))).toEqual(
      seeded,
    );
    expect(await stack.unmodelled()).toEqual([]);
  });

  it('frees the name: the same cluster can be made again', async () => {
    await stack.post(sampleDocument({ ...small, workerPools: [] }, 'gone-a'));
    const seen = await stack.until('gone-a', (status) => ['Ready', 'Failed'].includes(status.status.phase));
    expect(seen.status.phase, story(seen)).toBe('Ready');
    await stack.request('DELETE', '/api/clusters/gone-a');
    await stack.until('gone-a', (status) => status.status.phase === 'Deleted');
    expect(await leftovers('gone-a')).toEqual([]);
  });

  it('can be chosen when an operation is cancelled; keeping what exists, too', async () => {
    await stack.post(sampleDocument(small, 'cancelled'));
    const { status } = await stack.until('cancelled', (seen) =>
      seen.status.steps.some((step) => step.id === 'network' && step.state === 'running'),
    );
    const cancel = await stack.request('POST', `/api/operations/${status.operation.id}/cancel`, '{"then":"keep"}');
    expect(cancel.status).toBe(202);
    const stopped = await stack.settled('cancelled');
    expect([stopped.status.phase, stopped.status.error?.code]).toEqual(['Failed', 'CAP-9005']);
    expect(
      (await stack.request('POST', `/api/operations/${status.operation.id}/cancel`, '{"then":"keep"}')).status,
    ).toBe(409);
    await stack.request('DELETE', '/api/clusters/cancelled');
    await stack.until('cancelled', (seen) => seen.status.phase === 'Deleted');
    expect(await leftovers('cancelled')).toEqual([]);
  });

  it('of a cluster that does not exist is said', async () => {
    expect((await stack.request('DELETE', '/api/clusters/never')).status).toBe(404);
  });
});

describe('plan', () => {
  it('lists checks, resources and the critical path, and writes nothing', async () => {
    const before = await stack.resources();
    const answer = await stack.request(
      'POST',
      '/api/clusters/planned/plan',
      JSON.stringify(sampleDocument({}, 'planned')),
    );
    expect(answer.status).toBe(200);
    const plan = JSON.parse(answer.text) as {
      ok: boolean;
      resources: { action: string }[];
      checks: unknown[];
      criticalPathSeconds: number;
    };
    expect(plan.ok).toBe(true);
    expect(plan.checks.length).toBeGreaterThan(10);
    expect(plan.resources.every((resource) => resource.action === '+')).toBe(true);
    expect(plan.criticalPathSeconds).toBeGreaterThan(600);
    expect(await stack.resources()).toEqual(before);
  });
});
