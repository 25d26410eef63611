import { describe, expect, it } from 'vitest';
import { faultRuleSchema } from '#local/azure/arm/engine/faults.ts';
import { policySchema } from '#local/azure/arm/engine/governance.ts';
import type { Doors } from '#local/start/api.ts';
import { followRequest, nextOperation } from '#local/start/follow.ts';
import type { Stack } from '#local/start/running.ts';
import type { AzureRequestLine, EventView, RequestView, StatusDocument } from '#local/start/status-document.ts';
import { createTroublemaker, orderFor } from '#local/start/trouble.ts';
import { at, documentAt } from './documents.ts';

interface Script {
  documents?: (StatusDocument | undefined)[];
  requests?: (RequestView | undefined)[];
  events?: EventView[];
  refusals?: AzureRequestLine[];
}

/** Doors that answer from lists; the last answer of a list stays. */
function doors({ documents = [], requests = [], events = [], refusals = [] }: Script) {
  const ordered: unknown[] = [];
  const take = <T>(list: T[]): T | undefined => (list.length > 1 ? list.shift() : list[0]);
  const made: Doors = {
    healthy: async () => true,
    status: async () => take(documents),
    request: async () => take(requests),
    events: async (_cluster, after) => ({ events: after === undefined ? events : [], cursor: events[0]?.cursor }),
    resources: async () => [],
    requestsAfter: async (seq) => refusals.filter((line) => line.seq > seq),
    simulatorAnswers: async () => true,
    async clearFaults() {
      ordered.push('clear');
    },
    async order(faults) {
      ordered.push(...faults);
    },
  };
  return { doors: made, ordered };
}

function options(script: Script) {
  const seen: StatusDocument[] = [];
  const sentences: string[] = [];
  return {
    seen,
    sentences,
    given: {
      doors: doors(script).doors,
      cluster: 'demo',
      signal: new AbortController().signal,
      interval: 1,
      onDocument: (document: StatusDocument) => {
        seen.push(document);
      },
      onEvent: (event: EventView) => {
        sentences.push(event.sentence);
      },
    },
  };
}

const request = (outcome: RequestView['outcome'], rest: Partial<RequestView> = {}): RequestView => ({
  requestId: 'start-1',
  cluster: 'demo',
  outcome,
  ...rest,
});

describe('following a request', () => {
  it('goes on until its operation has ended and hands events on in order', async () => {
    const events = ['newest', 'middle', 'oldest'].map((sentence, index) => ({
      cursor: `c${index}`,
      type: 'storage.credential',
      at: at(index),
      sentence,
    }));
    const documents = [undefined, documentAt(1), documentAt(20), documentAt(34)];
    const { given, seen, sentences } = options({ documents, requests: [undefined, request('accepted')], events });
    const ending = await followRequest('start-1', given);
    expect(ending.kind).toBe('ready');
    expect(seen.map(({ status }) => status.phase)).toEqual(['Provisioning', 'Provisioning', 'Ready']);
    expect(sentences).toEqual(['oldest', 'middle', 'newest']);
  });

  it('does not take the result of an earlier request for its own', async () => {
    const before = documentAt(34);
    const ours = (seconds: number): StatusDocument => {
      const document = documentAt(seconds);
      const operation = { ...document.status.operation, id: 'demo-7f3c2a00-2', requestId: 'start-2' };
      return { ...document, status: { ...document.status, operation } };
    };
    const { given, seen } = options({
      documents: [before, before, ours(20), ours(34)],
      requests: [undefined, undefined, request('accepted')],
    });
    await followRequest('start-2', given);
    expect(seen.map(({ status }) => status.operation.id)).toEqual(['demo-7f3c2a00-2', 'demo-7f3c2a00-2']);
  });

  it('shows a cluster that is Ready already as it is', async () => {
    const { given, seen } = options({ documents: [documentAt(34)], requests: [request('unchanged')] });
    expect((await followRequest('start-9', given)).kind).toBe('ready');
    expect(seen.length).toBe(1);
  });

  it('ends with the reason when the request is refused', async () => {
    const error = { code: 'CAP-1009' as const, message: 'busy' };
    const { given } = options({ documents: [documentAt(3)], requests: [request('refused', { error })] });
    expect(await followRequest('start-2', given)).toMatchObject({ kind: 'refused', request: { error } });
  });

  it('notices the next operation', async () => {
    const next = documentAt(1);
    const operation = { ...next.status.operation, id: 'demo-7f3c2a00-2' };
    const { given } = options({ documents: [{ ...next, status: { ...next.status, operation } }] });
    await nextOperation('demo-7f3c2a00-1', given);
  });
});

describe('--break', () => {
  const { spec } = documentAt(0);

  it('aims at what the cluster asks for', () => {
    expect(orderFor('zone', spec).faults).toEqual([
      { sku: { name: 'Standard_D4s_v5', location: 'westeurope', zones: ['3'] } },
    ]);
    const azure = { ...spec.azure, location: 'eastus2' };
    expect(orderFor('quota', { ...spec, azure }).faults).toEqual([
      { quota: { location: 'eastus2', family: 'cores', limit: 10 } },
    ]);
  });

  const stack = (log: string[]): Stack => ({
    died: new Promise(() => {}),
    pid: () => 1,
    async killAndRestartHost() {
      log.push('killed');
      return 42;
    },
    async stop() {},
    killAll() {},
  });

  it('takes earlier orders back, with or without new ones', async () => {
    for (const trouble of [undefined, 'kill', 'quota'] as const) {
      const { doors: opened, ordered } = doors({});
      await createTroublemaker(trouble, spec, opened, stack([])).prepare();
      expect(ordered[0]).toBe('clear');
      expect(ordered.length).toBe(trouble === 'quota' ? 2 : 1);
    }
  });

  it('gives orders that the simulated Azure understands', () => {
    for (const rule of orderFor('throttle', spec).faults) expect(faultRuleSchema.safeParse(rule).success).toBe(true);
    for (const fault of orderFor('keys', spec).faults)
      expect(policySchema.safeParse((fault as { policy: unknown }).policy).success).toBe(true);
  });

  it('kill: kills the host once, in the middle of a later step', async () => {
    const log: string[] = [];
    const trouble = createTroublemaker('kill', spec, doors({}).doors, stack(log));
    expect(await trouble.look(documentAt(2))).toEqual([]);
    expect((await trouble.look(documentAt(8)))[0]).toMatch(/pid 42, SIGKILL.*Control plane/);
    expect(await trouble.look(documentAt(14))).toEqual([]);
    expect(log).toEqual(['killed']);
  });

  it('throttle: says how often Azure refused, once the run has ended', async () => {
    const line = { service: 'arm', method: 'PUT', path: '/' };
    const refusals = [
      { ...line, seq: 1, status: 429 },
      { ...line, seq: 2, status: 201 },
      { ...line, seq: 3, status: 429 },
    ];
    const trouble = createTroublemaker('throttle', spec, doors({ refusals }).doors, stack([]));
    expect(await trouble.look(documentAt(5))).toEqual([]);
    expect((await trouble.look(documentAt(34)))[0]).toMatch(/^2 calls got 429/);
  });
});
