import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import { ownedTag } from '#domain/names/tags.ts';
import { pivot, rollBack } from '#kubernetes/pivot/pivot.ts';
import { haveRealDefinitions, secondMachine, startWorld, type World } from './pivot-world.ts';

let world: World;
beforeEach(async () => {
  world = await startWorld();
});
afterEach(() => world.close());

const cluster = () => world.system.get(ownerReferences(world.plan).cluster) as any;
const secret = (name: string) => ({ apiVersion: 'v1', kind: 'Secret', namespace: 'demo', name });

async function handOver(): Promise<void> {
  expect(await pivot(world.context)).toMatchObject({
    status: 'wait',
    sentence: expect.stringContaining('AzureCluster'),
  });
}

async function refusedBecause(text: string | RegExp): Promise<void> {
  const outcome: any = await pivot(world.context);
  expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-5201' } });
  expect(outcome.error.problems.map((problem: any) => problem.message).join('\n')).toMatch(text);
  expect(cluster().spec.paused).toBe(true);
}

describe('the hand-over', () => {
  test('creates the bundle paused, passes the gate, unpauses, and ends when CP-A is adopted', async () => {
    await handOver();
    expect(cluster().spec.paused).toBe(false);
    expect(world.journal.state).toMatchObject({ phase: 'watch' });
    world.adopt();
    expect(await pivot(world.context)).toEqual({
      status: 'done',
      value: { objects: 16 },
      sentence: '16 objects handed over · 0 Azure writes since',
    });
    expect(await pivot(world.context)).toMatchObject({ status: 'done' });
  });

  test('gives every object the owners of the Cluster API table, with the uids of the server', async () => {
    await handOver();
    const owners = ownerReferences(world.plan);
    const uid = (reference: any) => world.system.get(reference)!.metadata.uid;
    expect(world.system.get(owners.machine)!.metadata.ownerReferences).toMatchObject([
      { kind: 'KubeadmControlPlane', uid: uid(owners.controlPlane), controller: true },
    ]);
    expect(world.system.get(owners.kubeadmConfig)!.metadata.ownerReferences).toMatchObject([
      { kind: 'Machine', uid: uid(owners.machine), controller: true },
    ]);
    expect(world.system.get(secret('demo-ca'))!.metadata.ownerReferences).toMatchObject([
      { kind: 'KubeadmControlPlane', uid: uid(owners.controlPlane) },
    ]);
    expect(world.system.get(secret(world.plan.controlPlane.machineName))!.metadata.ownerReferences).toMatchObject([
      { kind: 'KubeadmConfig', uid: uid(owners.kubeadmConfig) },
    ]);
    expect(world.system.get(owners.azureCluster)!.metadata.ownerReferences).toMatchObject([
      { kind: 'Cluster', uid: cluster().metadata.uid },
    ]);
  });

  test('keeps keys out of the journal', async () => {
    await handOver();
    expect(JSON.stringify(world.journal.state)).not.toMatch(/PRIVATE|LS0tLS1/);
  });

  test.skipIf(!haveRealDefinitions)('is accepted by the real definitions', async () => {
    const real = await startWorld({ real: true });
    expect(await pivot(real.context)).toMatchObject({
      status: 'wait',
      sentence: expect.stringContaining('AzureCluster'),
    });
    real.close();
  });

  test('derives the KubeadmConfig from what the server stored, not from what was sent', async () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      name: 'kubeadmcontrolplanes.controlplane.cluster.x-k8s.io',
    };
    const stored: any = world.system.get(definition);
    const spec = stored.spec.versions[0].schema.openAPIV3Schema.properties.spec;
    spec.properties = {
      kubeadmConfigSpec: {
        type: 'object',
        'x-kubernetes-preserve-unknown-fields': true,
        properties: { verbosity: { type: 'integer', default: 7 } },
      },
    };
    world.system.update(stored);
    await handOver();
    expect(world.system.get(ownerReferences(world.plan).kubeadmConfig)!['spec']).toMatchObject({ verbosity: 7 });
    expect(world.system.get(ownerReferences(world.plan).kubeadmConfig)!['spec']).not.toHaveProperty(
      'joinConfiguration',
    );
  });
});

describe('an interruption', () => {
  test('at each write continues at the next object, never unpaused before the gate, with one control plane', async () => {
    let calls = 0;
    for (let nth = 0; nth < 24; nth++) {
      // After `nth` good writes the server fails once: every object and every phase is hit by some round.
      const fresh = nth === 0 ? world : await startWorld();
      let left = nth;
      const failing = { ...fresh.context, client: wrap(fresh.context.client, () => left-- === 0) };
      const first: any = await pivot(failing);
      expect(first.status).toBe('wait');
      if (fresh.journal.state === undefined || ['create', 'gate'].includes(fresh.journal.state.phase)) {
        expect((fresh.system.get(ownerReferences(fresh.plan).cluster) as any)?.spec.paused ?? true).toBe(true);
      }
      const second: any = await pivot(fresh.context);
      expect(second).toMatchObject({ status: 'wait', sentence: expect.stringContaining('AzureCluster') });
      fresh.adopt();
      expect(await pivot(fresh.context)).toMatchObject({ status: 'done', value: { objects: 16 } });
      expect(
        fresh.system.list({ apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine', namespace: 'demo' }),
      ).toHaveLength(1);
      calls += 1;
      if (fresh !== world) fresh.close();
    }
    expect(calls).toBe(24);
  });

  test('between a write and its journal entry repeats the write', async () => {
    let saves = 0;
    const forgetful = {
      ...world.context,
      journal: {
        ...world.context.journal,
        save: async (state: any) => {
          saves += 1;
          if (saves === 7) throw new Error('killed');
          await world.context.journal.save(state);
        },
      },
    };
    await expect(pivot(forgetful)).rejects.toThrow('killed');
    await handOver();
    world.adopt();
    expect(await pivot(world.context)).toMatchObject({ status: 'done' });
  });

  test('an object lost before the gate is made again', async () => {
    let left = 22;
    await pivot({ ...world.context, client: wrap(world.context.client, () => left-- === 0) });
    world.system.delete(ownerReferences(world.plan).azureMachine);
    await handOver();
    expect(world.system.get(ownerReferences(world.plan).azureMachine)).toBeDefined();
  });

  test('before the commit everything can be taken back, after it nothing', async () => {
    world.azure.set('x', { id: 'x', exists: false, fingerprint: '', tags: {} });
    await refusedBecause('x does not exist in Azure');
    expect(await rollBack(world.context)).toMatchObject({ status: 'done' });
    expect(cluster()).toBeUndefined();
    world.azure.delete('x');
    await new Promise((resolve) => setTimeout(resolve, 20));
    await handOver();
    expect(await rollBack(world.context)).toMatchObject({ status: 'failed', error: { code: 'CAP-5201' } });
  });
});

describe('the gate refuses', () => {
  test('a NAT gateway that a webhook filled into the AzureCluster', async () => {
    world.azure.set('x', { id: 'x', exists: false, fingerprint: '', tags: {} });
    await refusedBecause('x does not exist in Azure');
    world.azure.delete('x');
    const reference = ownerReferences(world.plan).azureCluster;
    const { networkSpec } = (world.system.get(reference) as any).spec;
    networkSpec.subnets[1].natGateway = { name: 'demo-node-natgw-9', ip: { name: 'pip-9' } };
    networkSpec.nodeOutboundLB = { name: 'demo' };
    networkSpec.apiServerLB.frontendIPs.push({ name: 'demo-public-lb-frontEnd-internal-ip', privateIP: '10.0.0.100' });
    world.system.patch(reference, { spec: { networkSpec } });
    await refusedBecause(/NAT gateway demo-node-natgw-9 with the address pip-9.*\n.*nodeOutboundLB was filled in/);
    await refusedBecause(/the frontend demo-public-lb-frontEnd-internal-ip was filled in/);
  });

  test('and waits while the node has no provider id yet', async () => {
    const node = { apiVersion: 'v1', kind: 'Node', name: world.plan.controlPlane.machineName };
    world.system.patch(node, { spec: { providerID: null } });
    expect(await pivot(world.context)).toMatchObject({
      status: 'wait',
      sentence: expect.stringContaining('cloud provider'),
    });
    expect(cluster().spec.paused).toBe(true);
  });

  const cases: [string, RegExp, () => void][] = [
    [
      'another provider id on the node',
      /has providerID/,
      () =>
        world.system.patch(
          { apiVersion: 'v1', kind: 'Node', name: world.plan.controlPlane.machineName },
          { spec: { providerID: 'azure:///other' } },
        ),
    ],
    [
      'another certificate authority in the cluster',
      /publishes another certificate authority/,
      () =>
        world.system.patch(
          { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-public', name: 'cluster-info' },
          { data: { kubeconfig: 'certificate-authority-data: eA==' } },
        ),
    ],
    [
      'a missing kubeadm-config',
      /kubeadm-config is missing/,
      () =>
        world.system.delete({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config' }),
    ],
    [
      'another kubelet version',
      /kubelet is v1\.32\.0/,
      () =>
        world.system.patch(
          { apiVersion: 'v1', kind: 'Node', name: world.plan.controlPlane.machineName },
          { status: { nodeInfo: { kubeletVersion: 'v1.32.0' } } },
          'status',
        ),
    ],
    [
      'a resource group that would be deleted with the cluster (R4)',
      /it would be managed, or deleted/,
      () =>
        world.azure.set('/subscriptions/s/resourceGroups/platform', {
          id: '/subscriptions/s/resourceGroups/platform',
          exists: true,
          fingerprint: '',
          tags: { [ownedTag('demo')]: 'owned' },
        }),
    ],
    [
      'a part of the load balancer that CAPZ would write (R9)',
      /lacks inboundNatRules demo-control-plane-[a-z0-9]+: the controllers would write it/,
      () => {
        const id = [...world.azure.keys()].find((key) => key.includes('/loadBalancers/'));
        const part = `inboundNatRules ${world.plan.controlPlane.machineName}`;
        world.azure.set(id!, { ...world.azure.get(id!)!, lacks: [part] });
      },
    ],
    [
      'an identity in another letter case',
      /names its identity/,
      () =>
        world.azure.set('vm', {
          id: 'vm',
          exists: true,
          fingerprint: '',
          tags: {},
          identityIds: [world.plan.identity.id.toUpperCase()],
        }),
    ],
  ];
  for (const [name, text, plant] of cases) {
    test(name, async () => {
      plant();
      await refusedBecause(text);
    });
  }

  const later: [string, RegExp, () => void][] = [
    [
      'a certificate secret that was changed (R1)',
      /Secret demo-ca: tls.crt is not the one/,
      () => world.system.patch(secret('demo-ca'), { data: { 'tls.crt': 'eA==' } }),
    ],
    [
      'an empty bootstrap secret',
      /value is empty/,
      () => world.system.patch(secret(world.plan.controlPlane.machineName), { data: { value: '' } }),
    ],
    [
      'a KubeadmConfig that differs from the control plane (R3)',
      /differs from the KubeadmControlPlane/,
      () => world.system.patch(ownerReferences(world.plan).kubeadmConfig, { spec: { verbosity: 9 } }),
    ],
    ['a second control-plane machine (R2)', /besides the first/, () => secondMachine(world)],
    [
      'a reference to nothing',
      /names AzureMachine gone/,
      () => world.system.patch(ownerReferences(world.plan).machine, { spec: { infrastructureRef: { name: 'gone' } } }),
    ],
    [
      'a lost owner',
      /is not owned by/,
      () => world.system.patch(secret('demo-sa'), { metadata: { ownerReferences: [] } }),
    ],
    [
      'a Cluster somebody unpaused',
      /not paused/,
      () => world.system.patch(ownerReferences(world.plan).cluster, { spec: { paused: false } }),
    ],
  ];
  for (const [name, text, plant] of later) {
    test(`${name}, planted after creation`, async () => {
      world.azure.set('x', { id: 'x', exists: false, fingerprint: '', tags: {} });
      await refusedBecause('x does not exist');
      world.azure.delete('x');
      plant();
      const outcome: any = await pivot(world.context);
      expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-5201' } });
      expect(outcome.error.cause).toMatch(text);
      expect(world.journal.state!.phase).toBe('gate');
    });
  }

  test('a namespace of somebody else (CAP-5102), untouched', async () => {
    world.system.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } });
    expect(await pivot(world.context)).toMatchObject({ status: 'failed', error: { code: 'CAP-5102' } });
    expect(world.system.list({ apiVersion: 'v1', kind: 'Secret', namespace: 'demo' })).toHaveLength(0);
  });
});

describe('after the commit the watch pauses at once when', () => {
  const alarms: [string, string, () => void][] = [
    ['a second control-plane machine appears', 'CAP-5301', () => secondMachine(world)],
    [
      'the first machine is being deleted',
      'CAP-5302',
      () => {
        world.system.patch(ownerReferences(world.plan).machine, { metadata: { finalizers: ['test/keep'] } });
        world.system.delete(ownerReferences(world.plan).machine);
      },
    ],
    [
      'the certificate authority changes',
      'CAP-5303',
      () => world.system.patch(secret('demo-ca'), { data: { 'tls.crt': 'eA==' } }),
    ],
    [
      'an adopted resource changes in Azure',
      'CAP-5304',
      () => {
        const [id] = [...world.azure.keys()];
        world.azure.set(id!, { ...world.azure.get(id!)!, fingerprint: 'changed' });
      },
    ],
    [
      'something is made in Azure that was not there before',
      'CAP-5304',
      () => world.azure.set('/x/other-lb', { id: '/x/other-lb', exists: true, fingerprint: 'not planned', tags: {} }),
    ],
    [
      'CAPZ gives up',
      'CAP-5305',
      () => world.status('azureMachine', { failureReason: 'UpdateError', failureMessage: 'VM was deleted' }),
    ],
  ];
  for (const [name, code, plant] of alarms) {
    test(name, async () => {
      await handOver();
      plant();
      expect(await pivot(world.context)).toMatchObject({
        status: 'failed',
        error: { code, cause: expect.stringMatching(/.+/) },
      });
      expect(cluster().spec.paused).toBe(true);
      expect(world.journal.state).toMatchObject({
        phase: 'stopped',
        evidence: expect.arrayContaining([expect.any(String)]),
      });
    });
  }

  test('the cause was removed, the next call passes the gate and commits again', async () => {
    await handOver();
    const other = secondMachine(world);
    expect(await pivot(world.context)).toMatchObject({ status: 'failed' });
    world.system.delete({
      apiVersion: other.apiVersion,
      kind: 'Machine',
      namespace: 'demo',
      name: other.metadata.name,
    });
    await handOver();
    world.adopt();
    expect(await pivot(world.context)).toMatchObject({ status: 'done' });
  });
});

/** A client whose writes fail once, when `fails` says so. */
function wrap(client: World['client'], fails: () => boolean): World['client'] {
  let broken = false;
  const guarded =
    (name: 'apply' | 'mergePatch'): any =>
    async (...args: any[]) => {
      if (!broken && fails()) {
        broken = true;
        const { KubernetesApiError } = await import('#kubernetes/client/errors.ts');
        throw new KubernetesApiError({ status: 500, reason: 'InternalError', message: 'planted' });
      }
      return (client[name] as any)(...args);
    };
  return { ...bind(client), apply: guarded('apply'), mergePatch: guarded('mergePatch') };
}

function bind(client: World['client']): World['client'] {
  return {
    get: (reference) => client.get(reference),
    list: (query) => client.list(query),
    create: (object, options) => client.create(object, options),
    replace: (object, options) => client.replace(object, options),
    mergePatch: (reference, patch, subresource) => client.mergePatch(reference, patch, subresource),
    apply: (object, options) => client.apply(object, options),
    delete: (reference) => client.delete(reference),
    isNamespaced: (apiVersion, kind) => client.isNamespaced(apiVersion, kind),
    raw: (path) => client.raw(path),
    close: () => client.close(),
  };
}
