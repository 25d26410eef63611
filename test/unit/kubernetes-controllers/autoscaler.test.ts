import { afterEach, expect, test } from 'vitest';
import { adoptionBundle, applyBundle, NAME, NAMESPACE, workerPool } from './support/bundle.ts';
import { startWorld, until, type World } from './support/world.ts';

let world: World | undefined;
afterEach(() => world?.close());

const workload = (name: string, namespace: string, spec: object): any => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'x' }], ...spec } },
  },
});

test('a pod that no node takes makes its group grow within the bounds; a node left empty goes again', async () => {
  world = await startWorld({ timeScale: 2000 });
  await world.install();
  applyBundle(world.client(), await adoptionBundle());
  const { client, get, list, events, dump } = world;
  client().patch(
    { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster', namespace: NAMESPACE, name: NAME },
    { spec: { paused: false } },
  );
  await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
  for (const document of workerPool('pool', '1', 0)) {
    if (document.kind === 'MachineDeployment') {
      document.metadata.annotations = {
        'cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size': '0',
        'cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size': '1',
      };
    }
    client().create(document);
  }
  client().create(
    workload('cluster-autoscaler', 'kube-system', { hostNetwork: true, tolerations: [{ operator: 'Exists' }] }),
  );
  client().create(workload('web', 'default', {}));
  await until('a worker', () => get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 1, dump);
  await until('the pod runs', () => get('Deployment', 'web', 'default')?.['status']?.readyReplicas === 1, dump);
  expect(events().some((event) => event.includes('TriggeredScaleUp'))).toBe(true);
  // The group is at its maximum: a pod for a node that it does not make stays pending.
  client().create(workload('elsewhere', 'default', { nodeSelector: { disk: 'fast' } }));
  client().delete({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'default', name: 'web' });
  await until(
    'the empty node is gone',
    () => list('Node').length === 1 && get('MachineDeployment', 'pool')?.['spec'].replicas === 0,
    dump,
  );
});
