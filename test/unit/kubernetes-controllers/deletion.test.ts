import { afterEach, expect, test } from 'vitest';
import { adoptionBundle, applyBundle, CPA, NAME, NAMESPACE, VM, workerPool } from './support/bundle.ts';
import { path, SUBSCRIPTION } from './support/fake-azure.ts';
import { startWorld, until, type World } from './support/world.ts';

let world: World | undefined;
afterEach(() => world?.close());

const cluster = { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster', namespace: NAMESPACE, name: NAME };
const azureCluster = {
  apiVersion: 'infrastructure.cluster.x-k8s.io/v1beta1',
  kind: 'AzureCluster',
  namespace: NAMESPACE,
  name: NAME,
};
const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/platform`;
const tag = `sigs.k8s.io_cluster-api-provider-azure_cluster_${NAME}`;

async function adopted(): Promise<World> {
  world = await startWorld({ timeScale: 2000 });
  await world.install();
  applyBundle(world.client(), await adoptionBundle());
  world.client().patch(cluster, { spec: { paused: false } });
  const { get, dump } = world;
  await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
  return world;
}

const tagged = ({ azure }: World, id: string) => {
  const resource = azure.resources.get(id.toLowerCase())!;
  resource['tags'] = { ...resource['tags'], [tag]: 'owned' };
};

/** Takes CP-A out of Cluster API's hands without touching its VM, so that the AzureCluster can be deleted on its own. */
function releaseMachines({ client, list }: World): void {
  for (const kind of ['AzureMachine', 'Machine'] as const) {
    for (const object of list(kind)) {
      const reference = { apiVersion: object.apiVersion, kind, namespace: NAMESPACE, name: object.metadata.name };
      client().delete(reference);
      client().patch(reference, { metadata: { finalizers: null } });
    }
  }
}

function pauseControlPlane({ client }: World): void {
  client().patch(
    {
      apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2',
      kind: 'KubeadmControlPlane',
      namespace: NAMESPACE,
      name: `${NAME}-control-plane`,
    },
    { metadata: { annotations: { 'cluster.x-k8s.io/paused': 'true' } } },
  );
}

test('R4: a resource group with the tag goes whole when the AzureCluster is deleted', async () => {
  const running = await adopted();
  const { client, azure, get, dump } = running;
  tagged(running, group);
  pauseControlPlane(running);
  releaseMachines(running);
  client().delete(azureCluster);
  await until('the group is deleted', () => azure.writes.includes(`DELETE ${group}`), dump);
  await until('the AzureCluster is gone', () => get('AzureCluster', NAME) === undefined, dump);
});

test('without the tag on the group only what carries it is deleted: the rest, and the group, stay', async () => {
  const running = await adopted();
  const { client, azure, get, dump } = running;
  tagged(running, path('loadBalancers', `${NAME}-public-lb`));
  tagged(running, path('publicIPAddresses', `pip-${NAME}-apiserver`));
  pauseControlPlane(running);
  releaseMachines(running);
  client().delete(azureCluster);
  await until('the AzureCluster is gone', () => get('AzureCluster', NAME) === undefined, dump);
  expect(azure.writes).toEqual([
    `DELETE ${path('loadBalancers', `${NAME}-public-lb`)}`,
    `DELETE ${path('publicIPAddresses', `pip-${NAME}-apiserver`)}`,
  ]);
});

test('a Cluster that deletes itself removes its workers, then the machine it runs on, and leaves the rest behind', async () => {
  const { client, azure, get, machines, dump } = await adopted();
  workerPool('pool', '1', 1).forEach((document) => client().create(document));
  await until('a worker', () => get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 1, dump);
  client().delete(cluster);
  await until('the control plane', () => azure.writes.some((write) => write === `DELETE ${VM}`));
  await until('the API is gone', () => machines.listeningPort(VM, 6443) === undefined);
  const deleted = azure.writes
    .filter((write) => /DELETE .*virtualMachines\//.test(write))
    .map((write) => write.split('/').at(-1));
  expect(deleted[0]).toMatch(/^pool-/);
  expect(deleted.at(-1)).toBe(CPA);
  expect(azure.resources.has(path('loadBalancers', `${NAME}-public-lb`).toLowerCase())).toBe(true);
  expect(azure.writes).not.toContain(`DELETE ${group}`);
});

test('while the Cluster is paused a deletion waits', async () => {
  const { client, azure, get } = await adopted();
  client().patch(cluster, { spec: { paused: true } });
  await until('paused', () => world!.condition(get('Cluster', NAME), 'Paused')?.status === 'True');
  client().delete(cluster);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(get('Cluster', NAME)).toBeDefined();
  expect(azure.writes).toEqual([]);
});
