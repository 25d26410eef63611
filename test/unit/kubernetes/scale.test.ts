import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { namespaceDocument, clusterDocument } from '#domain/cluster-api/cluster.ts';
import { controlPlaneDocument } from '#domain/cluster-api/control-plane.ts';
import { wellKnown } from '#domain/cluster-api/names.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import { addOnLayers, installAddOn } from '#kubernetes/scale/add-ons.ts';
import { ensureViewerAccess } from '#kubernetes/scale/access.ts';
import { scaleControlPlane } from '#kubernetes/scale/control-plane.ts';
import { classifyMachineProblem, viewMachine } from '#kubernetes/scale/machines.ts';
import { readNodes } from '#kubernetes/scale/nodes.ts';
import { scaleShard } from '#kubernetes/scale/pools.ts';
import { samplePlan } from '#test/support/sample-plan.ts';
import { condition, startWorld, type World } from './pivot-world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
  world.system.create(namespaceDocument(world.plan) as never);
  const cluster = clusterDocument(world.plan);
  world.system.create({ ...cluster, spec: { ...(cluster['spec'] as object), paused: false } } as never);
  world.system.create(controlPlaneDocument(world.plan) as never);
});
afterEach(() => world.close());

/** A machine and its AzureMachine, as the controllers make them. */
function machine(
  name: string,
  labels: Record<string, string>,
  options: { ready?: boolean; zone?: string; azure?: Record<string, unknown> } = {},
): void {
  const metadata = { name, namespace: 'demo', labels: { [wellKnown.clusterName]: 'demo', ...labels } };
  world.system.create({
    apiVersion: 'cluster.x-k8s.io/v1beta2',
    kind: 'Machine',
    metadata,
    spec: {
      clusterName: 'demo',
      failureDomain: options.zone ?? '1',
      bootstrap: { dataSecretName: name },
      infrastructureRef: { apiGroup: 'i', kind: 'AzureMachine', name },
    },
  });
  world.system.create({
    apiVersion: 'infrastructure.cluster.x-k8s.io/v1beta1',
    kind: 'AzureMachine',
    metadata,
    spec: {},
  });
  const patch = (apiVersion: string, kind: string, status: Record<string, unknown>) =>
    world.system.patch({ apiVersion, kind, namespace: 'demo', name }, { status }, 'status');
  if (options.ready === true)
    patch('cluster.x-k8s.io/v1beta2', 'Machine', { nodeRef: { name }, conditions: [condition('Ready')] });
  if (options.azure !== undefined) patch('infrastructure.cluster.x-k8s.io/v1beta1', 'AzureMachine', options.azure);
}

const quota =
  'OperationNotAllowed: Operation could not be completed as it results in exceeding approved standardDSv5Family Cores quota';
const controlPlaneLabels = { [wellKnown.controlPlane]: '' };

describe('scaling the control plane', () => {
  const call = (state?: any): Promise<any> => scaleControlPlane({ client: world.client, plan: world.plan }, state);

  test('asks for the replicas once, tells who is waited for, and ends with the health check', async () => {
    machine('cp-a', controlPlaneLabels, { ready: true });
    expect(await call()).toMatchObject({
      status: 'wait',
      sentence: '1 of 3 ready · the next machine',
      progress: { done: 1, total: 3 },
    });
    expect(world.system.get(ownerReferences(world.plan).controlPlane)).toMatchObject({ spec: { replicas: 3 } });
    machine('cp-b', controlPlaneLabels, { ready: true, zone: '2' });
    machine('cp-c', controlPlaneLabels, { zone: '3', azure: { ready: true } });
    expect(await call()).toMatchObject({ sentence: '2 of 3 ready · waiting for cp-c (zone 3): joining' });
    world.system.patch(
      { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine', namespace: 'demo', name: 'cp-c' },
      { status: { nodeRef: { name: 'cp-c' }, conditions: [condition('Ready')] } },
      'status',
    );
    world.status('controlPlane', { upToDateReplicas: 3, observedGeneration: 9 });
    expect(await call()).toEqual({ status: 'done', value: { replicas: 3 }, sentence: '3 of 3 ready' });
    expect(
      world.system.get({
        apiVersion: 'cluster.x-k8s.io/v1beta2',
        kind: 'MachineHealthCheck',
        namespace: 'demo',
        name: 'demo-control-plane',
      }),
    ).toBeDefined();
  });

  test('a machine the controller gave up on fails at once with its one root cause', async () => {
    machine('cp-a', controlPlaneLabels, { ready: true });
    const { state } = await call();
    machine('cp-b', controlPlaneLabels, { azure: { failureReason: 'CreateError', failureMessage: quota } });
    expect(await call(state)).toMatchObject({
      status: 'failed',
      error: { code: 'CAP-6001', where: 'Machine cp-b', cause: expect.stringContaining('standardDSv5Family') },
    });
  });

  test('a new attempt deletes machines that the controller gave up on, so that they are made again', async () => {
    machine('cp-a', controlPlaneLabels, { ready: true });
    machine('cp-b', controlPlaneLabels, { azure: { failureReason: 'CreateError', failureMessage: quota } });
    expect(await call()).toMatchObject({ status: 'wait' });
    const reference = { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine', namespace: 'demo' };
    expect(world.system.get({ ...reference, name: 'cp-b' })).toBeUndefined();
    expect(world.system.get({ ...reference, name: 'cp-a' })).toBeDefined();
  });

  test('a machine that runs and does not join is the end after twenty minutes of looks', async () => {
    machine('cp-a', controlPlaneLabels, { ready: true });
    machine('cp-b', controlPlaneLabels, { azure: { ready: true } });
    let outcome: any = await call();
    let looks = 1;
    for (; looks < 200 && outcome.status === 'wait'; looks++) outcome = await call(outcome.state);
    expect([outcome.error?.code, outcome.error?.where, looks]).toEqual(['CAP-6005', 'Machine cp-b', 120]);
  });

  test('is not ready before its controller has seen the change, nor while machines are to be replaced', async () => {
    for (const name of ['cp-a', 'cp-b', 'cp-c']) machine(name, controlPlaneLabels, { ready: true });
    world.status('controlPlane', { upToDateReplicas: 3, observedGeneration: 1 });
    expect(await call()).toMatchObject({ status: 'wait', sentence: '3 of 3 ready · the control plane settles' });
    world.system.patch(
      { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine', namespace: 'demo', name: 'cp-b' },
      { status: { conditions: [condition('Ready'), condition('UpToDate', 'False')] } },
      'status',
    );
    expect(await call()).toMatchObject({
      status: 'wait',
      sentence: '2 of 3 ready · waiting for cp-b (zone 1): to be replaced',
    });
  });

  test('another size is another template; the one nobody uses goes, the first stays, and going back finds it again', async () => {
    for (const name of ['cp-a', 'cp-b', 'cp-c']) machine(name, controlPlaneLabels, { ready: true });
    world.status('controlPlane', { upToDateReplicas: 3, observedGeneration: 99 });
    const with_ = (vmSize: string): Promise<any> => {
      const plan = { ...world.plan, controlPlane: { ...world.plan.controlPlane, vmSize } };
      return scaleControlPlane({ client: world.client, plan });
    };
    const templates = () =>
      world.system
        .list({
          apiVersion: 'infrastructure.cluster.x-k8s.io/v1beta1',
          kind: 'AzureMachineTemplate',
          namespace: 'demo',
        })
        .map((template: any) => [template.metadata.name, template.spec.template.spec.vmSize]);
    const used = () =>
      (world.system.get(ownerReferences(world.plan).controlPlane) as any).spec.machineTemplate.spec.infrastructureRef
        .name;
    await with_('Standard_D2s_v5');
    expect(used()).toBe('demo-control-plane');
    await with_('Standard_D4s_v5');
    const second = used();
    expect(second).toMatch(/^demo-control-plane-[a-z0-9]{8}$/);
    await with_('Standard_D8s_v5');
    expect(templates()).toEqual([
      ['demo-control-plane', 'Standard_D2s_v5'],
      [used(), 'Standard_D8s_v5'],
    ]);
    await with_('Standard_D2s_v5');
    expect([used(), templates()]).toEqual(['demo-control-plane', [['demo-control-plane', 'Standard_D2s_v5']]]);
  });

  test('does not go back below a version with which a machine has joined', async () => {
    machine('cp-a', controlPlaneLabels, { ready: true });
    world.system.patch(
      { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine', namespace: 'demo', name: 'cp-a' },
      { spec: { version: 'v1.34.1' } },
    );
    expect(await call()).toMatchObject({ status: 'failed', error: { code: 'CAP-6008', where: 'Machine cp-a' } });
  });

  test('a pause is said at once and is the end when it stays', async () => {
    machine('cp-a', controlPlaneLabels, { ready: true });
    world.system.patch(ownerReferences(world.plan).cluster, { spec: { paused: true } });
    let outcome: any = await call();
    expect(outcome).toMatchObject({ status: 'wait', sentence: 'Cluster demo is paused' });
    for (let look = 0; look < 40 && outcome.status === 'wait'; look++) outcome = await call(outcome.state);
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-6007', where: 'Cluster demo' } });
  });

  test('a problem the controller retries is shown, and is the end only when it stays', async () => {
    machine('cp-b', controlPlaneLabels, {
      azure: { conditions: [{ ...condition('VMRunning', 'False', 'SkuNotAvailable in zone 2'), severity: 'Error' }] },
    });
    let outcome: any = await call();
    expect(outcome).toMatchObject({ status: 'wait', sentence: expect.stringContaining('SkuNotAvailable') });
    for (let look = 0; look < 40 && outcome.status === 'wait'; look++) outcome = await call(outcome.state);
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-6002' } });
  });
});

describe('scaling a pool in one zone', () => {
  const call = (replicas?: number, patch: object = {}): Promise<any> => {
    const general = { ...world.plan.pools[0]!, ...patch };
    const shard = replicas === undefined ? general.shards[0]! : { ...general.shards[0]!, replicas };
    return scaleShard({
      client: world.client,
      plan: world.plan,
      observed: world.context.observed,
      pool: general,
      shard,
    });
  };
  const deployment = {
    apiVersion: 'cluster.x-k8s.io/v1beta2',
    kind: 'MachineDeployment',
    namespace: 'demo',
    name: 'demo-general-1',
  };
  const settled = () => world.system.patch(deployment, { status: { observedGeneration: 99 } }, 'status');

  test('creates templates, secret, deployment and health check with their owners, and follows the machines', async () => {
    expect(await call()).toMatchObject({ status: 'wait', sentence: '0 of 2 ready · the machines of demo-general-1' });
    const template = world.system.get({
      apiVersion: 'infrastructure.cluster.x-k8s.io/v1beta1',
      kind: 'AzureMachineTemplate',
      namespace: 'demo',
      name: 'demo-general-1',
    })!;
    const secret = world.system.get({
      apiVersion: 'v1',
      kind: 'Secret',
      namespace: 'demo',
      name: 'demo-general-1-azure-json',
    })!;
    expect(secret.metadata.ownerReferences).toMatchObject([
      { kind: 'AzureMachineTemplate', uid: template.metadata.uid },
    ]);
    const labels = { [wellKnown.deploymentName]: 'demo-general-1' };
    machine('w1', labels, { ready: true });
    machine('w2', labels, { ready: true });
    expect(await call()).toMatchObject({ status: 'wait', sentence: 'demo-general-1 settles' });
    settled();
    expect(await call()).toMatchObject({ status: 'done', value: { replicas: 2 } });
    expect(await call(3)).toMatchObject({ status: 'wait', progress: { done: 2, total: 3 } });
    expect(
      world.system.get({
        apiVersion: 'cluster.x-k8s.io/v1beta2',
        kind: 'MachineDeployment',
        namespace: 'demo',
        name: 'demo-general-1',
      }),
    ).toMatchObject({ spec: { replicas: 3, template: { spec: { failureDomain: '1' } } } });
  });

  test('labels and taints are changed on the nodes and in the template, without another template', async () => {
    await call();
    machine('w1', { [wellKnown.deploymentName]: 'demo-general-1' }, { ready: true });
    const node = { apiVersion: 'v1', kind: 'Node', name: 'w1' };
    const foreign = { key: 'theirs', effect: 'NoSchedule' };
    world.system.create({
      ...node,
      metadata: { name: 'w1', labels: { theirs: 'stays' } },
      spec: { taints: [foreign] },
    });
    const taint = { key: 'gpu', value: '', effect: 'NoSchedule' };
    await call(undefined, { labels: { tier: 'web', team: 'a' }, taints: [taint] });
    expect(world.system.get(node)).toMatchObject({
      metadata: { labels: { theirs: 'stays', tier: 'web', team: 'a' } },
      spec: { taints: [foreign, { key: 'gpu', effect: 'NoSchedule' }] },
    });
    await call(undefined, { labels: { tier: 'db' }, taints: [] });
    expect((world.system.get(node) as any).metadata.labels).toEqual({ theirs: 'stays', tier: 'db' });
    expect((world.system.get(node) as any).spec.taints).toEqual([foreign]);
    expect(world.system.get(deployment)).toMatchObject({
      spec: { template: { spec: { bootstrap: { configRef: { name: 'demo-general-1' } } } } },
    });
  });

  test('a machine that was still booting when labels and taints changed gets them when it has joined', async () => {
    await call(1, { labels: { tier: 'web' } });
    const labels = { [wellKnown.deploymentName]: 'demo-general-1' };
    machine('late', labels);
    const template = world.system.get({
      apiVersion: 'bootstrap.cluster.x-k8s.io/v1beta2',
      kind: 'KubeadmConfigTemplate',
      namespace: 'demo',
      name: 'demo-general-1',
    }) as any;
    // The controllers clone the template when they make the machine.
    world.system.create({
      apiVersion: 'bootstrap.cluster.x-k8s.io/v1beta2',
      kind: 'KubeadmConfig',
      metadata: { name: 'late', namespace: 'demo', labels },
      spec: template.spec.template.spec,
    });
    const reference = { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine', namespace: 'demo', name: 'late' };
    const configRef = { apiGroup: 'bootstrap.cluster.x-k8s.io', kind: 'KubeadmConfig', name: 'late' };
    world.system.patch(reference, { spec: { bootstrap: { configRef } } });
    const after = { labels: { team: 'a' }, taints: [{ key: 'spot', value: '', effect: 'NoSchedule' }] };
    expect(await call(1, after)).toMatchObject({ status: 'wait' });
    const node = { apiVersion: 'v1', kind: 'Node', name: 'late' };
    world.system.create({ ...node, metadata: { name: 'late', labels: { tier: 'web' } }, spec: {} });
    world.system.patch(
      reference,
      { status: { nodeRef: { name: 'late' }, conditions: [condition('Ready')] } },
      'status',
    );
    settled();
    expect(await call(1, after)).toMatchObject({ status: 'done' });
    expect(world.system.get(node)).toMatchObject({
      metadata: { labels: { team: 'a' } },
      spec: { taints: [{ key: 'spot', effect: 'NoSchedule' }] },
    });
    expect((world.system.get(node) as any).metadata.labels['tier']).toBeUndefined();
  });

  test('another disk switches the machine template alone; the bounds of the rollout are in the deployment', async () => {
    await call();
    await call(undefined, {
      osDisk: { sizeGiB: 100, storageAccountType: 'Premium_LRS' },
      rollout: { maxSurge: '50%', maxUnavailable: 1 },
    });
    expect(world.system.get(deployment)).toMatchObject({
      spec: {
        rollout: { strategy: { rollingUpdate: { maxSurge: '50%', maxUnavailable: 1 } } },
        template: {
          spec: {
            infrastructureRef: { name: expect.stringMatching(/^demo-general-1-/) },
            bootstrap: { configRef: { name: 'demo-general-1' } },
          },
        },
      },
    });
  });

  test('with autoscaling the live number stands, kept in its bounds, and the bounds follow the document', async () => {
    const scaled = (max: number): Promise<any> => {
      const plan = samplePlan({
        spec: { workerPools: [{ name: 'general', replicas: 5, autoscaling: { min: 3, max } }] },
      });
      const pool = plan.pools[0]!;
      return scaleShard({
        client: world.client,
        plan,
        observed: world.context.observed,
        pool,
        shard: pool.shards[0]!,
      });
    };
    const deployment = () =>
      world.system.get({
        apiVersion: 'cluster.x-k8s.io/v1beta2',
        kind: 'MachineDeployment',
        namespace: 'demo',
        name: 'demo-general-1',
      }) as any;
    const bounds = () =>
      ['min', 'max'].map(
        (end) => deployment().metadata.annotations[`cluster.x-k8s.io/cluster-api-autoscaler-node-group-${end}-size`],
      );
    expect(await scaled(12)).toMatchObject({ progress: { total: 2 } });
    world.system.patch(
      { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'MachineDeployment', namespace: 'demo', name: 'demo-general-1' },
      { spec: { replicas: 4 } },
    );
    expect(await scaled(12)).toMatchObject({ progress: { total: 4 } });
    expect([deployment().spec.replicas, bounds()]).toEqual([4, ['1', '4']]);
    expect(await scaled(6)).toMatchObject({ progress: { total: 2 } });
    expect([deployment().spec.replicas, bounds()]).toEqual([2, ['1', '2']]);
  });

  test('an interruption before the deployment repeats what it needs', async () => {
    world.api.faults.failNext({ method: 'PATCH', path: /kubeadmconfigtemplates/, times: 1, status: 500 });
    expect(await call()).toMatchObject({ status: 'wait', retryAfter: 5 });
    expect(await call()).toMatchObject({ status: 'wait', sentence: expect.stringContaining('0 of 2') });
  });
});

describe('machines and nodes', () => {
  test('root causes are sorted by the Azure codes they quote', () => {
    expect(classifyMachineProblem(quota)).toBe('CAP-6001');
    expect(classifyMachineProblem('ZonalAllocationFailed')).toBe('CAP-6002');
    expect(classifyMachineProblem("ImageNotFound: the image '/x' is not found")).toBe('CAP-6003');
    expect(classifyMachineProblem('AuthorizationFailed: the client does not have authorization')).toBe('CAP-6004');
    expect(classifyMachineProblem('cloud-init failed')).toBe('CAP-6005');
    expect(classifyMachineProblem('something else')).toBe('CAP-6006');
  });

  test('a machine says where it stands', () => {
    const base: any = { apiVersion: 'v', kind: 'Machine', metadata: { name: 'm' }, spec: { bootstrap: {} } };
    expect(viewMachine(base, undefined).stage).toBe('waiting for bootstrap data');
    expect(viewMachine({ ...base, spec: { bootstrap: { dataSecretName: 'm' } } }, undefined).stage).toBe('creating');
    expect(viewMachine({ ...base, metadata: { name: 'm', deletionTimestamp: 'x' } }, undefined).stage).toBe('deleting');
  });

  test('the node list names role, pool, zone and machine', async () => {
    machine('w1', { [wellKnown.pool]: 'general' }, { ready: true, zone: '2' });
    world.system.create({
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'w1', labels: { 'topology.kubernetes.io/zone': 'westeurope-2' } },
      status: { conditions: [{ type: 'Ready', status: 'False' }] },
    });
    expect(await readNodes(world.client, world.plan)).toMatchObject({
      value: {
        nodes: [
          { name: world.plan.controlPlane.machineName, role: 'controlPlane', zone: '1', ready: true },
          { name: 'w1', role: 'worker', pool: 'general', zone: '2', ready: false, machine: 'w1' },
        ],
      },
    });
  });
});

describe('add-ons', () => {
  const addOn = (patch: Record<string, unknown> = {}): any => ({
    name: 'web',
    namespace: 'web',
    namespaceLabels: { 'spectrocloud.com/connection': 'proxy' },
    layer: 0,
    manifests: [
      'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { a: "1" }\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: { name: web }\nrules: []',
    ],
    ...patch,
  });

  test('go into their namespace with its labels; cluster-wide objects stay cluster-wide', async () => {
    expect(await installAddOn(world.client, addOn())).toEqual({
      status: 'done',
      value: { objects: 2 },
      sentence: 'web',
    });
    expect(world.system.get({ apiVersion: 'v1', kind: 'Namespace', name: 'web' })!.metadata.labels).toMatchObject({
      'spectrocloud.com/connection': 'proxy',
    });
    expect(world.system.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'web', name: 'c' })).toBeDefined();
    expect(
      world.system.get({ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'web' })!.metadata
        .namespace,
    ).toBeUndefined();
  });

  test('wait for their workloads', async () => {
    const deployment =
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: d }\nspec: { selector: { matchLabels: { a: b } }, template: { metadata: { labels: { a: b } }, spec: { containers: [{ name: c, image: i }] } } }';
    expect(await installAddOn(world.client, addOn({ manifests: [deployment] }))).toMatchObject({
      status: 'wait',
      sentence: expect.stringContaining('web: Deployment d'),
    });
  });

  test('fail apart from each other with a code: broken YAML, unknown kind, fields of another manager', async () => {
    expect(await installAddOn(world.client, addOn({ manifests: ['a: ['] }))).toMatchObject({
      error: { code: 'CAP-6101', where: 'add-on web, manifest 1' },
    });
    expect(
      await installAddOn(world.client, addOn({ manifests: ['apiVersion: x.io/v1\nkind: X\nmetadata: { name: x }'] })),
    ).toMatchObject({ error: { code: 'CAP-6102' } });
    await installAddOn(world.client, addOn());
    await world.client.apply(
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c', namespace: 'web' }, data: { a: '2' } },
      { force: true, fieldManager: 'operator' },
    );
    expect(await installAddOn(world.client, addOn())).toMatchObject({ status: 'failed', error: { code: 'CAP-6104' } });
  });

  test('are sorted into layers', () => {
    const layers = addOnLayers([addOn({ name: 'b', layer: 5 }), addOn({ name: 'a' }), addOn({ name: 'c', layer: 5 })]);
    expect(layers.map((layer) => layer.map((item) => item.name))).toEqual([['a'], ['b', 'c']]);
  });

  test('viewers are bound to Kubernetes own ClusterRole view', async () => {
    expect(await ensureViewerAccess(world.client)).toMatchObject({ status: 'done' });
    expect(await ensureViewerAccess(world.client)).toMatchObject({ status: 'done' });
  });
});
