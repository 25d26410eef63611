import { afterEach, expect, test } from 'vitest';
import { adoptionBundle, applyBundle, NAME, NAMESPACE, workerPool } from './support/bundle.ts';
import { startWorld, until, type World } from './support/world.ts';

let world: World | undefined;
afterEach(() => world?.close());

const CORE = 'cluster.x-k8s.io/v1beta2';
const KCP = `${NAME}-control-plane`;

async function adopted(): Promise<World> {
  world = await startWorld({ timeScale: 2000 });
  await world.install();
  applyBundle(world.client(), await adoptionBundle());
  world
    .client()
    .patch({ apiVersion: CORE, kind: 'Cluster', namespace: NAMESPACE, name: NAME }, { spec: { paused: false } });
  const { get, dump } = world;
  await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
  return world;
}

function healthCheck(name: string, matchLabels: Record<string, string>, bound: number | string): any {
  return {
    apiVersion: CORE,
    kind: 'MachineHealthCheck',
    metadata: { name, namespace: NAMESPACE, labels: { 'cluster.x-k8s.io/cluster-name': NAME } },
    spec: {
      clusterName: NAME,
      selector: { matchLabels },
      checks: { unhealthyNodeConditions: [{ type: 'Ready', status: 'Unknown', timeoutSeconds: 300 }] },
      remediation: { triggerIf: { unhealthyLessThanOrEqualTo: bound } },
    },
  };
}

const stop = ({ azure, machines }: World, name: string) =>
  machines.stop([...azure.resources.keys()].find((key) => key.endsWith(`virtualmachines/${name}`))!, 'deallocated');

test('an unhealthy control-plane machine is replaced, one at a time, with the quorum of etcd kept', async () => {
  const { client, get, list, events, dump } = await adopted();
  client().patch(
    {
      apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2',
      kind: 'KubeadmControlPlane',
      namespace: NAMESPACE,
      name: KCP,
    },
    { spec: { replicas: 3 } },
  );
  const ready = () => get('KubeadmControlPlane', KCP)?.['status']?.readyReplicas;
  await until('three control-plane machines', () => ready() === 3, dump);
  client().create(healthCheck('control-plane', { 'cluster.x-k8s.io/control-plane': '' }, 1));
  const before = list('Machine').map((machine) => machine.metadata.name);
  const victim = before.find((name) => name !== 'demo-control-plane-cpa00')!;
  const { uid } = get('Machine', victim)!.metadata;
  stop(world!, victim);
  // Its successor may get the freed name.
  await until('it is gone', () => get('Machine', victim)?.metadata.uid !== uid, dump);
  await until('three again', () => ready() === 3 && list('Machine').length === 3, dump);
  expect(events().some((event) => event.includes(`Remediating: Deleting unhealthy Machine ${victim}`))).toBe(true);
});

test('the last control-plane machine is never remediated', async () => {
  const { client, get, condition, dump } = await adopted();
  const machine = 'demo-control-plane-cpa00';
  const marked = {
    type: 'OwnerRemediated',
    status: 'False',
    reason: 'WaitingForRemediation',
    message: '',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  };
  client().patch(
    { apiVersion: CORE, kind: 'Machine', namespace: NAMESPACE, name: machine },
    { status: { conditions: [...get('Machine', machine)!['status'].conditions, marked] } },
    'status',
  );
  await until(
    'a refusal',
    () => condition(get('Machine', machine), 'OwnerRemediated')?.reason === 'CannotBeRemediated',
    dump,
  );
  expect(get('Machine', machine)?.metadata.deletionTimestamp).toBeUndefined();
});

test('more unhealthy machines than the bound are left alone, and the check says so', async () => {
  const { client, get, list, condition, dump } = await adopted();
  workerPool('pool', '1', 2).forEach((document) => client().create(document));
  await until('two workers', () => get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 2, dump);
  const workers = list('Machine')
    .map((machine) => machine.metadata.name)
    .filter((name) => name.startsWith('pool'));
  workers.forEach((name) => stop(world!, name));
  client().create(healthCheck('pool', { 'cluster.x-k8s.io/deployment-name': 'pool' }, '40%'));
  await until(
    'it is refused',
    () => condition(get('MachineHealthCheck', 'pool'), 'RemediationAllowed')?.reason === 'TooManyUnhealthy',
    dump,
  );
  expect(list('Machine').map((machine) => machine.metadata.name)).toEqual(expect.arrayContaining(workers));
});

test('a worker whose Node somebody deleted is replaced at once', async () => {
  const { client, get, list, dump } = await adopted();
  workerPool('pool', '1', 1).forEach((document) => client().create(document));
  await until('a worker', () => get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 1, dump);
  client().create(healthCheck('pool', { 'cluster.x-k8s.io/deployment-name': 'pool' }, 1));
  const { name } = list('Machine').find((machine) => machine.metadata.name.startsWith('pool'))!.metadata;
  client().delete({ apiVersion: 'v1', kind: 'Node', name });
  await until('another machine', () => get('Machine', name) === undefined, dump);
  await until('ready again', () => get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 1, dump);
});

test('an image that cannot be pulled is named, and the Deployment times out progressing', async () => {
  world = await startWorld({ timeScale: 2000 });
  await world.install(['cloud-provider-azure', 'calico']);
  const { client, get, condition, dump } = world;
  client().create({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'broken', namespace: NAMESPACE === 'demo' ? 'default' : NAMESPACE },
    spec: {
      progressDeadlineSeconds: 60,
      selector: { matchLabels: { app: 'x' } },
      template: {
        metadata: { labels: { app: 'x' } },
        spec: { tolerations: [{ operator: 'Exists' }], containers: [{ name: 'c', image: 'registry.invalid/x:1' }] },
      },
    },
  });
  const progressing = () => condition(get('Deployment', 'broken', 'default'), 'Progressing');
  await until('the deadline', () => progressing()?.reason === 'ProgressDeadlineExceeded', dump);
  expect(progressing()).toMatchObject({
    status: 'False',
    message: expect.stringContaining('registry.invalid: no such host'),
  });
});
