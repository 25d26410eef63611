import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planCluster } from '#domain/plan/plan.ts';
import { updateCost, updateStages } from '#domain/plan/update.ts';
import { withDefaults } from '#domain/spec/defaults.ts';
import { diffDocuments } from '#domain/spec/diff.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { sampleDocument, sampleFacts } from '../../support/sample-plan.ts';

const pool = { name: 'general', replicas: 5, vmSize: 'Standard_D4s_v5', zones: ['1', '2', '3'] };
const addOn = { name: 'ingress', namespace: 'ingress', manifests: ['kind: X'] };
const before = sampleDocument({ workerPools: [pool], addOns: [addOn] });
const changed = (patch: Record<string, unknown>, tags?: Record<string, string>): ClusterDocument => {
  const document = sampleDocument({ workerPools: [pool], addOns: [addOn], ...patch });
  return tags === undefined ? document : { ...document, metadata: { ...document.metadata, tags } };
};
const effects = (after: ClusterDocument) =>
  diffDocuments(before, after).map(({ path, effect, code }) => [path, effect, ...(code === undefined ? [] : [code])]);

describe('the difference of two documents', () => {
  it.each<[string, ClusterDocument, unknown[][]]>([
    ['replicas', changed({ controlPlane: { replicas: 5 } }), [['spec.controlPlane.replicas', 'in place']]],
    [
      'pool size',
      changed({ workerPools: [{ ...pool, replicas: 0 }] }),
      [['spec.workerPools[general].replicas', 'in place']],
    ],
    [
      'size',
      changed({ workerPools: [{ ...pool, vmSize: 'Standard_D2s_v5' }] }),
      [['spec.workerPools[general].vmSize', 'rollout']],
    ],
    [
      'disk',
      changed({ controlPlane: { etcdDisk: { sizeGiB: 512 } } }),
      [['spec.controlPlane.etcdDisk.sizeGiB', 'rollout']],
    ],
    ['next minor', changed({ kubernetes: { version: 'v1.34.1' } }), [['spec.kubernetes.version', 'rollout']]],
    ['patch', changed({ kubernetes: { version: 'v1.33.9' } }), [['spec.kubernetes.version', 'rollout']]],
    [
      'two minors',
      changed({ kubernetes: { version: 'v1.35.0' } }),
      [['spec.kubernetes.version', 'refused', 'CAP-1023']],
    ],
    ['older', changed({ kubernetes: { version: 'v1.33.3' } }), [['spec.kubernetes.version', 'refused', 'CAP-1008']]],
    ['image', changed({ image: { vhd: 'https://x.example/i/b.vhd' } }), [['spec.image.vhd', 'rollout']]],
    ['keys', changed({ sshKeys: [] }), [['spec.sshKeys', 'rollout']]],
    [
      'zone left',
      changed({ workerPools: [{ ...pool, zones: ['1', '2'] }] }),
      [['spec.workerPools[general].zones', 'in place']],
    ],
    [
      'labels',
      changed({ workerPools: [{ ...pool, labels: { a: 'b' } }] }),
      [['spec.workerPools[general].labels.a', 'in place']],
    ],
    ['pool gone', changed({ workerPools: [] }), [['spec.workerPools[general]', 'in place']]],
    [
      'callers',
      changed({ network: { api: { allowedCidrs: ['10.1.0.0/16'] } } }),
      [['spec.network.api.allowedCidrs', 'in place']],
    ],
    ['pods', changed({ network: { podCidr: '100.64.0.0/16' } }), [['spec.network.podCidr', 'refused', 'CAP-1010']]],
    ['account', changed({ storage: { account: 'another' } }), [['spec.storage.account', 'refused', 'CAP-1010']]],
    [
      'add-on',
      changed({ addOns: [{ ...addOn, manifests: ['kind: Y'] }] }),
      [['spec.addOns[ingress].manifests', 'in place']],
    ],
    ['tags', changed({}, { department: 'sales' }), [['metadata.tags.department', 'azure tags']]],
    ['reconcile', changed({ reconcile: 'repair' }), [['spec.reconcile', 'in place']]],
  ])('%s', (_name, after, expected) => {
    expect(effects(after)).toEqual(expected);
  });

  it('makes a pool anew in other zones only', () => {
    const there = changed({ workerPools: [{ ...pool, zones: ['1'] }] });
    const elsewhere = changed({ workerPools: [{ ...pool, zones: ['2'] }] });
    expect(diffDocuments(there, elsewhere).map(({ effect }) => effect)).toEqual(['replace pool']);
  });

  it('matches pools and add-ons by name: another order is no change', () => {
    const two = changed({ workerPools: [pool, { ...pool, name: 'gpu' }] });
    const turned = changed({ workerPools: [{ ...pool, name: 'gpu' }, pool] });
    expect(diffDocuments(two, turned)).toEqual([]);
  });

  it('says before a removal what becomes of the namespace', () => {
    expect(diffDocuments(before, changed({ addOns: [] }))[0]?.reason).toContain(
      'namespace ingress with everything in it',
    );
    const other = { ...addOn, name: 'other' };
    const both = changed({ addOns: [addOn, other] });
    expect(diffDocuments(both, changed({ addOns: [other] }))[0]?.reason).toContain('namespace ingress stays');
  });

  it('shows no manifest, no file, no proxy and no signature', () => {
    const after = changed({
      image: { vhd: 'https://x.example/i/b.vhd?sig=secret' },
      addOns: [{ ...addOn, manifests: ['kind: Secret'] }],
      nodes: { files: [{ path: '/etc/secret', content: 'secret' }] },
    });
    expect(JSON.stringify(diffDocuments(before, after))).not.toContain('ecret');
  });

  it('is empty for a document and itself, and between builds only holds what people changed', () => {
    const old = structuredClone(before) as unknown as { spec: { workerPools: Record<string, unknown>[] } };
    delete old.spec.workerPools[0]!['rollout'];
    expect(diffDocuments(before, before)).toEqual([]);
    expect(diffDocuments(withDefaults(old as unknown as ClusterDocument), before)).toEqual([]);
  });

  it('names the same paths in both directions', () => {
    const documents = [
      before,
      changed({ controlPlane: { replicas: 1 } }),
      changed({ workerPools: [] }),
      changed({ sshKeys: [] }),
    ];
    fc.assert(
      fc.property(fc.constantFrom(...documents), fc.constantFrom(...documents), (a, b) => {
        const paths = (from: ClusterDocument, to: ClusterDocument) => diffDocuments(from, to).map(({ path }) => path);
        expect(paths(a, b)).toEqual(paths(b, a));
      }),
    );
  });
});

describe('the order and price of an update', () => {
  const plan = (document: ClusterDocument) =>
    planCluster(document, sampleFacts(), 'c0ffee00-0000-4000-8000-000000000001');
  const stages = (after: ClusterDocument) => updateStages(diffDocuments(before, after), false);

  it('runs only what a change needs: the control plane before pools when it is replaced, beside them when it grows', () => {
    expect(stages(changed({ controlPlane: { replicas: 5 }, workerPools: [{ ...pool, replicas: 7 }] }))).toEqual([
      ['controlPlaneScale', 'workerPools'],
      ['finish'],
    ]);
    expect(stages(changed({ kubernetes: { version: 'v1.34.1' } }))).toEqual([
      ['controlPlaneScale'],
      ['workerPools'],
      ['finish'],
    ]);
    expect(stages(changed({}, {}))).toEqual([['clusterSettings'], ['tags'], ['finish']]);
    expect(stages(changed({ workerPools: [{ ...pool, name: 'other' }] }))).toEqual([
      ['workerPools'],
      ['removals'],
      ['finish'],
    ]);
  });

  it('looks at everything after an update that did not end well', () => {
    expect(updateStages([], true).flat()).toEqual([
      'network',
      'image',
      'clusterSettings',
      'tags',
      'controlPlaneScale',
      'workerPools',
      'addOns',
      'removals',
      'finish',
    ]);
  });

  it('counts the machines beside the wanted ones: one of the control plane, one in every zone of a pool', () => {
    const after = changed({ kubernetes: { version: 'v1.34.1' } });
    expect(updateCost(diffDocuments(before, after), plan(after), sampleFacts())).toMatchObject({
      surgeMachines: 4,
      surgeCores: 2 + 3 * 4,
      replaced: 8,
    });
    const scaled = changed({ workerPools: [{ ...pool, replicas: 7 }] });
    expect(updateCost(diffDocuments(before, scaled), plan(scaled), sampleFacts())).toMatchObject({
      surgeMachines: 0,
      replaced: 0,
    });
  });
});
