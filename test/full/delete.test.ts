import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { armAs, blobNames } from '../support/arm.ts';
import { sampleDocument } from '../support/sample-plan.ts';
import { type Stack, startStack, story } from '../support/stack.ts';

/** Deletions in trouble and on the user's own ground: complete all the same, or the rest is listed with its reason. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ settings: { CAPSTAN_SWEEP_GRACE_SECONDS: '1' } });
});
afterAll(async () => {
  await stack.stop();
});

const small = { controlPlane: { replicas: 1 }, workerPools: [{ name: 'w', replicas: 1 }] };

const leftovers = async (name: string) =>
  (await stack.resources())
    .filter(
      (resource) => resource.id.includes(name) || Object.keys(resource.tags ?? {}).some((tag) => tag.endsWith(name)),
    )
    .map((resource) => resource.id);

describe('delete', () => {
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
});
