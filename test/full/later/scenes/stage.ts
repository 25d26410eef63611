import assert from 'node:assert/strict';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { group, subscription, cluster } from '../../azure/matrix.ts';
import { withKubectl } from '../../model/iaas.ts';
import { corporateNetwork, sampleImage } from '../../../support/sample-plan.ts';
import type { VirtualWorld } from '../../../support/virtual.ts';

/** What the scenes begin with, and how they look at what stands. */
export const pool = { name: 'general', replicas: 1, zones: ['1'], vmSize: 'Standard_D2s_v5' };
export const small = {
  azure: { subscriptionId: subscription, location: 'westeurope', resourceGroup: group },
  kubernetes: { version: 'v1.34.1' },
  image: sampleImage('v1.34.1'),
  controlPlane: { replicas: 1 },
  workerPools: [pool],
};
export const proxy = (host: string) => ({ network: corporateNetwork, proxy: { httpProxy: `http://${host}:3128` } });
export const key = (name: string) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zm9vYmFyYmF6cXV4 ${name}`;

const versions: Readonly<Record<string, string>> = {
  Node: 'v1',
  AzureCluster: 'infrastructure.cluster.x-k8s.io/v1beta1',
  KubeadmControlPlane: 'controlplane.cluster.x-k8s.io/v1beta2',
  KubeadmConfigTemplate: 'bootstrap.cluster.x-k8s.io/v1beta2',
};

/** Objects of a kind, as kubectl shows them. */
export async function objects(
  world: VirtualWorld,
  kind: string,
): Promise<readonly (KubernetesObject & Record<string, any>)[]> {
  const found = await withKubectl(world, async (client) =>
    client.list({
      apiVersion: versions[kind] ?? 'cluster.x-k8s.io/v1beta2',
      kind,
      ...(kind === 'Node' ? {} : { namespace: cluster }),
    }),
  );
  assert.ok(found !== undefined, 'the API server does not answer');
  return found;
}
/** Names of the nodes. */
export const nodes = async (world: VirtualWorld) =>
  (await objects(world, 'Node')).map(({ metadata }) => metadata.name).sort();

export async function arm(world: VirtualWorld, type: string, name = ''): Promise<any> {
  const route = `/subscriptions/${subscription}/resourceGroups/${group}/providers/${type}${name === '' ? '' : `/${name}`}`;
  return JSON.parse(await world.arm('GET', `${route}?api-version=2024-07-01`)) as unknown;
}

/** Every machine was made anew. */
export async function allReplaced(world: VirtualWorld, before: unknown): Promise<void> {
  const after = await nodes(world);
  assert.equal(after.length, (before as string[]).length);
  assert.deepEqual(
    after.filter((name) => (before as string[]).includes(name)),
    [],
  );
}

/** What new machines are told: of the control plane, and of the template that the pool uses. */
export async function bootstrap(world: VirtualWorld): Promise<readonly string[]> {
  const [controlPlane] = await objects(world, 'KubeadmControlPlane');
  const [deployment] = await objects(world, 'MachineDeployment');
  const used: string = deployment?.['spec'].template.spec.bootstrap.configRef.name;
  const template = (await objects(world, 'KubeadmConfigTemplate')).find(({ metadata }) => metadata.name === used);
  return [controlPlane, template].map((object) => JSON.stringify(object?.['spec']));
}

/** What belongs to the cluster alone: the account and the image are shared with other clusters. */
export async function ownResources(world: VirtualWorld) {
  return (await world.resources()).filter(
    ({ id, tags = {} }) =>
      Object.keys(tags).some((name) => name.endsWith(`_cluster_${cluster}`)) && !/storageAccounts|images/.test(id),
  );
}
