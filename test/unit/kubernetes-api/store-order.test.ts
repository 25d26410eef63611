import { describe, expect, it } from 'vitest';
import { ObjectStore } from '#local/kubernetes/api/store.ts';

const object = (namespace: string, name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name },
});

describe('the store of the simulated API server', () => {
  it('lists a bucket in key order at any time: after objects came, changed and went', () => {
    const store = new ObjectStore(':memory:');
    const names = (namespace?: string) =>
      store.list('/configmaps', namespace).map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
    expect(names()).toEqual([]);
    for (const name of ['c', 'a']) store.put('/configmaps', object('x', name));
    store.put('/configmaps', object('w', 'z'));
    expect(names()).toEqual(['w/z', 'x/a', 'x/c']);
    store.put('/configmaps', object('x', 'b'));
    store.put('/configmaps', { ...object('x', 'a'), data: { changed: 'yes' } });
    expect(names()).toEqual(['w/z', 'x/a', 'x/b', 'x/c']);
    expect(store.list('/configmaps', 'x')[0]).toMatchObject({ data: { changed: 'yes' } });
    store.remove('/configmaps', object('x', 'b'));
    expect(names('x')).toEqual(['x/a', 'x/c']);
    store.put('/configmaps', object('x', 'b'));
    expect(names('x')).toEqual(['x/a', 'x/b', 'x/c']);
    store.close();
  });
});
