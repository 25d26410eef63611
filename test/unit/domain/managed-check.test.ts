import { describe, expect, it } from 'vitest';
import { compareManaged, type ManagedObservation } from '#domain/check/managed.ts';
import { managedPlan } from '../../support/managed-sample.ts';

const running = { provisioning: 'Succeeded', power: 'Running' };
const plan = managedPlan({
  nodePools: [
    { name: 'system', mode: 'System', replicas: 1, vmSize: 'Standard_D2s_v5' },
    { name: 'work', replicas: 2, vmSize: 'Standard_D2s_v5' },
  ],
});
const inSync: ManagedObservation = {
  resources: Object.fromEntries(plan.resources.map(({ key }) => [key, []])),
  state: running,
  pools: [
    { name: 'system', ...running },
    { name: 'work', ...running },
  ],
};
const found = (patch: Partial<ManagedObservation>) =>
  compareManaged(plan, { ...inSync, ...patch }).map(({ kind, where, repairable }) => [
    kind,
    where.split('/').at(-1),
    repairable,
  ]);

describe('a check of an AKS cluster', () => {
  it('finds nothing where Azure is what the document says, also while AKS works on it', () => {
    expect(found({})).toEqual([]);
    expect(found({ state: { provisioning: 'Updating', power: 'Running' } })).toEqual([]);
  });

  it('says which fields others changed, and that a repair brings them back', () => {
    const resources = { ...inSync.resources, 'pool-work': ['count', 'nodeLabels'] };
    expect(found({ resources })).toEqual([['drift', 'work count,nodeLabels', true]]);
  });

  it('says what is gone: a pool, the role on the network, the whole cluster in one sentence', () => {
    const { 'pool-work': _pool, networkRole: _role, ...resources } = inSync.resources;
    expect(found({ resources }).map(([kind]) => kind)).toEqual(['missing', 'missing']);
    const { managedCluster: _cluster, 'pool-system': _system, ...left } = resources;
    expect(compareManaged(plan, { resources: left, pools: [] }).map(({ where }) => where.split('/').at(-1))).toEqual([
      'roleAssignments',
      'aks',
    ]);
  });

  it('leaves a pool alone that the document does not have, and says so', () => {
    const pools = [...inSync.pools, { name: 'theirs', ...running }];
    expect(found({ pools })).toEqual([['foreign', 'pool theirs', false]]);
  });

  it('says what is stopped, and what AKS failed at', () => {
    const pools = [{ name: 'system', provisioning: 'Failed', power: 'Running' }, inSync.pools[1]!];
    expect(found({ pools, state: { provisioning: 'Succeeded', power: 'Stopped' } })).toEqual([
      ['paused', 'AKS cluster aks', false],
      ['unhealthy', 'pool system', true],
    ]);
  });
});
