import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CheckAnswer } from '#services/check.ts';
import { armAs, simulatedSubscription } from '../support/arm.ts';
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

  it('whose creation is stopped and continued with other pools has those alone', async () => {
    const system = { name: 'system', mode: 'System', replicas: 1, vmSize: 'Standard_D2s_v5' };
    const pool = (name: string) => ({ name, replicas: 1, vmSize: 'Standard_D2s_v5' });
    await put('aks-other', { nodePools: [system, pool('early')] });
    const { status } = await running('aks-other', 'managedCluster');
    await expect.poll(async () => writesOf('aks-other')).toBe(1);
    await stack.request('POST', `/api/operations/${status.operation.id}/cancel`, '{"then":"keep"}');
    await stack.settled('aks-other');
    expect((await put('aks-other', { nodePools: [system, pool('late')] })).status).toBe(202);
    const seen = await stack.settled('aks-other');
    expect(seen.status.phase, story(seen)).toBe('Ready');
    expect(new Set(seen.status.nodes.map((node) => node.pool))).toEqual(new Set(['late', 'system']));
    const answer = await stack.request('POST', '/api/clusters/aks-other/actions/reconcile');
    expect((JSON.parse(answer.text) as CheckAnswer).findings).toEqual([]);
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

  it('is compared with its document: what others changed is said, and brought back when the document asks for it', async () => {
    const nodePools = [
      { name: 'system', mode: 'System', replicas: 1, vmSize: 'Standard_D2s_v5' },
      { name: 'more', replicas: 1, vmSize: 'Standard_D2s_v5' },
    ];
    const look = async () => {
      const answer = await stack.request('POST', '/api/clusters/aks-stop/actions/reconcile');
      expect(answer.status, answer.text).toBe(200);
      return JSON.parse(answer.text) as CheckAnswer;
    };
    expect(await look()).toMatchObject({ api: { reachable: true }, findings: [] });
    const arm = await armAs(stack.gatewayUrl);
    const pool = `${simulatedSubscription}/resourceGroups/platform/providers/Microsoft.ContainerService/managedClusters/aks-stop/agentPools`;
    const { properties } = await arm.need('GET', `${pool}/more`, '2025-08-01');
    await arm.need('PUT', `${pool}/more`, '2025-08-01', { properties: { ...(properties as object), count: 2 } });
    await expect.poll(async () => (await look()).findings, { timeout: 60_000, interval: 300 }).toHaveLength(1);
    expect((await look()).findings).toEqual([
      {
        kind: 'drift',
        where: expect.stringMatching(/agentPools\/more count$/),
        sentence: 'agentPool more: count is not what the document says',
        repairable: true,
      },
    ]);
    const said = (await stack.events('aks-stop')).filter(({ type }) => type === 'check.drift');
    expect(said).toHaveLength(1);
    const { status } = JSON.parse((await stack.request('GET', '/api/clusters/aks-stop')).text) as {
      status: { conditions: { type: string; status: string }[] };
    };
    expect(status.conditions.find(({ type }) => type === 'InSync')?.status).toBe('False');
    expect((await put('aks-stop', { nodePools, reconcile: 'repair' })).status).toBe(202);
    const seen = await stack.settled('aks-stop');
    expect(seen.status.phase, story(seen)).toBe('Ready');
    await look();
    const repaired = await stack.settled('aks-stop');
    expect(repaired.status.phase, story(repaired)).toBe('Ready');
    expect((await look()).findings).toEqual([]);
  });

  it('has no certificates and no bundle of its own, and says what takes their place', async () => {
    for (const [method, route, instead] of [
      ['POST', 'actions/renew-certificates', 'az aks rotate-certs'],
      ['GET', 'bundle', 'az aks show'],
    ] as const) {
      const answer = await stack.request(method, `/api/clusters/aks-stop/${route}`);
      expect([answer.status, JSON.parse(answer.text)]).toEqual([422, expect.objectContaining({ code: 'CAP-1110' })]);
      expect(answer.text).toContain(instead);
    }
  });
});
