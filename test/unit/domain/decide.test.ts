import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Application, decideAction, decideApply } from '#domain/decide.ts';
import type { ClusterHead } from '#domain/record.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { sampleDocument } from '../../support/sample-plan.ts';

const document = sampleDocument();
const scaled = sampleDocument({ controlPlane: { replicas: 5, vmSize: 'Standard_D2s_v5' } });
const resized = sampleDocument({ controlPlane: { replicas: 3, vmSize: 'Standard_D4s_v5' } });
const older = sampleDocument({ kubernetes: { version: 'v1.32.0' } });
const sha = (value: ClusterDocument) => JSON.stringify(value);

const application = (requestId: string, value = document): Application => ({
  requestId,
  document: value,
  documentSha: sha(value),
  now: '2026-01-01T00:00:00.000Z',
  newUid: 'aaaaaaaa-0000-4000-8000-000000000000',
});

function head(patch: Partial<ClusterHead> & { state?: ClusterHead['operation']['state'] } = {}): ClusterHead {
  const decision = decideApply(application('first'), undefined, undefined);
  if (decision.kind !== 'write') throw new Error('unreachable');
  const { state = 'finished', ...rest } = patch;
  return {
    ...decision.head,
    phase: 'Ready',
    observedGeneration: 1,
    operation: { ...decision.head.operation, state },
    ...rest,
  };
}

describe('what an apply comes to', () => {
  it('remembers the tags of every document since the cluster was last Ready, but not those that are wanted', () => {
    const tagged = (...names: string[]) => ({
      ...document,
      metadata: { ...document.metadata, tags: Object.fromEntries(names.map((name) => [name, 'x'])) },
    });
    const after = (before: ClusterHead, ...names: string[]): ClusterHead => {
      const decision = decideApply(application(`r${before.operations + 1}`, tagged(...names)), before, document);
      if (decision.kind !== 'write') throw new Error(decision.kind);
      return { ...decision.head, phase: 'Failed', operation: { ...decision.head.operation, state: 'finished' } };
    };
    const first = after(head({ phase: 'Failed', tags: { a: '1' } }), 'b');
    expect(first.formerTags).toEqual(['a']);
    const second = after(first, 'c');
    expect(second.formerTags).toEqual(['a', 'b']);
    const third = after(second, 'a', 'c');
    expect(third.formerTags).toEqual(['b']);
    expect(after(third, 'a', 'b', 'c')).not.toHaveProperty('formerTags');
  });

  it('starts a new cluster', () => {
    const decision = decideApply(application('r'), undefined, undefined);
    expect(decision).toMatchObject({
      kind: 'write',
      newLife: true,
      head: { generation: 1, phase: 'Accepted', operation: { id: 'demo-aaaaaaaa-1', state: 'recorded' } },
    });
  });

  it('knows the same request again, whatever happened since', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('Ready', 'Failed', 'Provisioning', 'Updating'),
        fc.constantFrom('recorded', 'started', 'finished'),
        (phase, state) => {
          expect(decideApply(application('first'), head({ phase, state }), document)).toEqual({
            kind: 'same',
            operationId: 'demo-aaaaaaaa-1',
          });
        },
      ),
    );
  });

  it('refuses another document while an operation runs, and joins the same one', () => {
    expect(
      decideApply(application('r2', scaled), head({ state: 'started', phase: 'Provisioning' }), document),
    ).toMatchObject({ kind: 'refuse', error: { code: 'CAP-1009' } });
    expect(decideApply(application('r2'), head({ state: 'started', phase: 'Provisioning' }), document)).toMatchObject({
      kind: 'unchanged',
    });
  });

  it('does nothing for the same document of a Ready cluster', () => {
    expect(decideApply(application('r2'), head(), document)).toMatchObject({ kind: 'unchanged' });
  });

  it('takes changed replica counts as an update of the next generation', () => {
    expect(decideApply(application('r2', scaled), head(), document)).toMatchObject({
      kind: 'write',
      newLife: false,
      head: { generation: 2, operation: { kind: 'update', id: 'demo-aaaaaaaa-2' } },
    });
  });

  it('takes a change of size, and names the fields that cannot be changed with the reason', () => {
    expect(decideApply(application('r2', resized), head(), document)).toMatchObject({
      kind: 'write',
      head: { generation: 2, operation: { kind: 'update' } },
    });
    const moved = sampleDocument({ azure: { ...document.spec.azure, location: 'northeurope' } });
    expect(decideApply(application('r2', moved), head(), document)).toMatchObject({
      kind: 'refuse',
      error: { code: 'CAP-1010', where: 'spec.azure.location', cause: expect.stringContaining('stays') },
    });
  });

  it('refuses an older Kubernetes and a jump over a minor version', () => {
    expect(decideApply(application('r2', older), head(), document)).toMatchObject({
      kind: 'refuse',
      error: { code: 'CAP-1008' },
    });
    const jump = sampleDocument({ kubernetes: { version: 'v1.35.0' } });
    expect(decideApply(application('r2', jump), head(), document)).toMatchObject({
      kind: 'refuse',
      error: { code: 'CAP-1023' },
    });
  });

  it('takes a failed upgrade back to the document that was last brought about', () => {
    const upgraded = sampleDocument({ kubernetes: { version: 'v1.34.1' } });
    const failed = head({ phase: 'Failed', generation: 2, documentSha: sha(upgraded) });
    expect(decideApply(application('r3'), failed, upgraded, document)).toMatchObject({
      kind: 'write',
      head: { generation: 3, documentSha: sha(document), operation: { kind: 'update' } },
    });
  });

  it('queues the next request when asked, in order and once, and refuses it otherwise', () => {
    const running = head({ state: 'started', phase: 'Updating' });
    const queue = { ...application('r2', scaled), onConflict: 'queue' as const };
    const first = decideApply(queue, running, document);
    if (first.kind !== 'queue') throw new Error(`not queued: ${first.kind}`);
    expect(first.head.queue?.map((waiting) => waiting.requestId)).toEqual(['r2']);
    expect(decideApply(queue, first.head, document)).toEqual({ kind: 'queued' });
    const second = decideApply({ ...queue, requestId: 'r3' }, first.head, document);
    expect(second).toMatchObject({ kind: 'queue', head: { queue: [{ requestId: 'r2' }, { requestId: 'r3' }] } });
    expect(decideApply({ ...queue, onConflict: 'refuse' }, running, document)).toMatchObject({
      kind: 'refuse',
      error: { code: 'CAP-1009' },
    });
    const leaving = head({ state: 'started', phase: 'Updating' });
    const deleting = { ...leaving, operation: { ...leaving.operation, cancel: 'delete' as const } };
    expect(decideApply(queue, deleting, document)).toMatchObject({ kind: 'refuse' });
  });

  it('renews and repairs only a cluster that was Ready once and rests', () => {
    const now = '2026-01-02T00:00:00.000Z';
    expect(decideAction('renew', 'a1', now, head())).toMatchObject({
      kind: 'write',
      head: { generation: 1, operation: { kind: 'renew', id: 'demo-aaaaaaaa-2', requestId: 'a1' } },
    });
    expect(decideAction('renew', 'first', now, head())).toMatchObject({ kind: 'same' });
    expect(decideAction('repair', 'a1', now, head({ state: 'started' }))).toMatchObject({
      error: { code: 'CAP-1009' },
    });
    expect(decideAction('repair', 'a1', now, head({ observedGeneration: 0 }))).toMatchObject({
      error: { code: 'CAP-1017' },
    });
  });

  it('continues a failed provision with a corrected document, but never elsewhere in Azure', () => {
    const failed = head({ phase: 'Failed', observedGeneration: 0 });
    expect(decideApply(application('r2', resized), failed, document)).toMatchObject({
      kind: 'write',
      head: { generation: 2, operation: { kind: 'provision' } },
    });
    expect(decideApply(application('r3'), failed, document)).toMatchObject({
      kind: 'write',
      head: { generation: 1, operations: 2 },
    });
    const moved = sampleDocument({ azure: { ...document.spec.azure, location: 'northeurope' } });
    expect(decideApply(application('r4', moved), failed, document)).toMatchObject({
      kind: 'refuse',
      error: { code: 'CAP-1010', where: 'spec.azure.location' },
    });
  });

  it('gives a deleted name a new life', () => {
    const later = { ...application('r9'), newUid: 'bbbbbbbb-0000-4000-8000-000000000000' };
    expect(decideApply(later, head({ phase: 'Deleted' }), document)).toMatchObject({
      kind: 'write',
      newLife: true,
      head: { uid: later.newUid },
    });
  });
});
