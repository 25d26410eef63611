import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleDocument } from '../support/sample-plan.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** First machines that do not come up: said with phase and evidence, made anew once, never more. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack.stop();
});

const small = (name: string) => sampleDocument({ controlPlane: { replicas: 1 }, workerPools: [] }, name);

const machineWrites = async (name: string) =>
  (await stack.requests()).filter(
    ({ method, path }) => method !== 'GET' && new RegExp(`/virtualMachines/${name}-[^/?]+(\\?|$)`, 'i').test(path),
  );

const events = async (name: string, type: string) =>
  ((await stack.events(name)) as { type: string; sentence: string; evidence?: string[] }[]).filter(
    (event) => event.type === type,
  );

describe('a first machine that does not come up', () => {
  it('once is made anew with its disks, and the cluster becomes Ready', async () => {
    await stack.fault({ boot: { machine: '^once-', phase: 'image pull' } });
    await stack.post(small('once'));
    const { status } = await stack.settled('once');
    expect([status.phase, status.error]).toEqual(['Ready', undefined]);
    expect((await machineWrites('once')).map(({ method }) => method)).toEqual(['PUT', 'DELETE', 'PUT']);
    const [retry, ...others] = await events('once', 'boot.retry');
    expect([others, retry?.sentence]).toEqual([[], expect.stringContaining('image pull')]);
    expect(retry?.evidence).toEqual(
      expect.arrayContaining([
        'stopped in: image pull',
        expect.stringMatching(/^machine: running/),
        expect.stringContaining('failed to pull image'),
      ]),
    );
  });

  it('twice fails with the phase it stopped in; applying again makes it anew', async () => {
    await stack.fault({ boot: { machine: '^twice-', phase: 'etcd', kind: 'hangs' } });
    await stack.fault({ boot: { machine: '^twice-', phase: 'API server' } });
    await stack.post(small('twice'));
    const { status } = await stack.settled('twice');
    expect(status).toMatchObject({
      phase: 'Failed',
      error: { code: 'CAP-4203', cause: expect.stringMatching(/^API server: .*context deadline exceeded.* · running/) },
    });
    expect((await events('twice', 'boot.retry'))[0]?.sentence).toMatch(/etcd: nothing new for [3-9]\d minutes/);
    expect((await events('twice', 'boot.failed'))[0]?.evidence).toContain('stopped in: API server');
    expect((await machineWrites('twice')).map(({ method }) => method)).toEqual(['PUT', 'DELETE', 'PUT']);
    await stack.post(small('twice'));
    const again = await stack.until('twice', ({ status: now }) => now.phase === 'Ready');
    expect(again.status.error).toBeUndefined();
  });
});
