import * as fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { NodeObject, Taint, Toleration } from '#local/kubernetes/controllers/kinds.ts';
import { placePod, tolerates } from '#local/kubernetes/controllers/workloads/scheduling.ts';
import { components, manifests, startWorld, until } from './support/world.ts';
import type { World } from './support/world.ts';

let world: World | undefined;
afterEach(() => world?.close());

const deployment = (name: string, spec: Record<string, unknown>) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'default' },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }], ...spec } },
  },
});

test('a Deployment without control-plane toleration stays Pending on a lone control plane and says why', async () => {
  world = await startWorld();
  await world.install(['cloud-provider-azure', 'calico']);
  world.client().create(deployment('plain', {}));
  world
    .client()
    .create(
      deployment('tolerant', { tolerations: [{ key: 'node-role.kubernetes.io/control-plane', operator: 'Exists' }] }),
    );
  await until(
    'the tolerant one',
    () => world!.condition(world!.get('Deployment', 'tolerant', 'default'), 'Available')?.status === 'True',
    world.dump,
  );
  const blocked = await until(
    'the reason',
    () =>
      world!
        .condition(world!.get('Deployment', 'plain', 'default'), 'Available')
        ?.message.includes('untolerated taint') && world!.get('Deployment', 'plain', 'default'),
    world.dump,
  );
  expect(world.condition(blocked, 'Available')?.message).toContain(
    'untolerated taint {node-role.kubernetes.io/control-plane: }',
  );
  expect(world.events().some((event) => event.includes('FailedScheduling: 0/1 nodes are available'))).toBe(true);
});

test('without a network plugin the node is not ready, and without the cloud provider it stays uninitialized', async () => {
  world = await startWorld();
  await until(
    'NotReady',
    () => world!.condition(world!.list('Node')[0], 'Ready')?.message.includes('cni plugin not initialized'),
    world.dump,
  );
  await world.install(['cloud-provider-azure']);
  await until(
    'initialized',
    () => world!.list('Node')[0]?.['spec'].providerID?.startsWith('azure:///subscriptions/'),
    world.dump,
  );
  expect(world.list('Node')[0]?.['spec'].taints.some((taint: Taint) => taint.key.includes('uninitialized'))).toBe(
    false,
  );
  expect(world.condition(world.list('Node')[0], 'Ready')?.status).toBe('False');
});

test('a Job completes, a pod with a missing secret waits for it', async () => {
  world = await startWorld();
  await world.install(['cloud-provider-azure', 'calico']);
  const tolerations = [{ operator: 'Exists' }];
  world.client().create({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'once', namespace: 'default' },
    spec: { template: { spec: { restartPolicy: 'Never', tolerations, containers: [{ name: 'c', image: 'i' }] } } },
  });
  world
    .client()
    .create(deployment('mounted', { tolerations, volumes: [{ name: 'v', secret: { secretName: 'late' } }] }));
  await until(
    'complete',
    () => world!.condition(world!.get('Job', 'once', 'default'), 'Complete')?.status === 'True',
    world.dump,
  );
  await until(
    'mount failure',
    () => world!.events().some((event) => event.includes('secret "late" not found')),
    world.dump,
  );
  world.client().create({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'late', namespace: 'default' } });
  await until(
    'available',
    () => world!.condition(world!.get('Deployment', 'mounted', 'default'), 'Available')?.status === 'True',
    world.dump,
  );
});

test('webhooks of a component refuse connections until its Deployment is Available', async () => {
  world = await startWorld();
  await world.install(['cloud-provider-azure', 'calico']);
  for (const document of manifests('cert-manager.yaml')) world.client().create(document);
  const issuer = {
    apiVersion: 'cert-manager.io/v1',
    kind: 'Issuer',
    metadata: { name: 'i', namespace: 'default' },
    spec: { selfSigned: {} },
  };
  expect(() => world!.client().create(issuer)).toThrow(/failed calling webhook.*connection refused/s);
});

test('every component lists Deployments that its manifest holds, and all tolerate the control plane', () => {
  for (const component of components()) {
    const documents = manifests(component.file) as any[];
    for (const name of component.deployments) {
      const found = documents.find((document) => document.kind === 'Deployment' && document.metadata.name === name);
      expect(found?.metadata.namespace, `${component.name}/${name}`).toBe(component.namespace);
      expect(
        tolerates(found.spec.template.spec.tolerations, {
          key: 'node-role.kubernetes.io/control-plane',
          effect: 'NoSchedule',
        }),
      ).toBe(true);
    }
    for (const definition of documents.filter(
      (document) => document.kind === 'CustomResourceDefinition' && document.spec.group.endsWith('cluster.x-k8s.io'),
    )) {
      expect(Object.keys(definition.metadata.labels)).toContain('clusterctl.cluster.x-k8s.io');
    }
  }
});

test('a pod is placed exactly on the nodes whose taints it tolerates', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const taint = fc.record({
    key,
    effect: fc.constantFrom<Taint['effect']>('NoSchedule', 'NoExecute', 'PreferNoSchedule'),
  });
  const toleration: fc.Arbitrary<Toleration> = fc.record({ key, operator: fc.constant<'Exists'>('Exists') });
  fc.assert(
    fc.property(
      fc.array(fc.array(taint, { maxLength: 3 }), { maxLength: 4 }),
      fc.array(toleration, { maxLength: 3 }),
      (nodes, tolerations) => {
        const objects: NodeObject[] = nodes.map((taints, index) => ({
          apiVersion: 'v1',
          kind: 'Node',
          metadata: { name: `n${index}` },
          spec: { taints },
        }));
        const { feasible } = placePod({ tolerations }, objects);
        const keys = new Set(tolerations.map((entry) => entry.key));
        const expected = objects.filter((node) =>
          node.spec!.taints!.every((entry) => entry.effect === 'PreferNoSchedule' || keys.has(entry.key)),
        );
        expect(feasible).toEqual(expected);
      },
    ),
  );
});
