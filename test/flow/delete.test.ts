import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { armAs, blobNames } from '../support/arm.ts';
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

  it('takes the copy out of an account of the user, and leaves everything else of theirs', async () => {
    const storage = { account: 'corpimages0001', resourceGroup: 'storage', container: 'images' };
    const theirs = async () => ({
      blobs: await blobNames(stack.gatewayUrl, 'corpimages0001', 'images'),
      resources: (await stack.resources()).filter((resource) =>
        /resourceGroups\/(?:storage|network)\//.test(resource.id),
      ),
    });
    const before = await theirs();
    await Promise.all(['own-a', 'own-b'].map(async (name) => stack.post(sampleDocument({ ...small, storage }, name))));
    for (const name of ['own-a', 'own-b']) expect((await stack.settled(name)).status.phase).toBe('Ready');
    expect((await theirs()).blobs).toHaveLength(before.blobs.length + 1);
    await stack.request('DELETE', '/api/clusters/own-a');
    const first = await stack.until('own-a', (seen) => seen.status.phase === 'Deleted');
    expect(first.status.deletion?.kept.find((item) => item.kind === 'blobContainer')).toMatchObject({
      users: ['own-b'],
    });
    expect((await theirs()).blobs).toHaveLength(before.blobs.length + 1);
    await stack.request('DELETE', '/api/clusters/own-b');
    const last = await stack.until('own-b', (seen) => seen.status.phase === 'Deleted');
    expect(await theirs()).toEqual(before);
    expect(last.status.deletion?.kept.map((item) => [item.kind, item.reason])).toEqual(
      expect.arrayContaining([['storageAccount', 'it belongs to you']]),
    );
  });

  it('does not need the API server: after a bounded attempt to stop the controllers it goes on', async () => {
    await stack.post(sampleDocument({ ...small, workerPools: [] }, 'headless'));
    const ready = await stack.settled('headless');
    expect(ready.status.phase, story(ready)).toBe('Ready');
    const machine = ready.status.inventory.find((item) => item.kind === 'virtualMachine')!.id;
    const owner = await armAs(stack.gatewayUrl);
    await owner.need('POST', `${machine}/deallocate`, '2024-07-01');
    await stack.request('DELETE', '/api/clusters/headless');
    const { status } = await stack.until('headless', (seen) => seen.status.phase === 'Deleted');
    const sentence = status.steps.find((step) => step.id === 'stopControllers')?.sentence;
    expect(sentence).toBe('the API server does not answer: deleting without it');
    expect(await leftovers('headless')).toEqual([]);
  });

  it('lists the keys that cannot be purged, with the date until which they are recoverable', async () => {
    const match = { method: 'DELETE', path: '/deletedsecrets/' };
    await stack.fault({
      service: 'vault',
      match,
      times: 0,
      action: { kind: 'status', status: 403, code: 'Forbidden' },
    });
    await stack.post(sampleDocument({ ...small, workerPools: [] }, 'kept-keys'));
    await stack.settled('kept-keys');
    await stack.request('DELETE', '/api/clusters/kept-keys');
    const { status } = await stack.until('kept-keys', (seen) => seen.status.phase === 'Deleted');
    expect(status.deletion?.secrets).toHaveLength(4);
    for (const secret of status.deletion?.secrets ?? []) {
      expect(secret.purged).toBe(false);
      expect(Date.parse(secret.recoverableUntil ?? '')).toBeGreaterThan(Date.now() + 80 * 24 * 3600 * 1000);
    }
    expect(status.steps.find((step) => step.id === 'deleteSecrets')?.sentence).toMatch(/recoverable until 20/);
  });

  it('frees the name: the same cluster can be made again', async () => {
    await stack.post(sampleDocument({ ...small, workerPools: [] }, 'gone-a'));
    const seen = await stack.until('gone-a', (status) => ['Ready', 'Failed'].includes(status.status.phase));
    expect(seen.status.phase, story(seen)).toBe('Ready');
    await stack.request('DELETE', '/api/clusters/gone-a');
    await stack.until('gone-a', (status) => status.status.phase === 'Deleted');
    expect(await leftovers('gone-a')).toEqual([]);
  });

  it('of a running provision stops it first', async () => {
    await stack.post(sampleDocument(small, 'halfway'));
    const running = await stack.until('halfway', (seen) =>
      seen.status.steps.some((step) => step.id === 'controlPlane' && step.state === 'running'),
    );
    expect(running.status.phase).toBe('Provisioning');
    expect((await stack.request('DELETE', '/api/clusters/halfway')).status).toBe(202);
    await stack.until('halfway', (seen) => seen.status.phase === 'Deleted');
    expect(await leftovers('halfway')).toEqual([]);
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
