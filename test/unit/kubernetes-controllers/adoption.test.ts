import { afterEach, expect, test } from 'vitest';
import { adoptionBundle, applyBundle, CPA, NAME, NAMESPACE, workerPool } from './support/bundle.ts';
import { hasPublishedCrds, startWorld, until } from './support/world.ts';
import type { World } from './support/world.ts';

let world: World | undefined;
afterEach(() => world?.close());

const cluster = { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster', namespace: NAMESPACE, name: NAME };
const controlPlane = {
  apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2',
  kind: 'KubeadmControlPlane',
  namespace: NAMESPACE,
  name: `${NAME}-control-plane`,
};

const kinds = ['own', ...(hasPublishedCrds ? ['published' as const] : [])] as ('own' | 'published')[];

test.each(kinds)(
  'with %s CRDs a right bundle is adopted without one write to Azure, then grows to three control-plane nodes and its workers',
  async (crds) => {
    world = await startWorld();
    const { azure } = world;
    await world.install(undefined, crds);
    applyBundle(world.client(), await adoptionBundle());
    world.client().patch(cluster, { spec: { paused: false } });
    await until(
      'adoption',
      () =>
        world!.get('KubeadmControlPlane', controlPlane.name)?.['status']?.upToDateReplicas === 1 &&
        world!.condition(world!.get('Cluster', NAME), 'Available')?.status === 'True',
      world.dump,
    );
    expect(azure.writes).toEqual([]);
    expect(world.list('Machine').map((machine) => machine.metadata.name)).toEqual([CPA]);
    expect(world.get('Machine', CPA)?.['status'].nodeRef.name).toBe(CPA);

    world.client().patch(controlPlane, { spec: { replicas: 3 } });
    for (const zone of ['1', '2', '3'])
      workerPool(`${NAME}-general-${zone}`, zone, 2).forEach((document) => world!.client().create(document));
    await until(
      'three control-plane nodes',
      () => world!.get('KubeadmControlPlane', controlPlane.name)?.['status']?.readyReplicas === 3,
      world.dump,
    );
    await until(
      'workers',
      () => world!.list('MachineDeployment').every((deployment) => deployment['status']?.readyReplicas === 2),
      world.dump,
    );
    const nodes = world.list('Node');
    expect(nodes).toHaveLength(9);
    expect(nodes.every((node) => world!.condition(node, 'Ready')?.status === 'True')).toBe(true);
    const domains = world
      .list('Machine')
      .filter((machine) => machine.metadata.labels?.['cluster.x-k8s.io/control-plane'] !== undefined)
      .map((machine) => machine['spec'].failureDomain);
    expect(new Set(domains)).toEqual(new Set(['1', '2', '3']));
  },
);

test.each(kinds)('with %s CRDs the simulated controllers leave an idle cluster alone', async (crds) => {
  world = await startWorld();
  await world.install(undefined, crds);
  applyBundle(world.client(), await adoptionBundle());
  world.client().patch(cluster, { spec: { paused: false } });
  await until(
    'adoption',
    () => world!.condition(world!.get('Cluster', NAME), 'Available')?.status === 'True',
    world.dump,
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  const versions = (): string =>
    JSON.stringify(
      [
        'Cluster',
        'Machine',
        'KubeadmControlPlane',
        'AzureMachine',
        'AzureCluster',
        'Node',
        'Deployment',
        'DaemonSet',
      ].flatMap((kind) => world!.list(kind).map((object) => object.metadata.resourceVersion)),
    );
  const before = versions();
  const cpu = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(versions()).toBe(before);
  if (process.env['SHOW_CPU'] !== undefined) console.log(crds, process.cpuUsage(cpu));
});
