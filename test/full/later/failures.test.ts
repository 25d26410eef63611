import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clusterClient } from '../../support/cluster-client.ts';
import { sampleDocument } from '../../support/sample-plan.ts';
import { type ClusterStatus, type Stack, startStack, story } from '../../support/stack.ts';

/** Rollouts that fail, each with its one root cause, and how they end: taken back, or tried again. */
let stack: Stack;
const pool = { name: 'general', replicas: 2, vmSize: 'Standard_D4s_v5', zones: ['1', '2'] };
const base = {
  controlPlane: { replicas: 1, vmSize: 'Standard_D2s_v5' },
  workerPools: [pool],
};
const document = sampleDocument(base);

beforeAll(async () => {
  stack = await startStack({ scale: 600 });
  await stack.post(document, 'sample');
  const { status } = await stack.settled('demo');
  if (status.phase !== 'Ready') throw new Error(`the cluster is ${status.phase}`);
}, 120_000);
afterAll(async () => stack.stop());

async function apply(next: object): Promise<ClusterStatus> {
  const answer = await stack.request('PUT', '/api/clusters/demo', JSON.stringify(next));
  expect(answer.status, answer.text).toBe(202);
  return stack.settled('demo', 200_000);
}

async function back(): Promise<void> {
  await stack.noFaults();
  const seen = await apply(document);
  expect([seen.status.phase, seen.status.error], story(seen)).toEqual(['Ready', undefined]);
  expect(seen.status.nodes.map((node) => node.ready)).toEqual([true, true, true]);
}

const refuse = (resource: string, status: number, code: string, message: string) =>
  stack.fault({ match: { method: 'PUT', resource }, times: 0, action: { kind: 'status', status, code, message } });
const resized = sampleDocument({ ...base, workerPools: [{ ...pool, vmSize: 'Standard_D2s_v5' }] });
const upgraded = sampleDocument({
  ...base,
  kubernetes: { version: 'v1.34.1' },
  image: { vhd: 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.34.1.vhd' },
});

describe('a rollout that fails', () => {
  it('by quota names it, keeps the running machines, and is taken back by applying the old document', async () => {
    await refuse(
      'virtualMachines/demo-general',
      409,
      'OperationNotAllowed',
      'Operation could not be completed as it results in exceeding approved standardDSv5Family Cores quota.',
    );
    const seen = await apply(resized);
    expect([seen.status.phase, seen.status.error?.code], story(seen)).toEqual(['Failed', 'CAP-6001']);
    expect(seen.status.nodes.filter((node) => node.role === 'worker' && node.ready)).toHaveLength(2);
    await back();
  }, 200_000);

  it('by a missing image names it, and goes on when applied again', async () => {
    await refuse('virtualMachines/demo-general', 404, 'ImageNotFound', 'The image was not found.');
    const seen = await apply(resized);
    expect([seen.status.phase, seen.status.error?.code], story(seen)).toEqual(['Failed', 'CAP-6003']);
    await stack.noFaults();
    const again = await apply(resized);
    expect([again.status.phase, again.status.generation], story(again)).toEqual(['Ready', seen.status.generation]);
    await back();
  }, 200_000);

  it('because the new control-plane machine does not join: the old one serves on, and the old version is taken back', async () => {
    const client = await clusterClient(stack, 'demo');
    const info = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name: 'cluster-info' };
    const stored = await client.get(info);
    // Without it no machine can find out whether it talks to the right API server.
    await client.delete(info);
    const seen = await apply(upgraded);
    expect([seen.status.phase, seen.status.error?.code], story(seen)).toEqual(['Failed', 'CAP-6005']);
    expect(seen.status.steps.find((step) => step.id === 'workerPools')?.state).toBe('pending');
    expect(seen.status.nodes.filter((node) => node.ready)).toHaveLength(3);
    // Taken back while the machine still cannot join: one that has joined runs the newer version, and stays.
    await back();
    const { resourceVersion: _version, uid: _uid, ...metadata } = stored!.metadata;
    await client.create({ ...stored!, metadata });
    client.close();
    expect((await stack.status('demo'))!.status.nodes.filter((node) => node.role === 'control-plane')).toHaveLength(1);
  }, 200_000);

  it('before it starts, where Azure refuses: nothing is changed', async () => {
    const nothere = sampleDocument({
      ...base,
      kubernetes: { version: 'v1.34.1' },
      image: { vhd: 'https://capstanimages.blob.core.windows.net/images/not-there.vhd' },
    });
    const seen = await apply(nothere);
    expect(seen.status.phase).toBe('Failed');
    expect(seen.status.steps.filter((step) => step.state !== 'pending').map((step) => [step.id, step.state])).toEqual([
      ['preflight', 'failed'],
    ]);
    await stack.fault({ quota: { location: 'westeurope', family: 'standardDSv5Family', limit: 11 } });
    const surge = await apply(sampleDocument({ ...base, workerPools: [{ ...pool, replicas: 9 }] }));
    expect([surge.status.phase, surge.status.steps[0]?.error?.code], story(surge)).toEqual([
      'Failed',
      expect.stringMatching(/^CAP-2/),
    ]);
    await stack.fault({ quota: { location: 'westeurope', family: 'standardDSv5Family', limit: 350 } });
    await back();
  }, 200_000);

  it('cancelled in the middle leaves what stands, and applying again finishes it', async () => {
    await stack.request('PUT', '/api/clusters/demo', JSON.stringify(resized));
    const running = await stack.until('demo', (seen) =>
      seen.status.steps.some((step) => step.id === 'workerPools' && step.state === 'running'),
    );
    await stack.request('POST', `/api/operations/${running.status.operation.id}/cancel`, '{"then":"keep"}');
    const stopped = await stack.settled('demo');
    expect(stopped.status.error?.code).toBe('CAP-9005');
    const again = await apply(resized);
    expect(again.status.phase, story(again)).toBe('Ready');
  }, 200_000);
});
