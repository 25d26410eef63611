import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rawManagedSample } from '../support/managed-sample.ts';
import { type Stack, startStack, story } from '../support/stack.ts';

/** AKS clusters whose run is cut short: by the loss of the host, by somebody who stops it, by a refusal of Azure. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ scale: 100, settings: { CAPSTAN_SWEEP_GRACE_SECONDS: '1' } });
});
afterAll(async () => {
  await stack.stop();
});

const put = async (name: string, spec: object = {}) =>
  stack.request('PUT', `/api/clusters/${name}`, JSON.stringify(rawManagedSample(spec, name)));
const running = async (name: string, step: string) =>
  stack.until(name, ({ status }) => status.steps.some(({ id, state }) => id === step && state === 'running'));
const writesOf = async (name: string) =>
  (await stack.requests()).filter(
    ({ method, path }) => method === 'PUT' && new RegExp(`managedClusters/${name}(\\?|$)`, 'i').test(path),
  ).length;

describe('an AKS cluster', () => {
  it('is made once, although the host dies while AKS works on it', async () => {
    await put('aks-kill');
    await running('aks-kill', 'managedCluster');
    await stack.killHost();
    await stack.startHost();
    const seen = await stack.settled('aks-kill');
    expect(seen.status.phase, story(seen)).toBe('Ready');
    expect(await writesOf('aks-kill')).toBe(1);
  });

  it('whose creation is stopped is made to its end by applying again', async () => {
    await put('aks-stop');
    const { status } = await running('aks-stop', 'managedCluster');
    await stack.request('POST', `/api/operations/${status.operation.id}/cancel`, '{"then":"keep"}');
    const stopped = await stack.settled('aks-stop');
    expect([stopped.status.phase, stopped.status.error?.code]).toEqual(['Failed', 'CAP-9005']);
    expect((await put('aks-stop')).status).toBe(202);
    const seen = await stack.settled('aks-stop');
    expect(seen.status.phase, story(seen)).toBe('Ready');
    expect(await writesOf('aks-stop')).toBe(1);
  });

  it('whose new pool Azure refuses says so with a code, and goes on when the cause is gone', async () => {
    const nodePools = [
      { name: 'system', mode: 'System', replicas: 1, vmSize: 'Standard_D2s_v5' },
      { name: 'more', replicas: 1, vmSize: 'Standard_D2s_v5' },
    ];
    await stack.fault({
      match: { method: 'PUT', path: 'agentPools/more' },
      times: 1,
      action: { kind: 'status', status: 403, code: 'RequestDisallowedByPolicy', message: 'no more pools' },
    });
    expect((await put('aks-stop', { nodePools })).status).toBe(202);
    const failed = await stack.settled('aks-stop');
    expect([failed.status.phase, failed.status.error?.code]).toEqual(['Failed', 'CAP-3002']);
    expect((await put('aks-stop', { nodePools })).status).toBe(202);
    const seen = await stack.settled('aks-stop');
    expect(seen.status.phase, story(seen)).toBe('Ready');
    expect(seen.status.nodes.map(({ pool }) => pool)).toEqual(['more', 'system']);
  });
});
