import { describe, expect, it } from 'vitest';
import { jsonPatch } from '#local/kubernetes/api/patch/json-patch.ts';
import { mergePatch } from '#local/kubernetes/api/patch/merge-patch.ts';
import { strategicMergePatch } from '#local/kubernetes/api/patch/strategic.ts';

describe('JSON patch', () => {
  it('adds, replaces, removes, moves, copies and tests', () => {
    const document = { a: { 'b/c': 1 }, list: [1, 2] };
    const patch = [
      { op: 'test', path: '/a/b~1c', value: 1 },
      { op: 'add', path: '/list/-', value: 3 },
      { op: 'add', path: '/list/0', value: 0 },
      { op: 'replace', path: '/a/b~1c', value: 5 },
      { op: 'copy', from: '/a', path: '/copy' },
      { op: 'move', from: '/list/1', path: '/first' },
      { op: 'remove', path: '/a' },
    ];
    expect(jsonPatch(document, patch)).toEqual({ list: [0, 2, 3], copy: { 'b/c': 5 }, first: 1 });
    expect(document).toEqual({ a: { 'b/c': 1 }, list: [1, 2] });
  });

  it.each([
    [[{ op: 'test', path: '/a', value: 2 }], 422],
    [[{ op: 'remove', path: '/missing' }], 422],
    [[{ op: 'add', path: '/list/9', value: 1 }], 422],
    [[{ op: 'jump', path: '/a' }], 400],
    [{ op: 'add' }, 400],
  ])('refuses %j with %i', (patch, code) => {
    expect(() => jsonPatch({ a: 1, list: [] }, patch)).toThrow(
      expect.objectContaining({ status: expect.objectContaining({ code }) }),
    );
  });
});

describe('JSON merge patch', () => {
  it('merges maps, replaces lists and removes by null', () => {
    expect(mergePatch({ a: { b: 1, c: 2 }, l: [1] }, { a: { b: null, d: {} }, l: [2] })).toEqual({
      a: { c: 2, d: {} },
      l: [2],
    });
  });
});

describe('strategic merge patch', () => {
  const pod = {
    spec: {
      containers: [
        { name: 'a', image: '1' },
        { name: 'b', image: '1' },
      ],
      tolerations: [{ key: 'x' }],
    },
    metadata: { finalizers: ['one'] },
  };

  it('merges containers by name, appends new ones, deletes by directive', () => {
    const patch = { spec: { containers: [{ name: 'b', image: '2' }, { name: 'c' }, { name: 'a', $patch: 'delete' }] } };
    expect(strategicMergePatch(pod, patch)['spec']).toMatchObject({
      containers: [{ name: 'b', image: '2' }, { name: 'c' }],
    });
  });

  it('obeys the order directive and replaces lists without a merge key', () => {
    const patch = {
      spec: {
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }],
        containers: [{ name: 'a', image: '9' }],
        tolerations: [{ key: 'y' }],
      },
    };
    expect(strategicMergePatch(pod, patch)['spec']).toEqual({
      containers: [
        { name: 'b', image: '1' },
        { name: 'a', image: '9' },
      ],
      tolerations: [{ key: 'y' }],
    });
  });

  it('unites finalizers, deletes from primitive lists, replaces and retains by directive', () => {
    expect(strategicMergePatch(pod, { metadata: { finalizers: ['two'] } })['metadata']).toEqual({
      finalizers: ['one', 'two'],
    });
    expect(
      strategicMergePatch(pod, { metadata: { '$deleteFromPrimitiveList/finalizers': ['one'] } })['metadata'],
    ).toEqual({ finalizers: [] });
    expect(
      strategicMergePatch(
        { strategy: { type: 'a', rollingUpdate: {} } },
        { strategy: { $retainKeys: ['type'], type: 'b' } },
      ),
    ).toEqual({ strategy: { type: 'b' } });
    expect(strategicMergePatch({ data: { a: 1 } }, { data: { $patch: 'replace', b: 2 } })).toEqual({ data: { b: 2 } });
  });
});
