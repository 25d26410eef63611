import assert from 'node:assert/strict';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import { withKubectl } from '../model/iaas.ts';
import type { VirtualProcess, VirtualWorld } from '../../support/virtual.ts';
import { sampleDocument } from '../../support/sample-plan.ts';
import { cluster, deleteAll, group, prepare, storyOf, subscription } from '../azure/matrix.ts';

/**
 * Changes of a running cluster on virtual time, each with the app dead for a quarter of an hour in the middle of it. The
 * cluster is deleted afterwards, and nothing may be left.
 */
export interface Scene {
  /** The promise that it keeps. */
  readonly name: string;
  readonly before: object;
  readonly after: object;
  readonly tags?: Readonly<Record<string, string>>;
  /** Looks at what stands before the change; what it returns is given to `look`. */
  note?(world: VirtualWorld): Promise<unknown>;
  look(world: VirtualWorld, noted: unknown): Promise<void>;
}

const pool = { name: 'general', replicas: 1, zones: ['1'], vmSize: 'Standard_D2s_v5' };
const small = {
  azure: { subscriptionId: subscription, location: 'westeurope', resourceGroup: group },
  kubernetes: { version: 'v1.34.1' },
  image: { vhd: 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.34.1.vhd' },
  controlPlane: { replicas: 1 },
  workerPools: [pool],
};
const ownNetwork = {
  network: {
    placement: 'static',
    resourceGroup: 'network',
    virtualNetwork: 'corp-vnet',
    controlPlaneSubnet: 'corp-control-plane',
    workerSubnet: 'corp-workers',
  },
};
const proxy = (host: string) => ({ ...ownNetwork, proxy: { httpProxy: `http://${host}:3128` } });
const key = (name: string) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0Zm9vYmFyYmF6cXV4 ${name}`;

const versions: Readonly<Record<string, string>> = {
  Node: 'v1',
  KubeadmControlPlane: 'controlplane.cluster.x-k8s.io/v1beta2',
  KubeadmConfigTemplate: 'bootstrap.cluster.x-k8s.io/v1beta2',
};

/** Objects of a kind, as kubectl shows them. */
async function objects(
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
const nodes = async (world: VirtualWorld) => (await objects(world, 'Node')).map(({ metadata }) => metadata.name).sort();

async function arm(world: VirtualWorld, type: string, name = ''): Promise<any> {
  const route = `/subscriptions/${subscription}/resourceGroups/${group}/providers/${type}${name === '' ? '' : `/${name}`}`;
  return JSON.parse(await world.arm('GET', `${route}?api-version=2024-07-01`)) as unknown;
}

/** Every machine was made anew. */
async function allReplaced(world: VirtualWorld, before: unknown): Promise<void> {
  const after = await nodes(world);
  assert.equal(after.length, (before as string[]).length);
  assert.deepEqual(
    after.filter((name) => (before as string[]).includes(name)),
    [],
  );
}

/** What new machines are told: of the control plane, and of the template that the pool uses. */
async function bootstrap(world: VirtualWorld): Promise<readonly string[]> {
  const [controlPlane] = await objects(world, 'KubeadmControlPlane');
  const [deployment] = await objects(world, 'MachineDeployment');
  const used: string = deployment?.['spec'].template.spec.bootstrap.configRef.name;
  const template = (await objects(world, 'KubeadmConfigTemplate')).find(({ metadata }) => metadata.name === used);
  return [controlPlane, template].map((object) => JSON.stringify(object?.['spec']));
}

export const scenes: readonly Scene[] = [
  {
    name: 'other SSH keys reach every node: all machines are made anew, the old key is on none',
    before: { sshKeys: [key('old')] },
    after: { sshKeys: [key('new')] },
    note: nodes,
    async look(world, noted) {
      await allReplaced(world, noted);
      for (const text of await bootstrap(world)) assert.ok(text.includes(key('new')) && !text.includes(key('old')));
    },
  },
  {
    name: 'another proxy reaches every node: all machines are made anew with it',
    before: proxy('proxy-a.corp'),
    after: proxy('proxy-b.corp'),
    note: nodes,
    async look(world, noted) {
      await allReplaced(world, noted);
      for (const text of await bootstrap(world))
        assert.ok(text.includes('proxy-b.corp') && !text.includes('proxy-a.corp'));
    },
  },
  {
    name: 'other callers of the API server are rules of the security group, the cluster itself among them; no machine is replaced',
    before: {},
    after: { network: { api: { allowedCidrs: ['203.0.113.0/24'] }, ssh: { allowedCidrs: ['198.51.100.7/32'] } } },
    note: nodes,
    async look(world, noted) {
      assert.deepEqual(await nodes(world), noted);
      const { properties } = await arm(world, 'Microsoft.Network/networkSecurityGroups', `${cluster}-controlplane-nsg`);
      const rule = (port: string) =>
        properties.securityRules.find(
          (one: any) => one.properties.destinationPortRange === port && one.properties.access === 'Allow',
        ).properties;
      const own = (await arm(world, 'Microsoft.Network/publicIPAddresses')).value.map(
        (address: any) => `${address.properties.ipAddress}/32`,
      );
      assert.deepEqual(new Set(rule('6443').sourceAddressPrefixes), new Set(['203.0.113.0/24', ...own]));
      assert.equal(rule('22').sourceAddressPrefix, '198.51.100.7/32');
    },
  },
  {
    name: 'other bounds of the health checks, of workers and of the control plane, and no machine is replaced',
    before: {},
    after: {
      controlPlane: { replicas: 1, healthCheck: { unhealthySeconds: 240 } },
      workerPools: [{ ...pool, healthCheck: { unhealthySeconds: 300, startupSeconds: 900, maxUnhealthy: '100%' } }],
    },
    note: nodes,
    async look(world, noted) {
      assert.deepEqual(await nodes(world), noted);
      const bounds = Object.fromEntries(
        (await objects(world, 'MachineHealthCheck')).map(({ metadata, ...rest }) => [
          metadata.name,
          [
            rest['spec'].checks.unhealthyNodeConditions[0].timeoutSeconds,
            rest['spec'].checks.nodeStartupTimeoutSeconds,
            rest['spec'].remediation.triggerIf.unhealthyLessThanOrEqualTo,
          ],
        ]),
      );
      assert.deepEqual(bounds[`${cluster}-general-1`], [300, 900, '100%']);
      assert.equal(bounds[`${cluster}-control-plane`]?.[0], 240);
    },
  },
  {
    name: 'other tags reach every existing resource of the cluster alone, those that went are removed, and those of others stay',
    before: {},
    after: {},
    tags: { owner: 'team-a' },
    async note(world) {
      const [first] = (await arm(world, 'Microsoft.Compute/virtualMachines')).value;
      await world.arm('PATCH', `${first.id}?api-version=2024-07-01`, { tags: { ...first.tags, theirs: 'stays' } });
      return first.id;
    },
    async look(world, noted) {
      // The account and the image are shared with other clusters.
      const ours = (await world.resources()).filter(
        ({ id, tags = {} }) =>
          Object.keys(tags).some((name) => name.endsWith(`_cluster_${cluster}`)) && !/storageAccounts|images/.test(id),
      );
      assert.ok(ours.length > 8, `${ours.length} resources`);
      for (const { id, tags } of ours)
        assert.deepEqual([id, tags?.['owner'], tags?.['department']], [id, 'team-a', undefined]);
      assert.equal(ours.find(({ id }) => id.toLowerCase() === String(noted).toLowerCase())?.tags?.['theirs'], 'stays');
    },
  },
  {
    name: 'other bounds of the autoscaler are on the MachineDeployment, and the size it chose stays',
    before: { workerPools: [{ ...pool, autoscaling: { min: 1, max: 2 } }] },
    after: { workerPools: [{ ...pool, autoscaling: { min: 0, max: 5 } }] },
    async note(world) {
      await withKubectl(world, async (client) =>
        client.mergePatch(
          {
            apiVersion: 'cluster.x-k8s.io/v1beta2',
            kind: 'MachineDeployment',
            namespace: cluster,
            name: `${cluster}-general-1`,
          },
          { spec: { replicas: 2 } },
        ),
      );
    },
    async look(world) {
      const [deployment] = await objects(world, 'MachineDeployment');
      const bounds = Object.entries(deployment?.metadata.annotations ?? {})
        .filter(([name]) => /group-(min|max)-size$/.test(name))
        .map(([, value]) => value);
      assert.deepEqual(bounds.toSorted(), ['0', '5']);
      assert.equal(deployment?.['spec'].replicas, 2);
    },
  },
  {
    name: 'labels and taints change on the running nodes and for later ones, and no machine is replaced',
    before: { workerPools: [{ ...pool, labels: { tier: 'web' } }] },
    after: { workerPools: [{ ...pool, labels: { team: 'a' }, taints: [{ key: 'spot', effect: 'PreferNoSchedule' }] }] },
    note: nodes,
    async look(world, noted) {
      assert.deepEqual(await nodes(world), noted);
      const worker = (await objects(world, 'Node')).find(({ metadata }) => metadata.name.includes('general'));
      assert.deepEqual([worker?.metadata.labels?.['team'], worker?.metadata.labels?.['tier']], ['a', undefined]);
      assert.deepEqual(
        worker?.['spec'].taints.map((taint: any) => taint.key),
        ['spot'],
      );
    },
  },
  {
    name: 'larger disks are a rollout, of the control plane with its etcd disk and of the pool',
    before: {},
    after: {
      controlPlane: { replicas: 1, etcdDisk: { sizeGiB: 512 } },
      workerPools: [{ ...pool, osDisk: { sizeGiB: 128 } }],
    },
    note: nodes,
    async look(world, noted) {
      await allReplaced(world, noted);
      const machines = (await arm(world, 'Microsoft.Compute/virtualMachines')).value;
      const sizes = (machine: any) =>
        machine.name.includes('general')
          ? machine.properties.storageProfile.osDisk.diskSizeGB
          : machine.properties.storageProfile.dataDisks[0].diskSizeGB;
      assert.deepEqual(machines.map(sizes).toSorted(), [128, 512]);
    },
  },
];

/** What a story plays with. */
interface Stage {
  readonly world: VirtualWorld;
  readonly document: (patch?: object) => AnyDocument;
  /** Applies, and lets it come to its end. @returns the phase, and the code of a failure */
  readonly apply: (document: AnyDocument) => Promise<readonly [string, string | undefined]>;
  /** Applies, and stops when the step runs and the condition holds. */
  readonly stopIn: (document: AnyDocument, step: string, holds?: () => Promise<boolean>) => Promise<void>;
}

/** Lives that are not one change. */
export const stories: readonly { readonly name: string; readonly play: (stage: Stage) => Promise<void> }[] = [
  {
    name: 'a first machine that has not answered is made anew for another document',
    async play({ world, document, apply, stopIn }) {
      const machine = async () => (await arm(world, 'Microsoft.Compute/virtualMachines')).value;
      await stopIn(document(), 'controlPlane', async () => (await machine()).length === 1);
      const larger = document({ controlPlane: { replicas: 1, vmSize: 'Standard_D4s_v5' } });
      assert.deepEqual(await apply(larger), ['Ready', undefined]);
      const sizes = (await machine()).map((one: any) => [
        one.name.includes('control-plane'),
        one.properties.hardwareProfile.vmSize,
      ]);
      assert.deepEqual(new Map(sizes).get(true), 'Standard_D4s_v5');
    },
  },
  {
    name: 'a first machine that holds the state is not changed by another document; when Ready it is a rollout',
    async play({ world, document, apply, stopIn }) {
      await stopIn(document(), 'agent');
      const larger = document({ controlPlane: { replicas: 1, vmSize: 'Standard_D4s_v5' } });
      assert.deepEqual(await apply(larger), ['Failed', 'CAP-4204']);
      assert.deepEqual(await apply(document()), ['Ready', undefined]);
      const before = await nodes(world);
      assert.deepEqual(await apply(larger), ['Ready', undefined]);
      const left = (await nodes(world)).filter((name) => before.includes(name));
      assert.deepEqual(
        left.map((name) => name.includes('control-plane')),
        [false],
      );
    },
  },
];

/** Plays one story in a world of its own, and deletes its cluster. @throws Error when the promise is not kept */
export async function playStory(virtual: VirtualProcess, { name, play }: (typeof stories)[number]): Promise<void> {
  const { world, before } = await prepare(virtual, name);
  const apply = async (document: AnyDocument) => {
    await world.apply(document as never);
    const { phase, head } = await world.settled(cluster);
    return [phase, head.operation.error?.code] as const;
  };
  try {
    await play({
      world,
      document: (patch = {}) => sampleDocument({ ...small, ...patch }, cluster),
      apply,
      async stopIn(document, step, holds = async () => true) {
        await world.apply(document as never);
        const runs = async () =>
          (await world.store.clusters.step(cluster, step))?.state === 'running' && (await holds());
        await world.until(runs, step, 7200);
        await world.cancel(cluster, 'keep');
        assert.equal((await world.settled(cluster)).head.operation.error?.code, 'CAP-9005');
      },
    });
    assert.equal(await deleteAll(world, before), '');
    assert.deepEqual(await world.unmodelled(), []);
  } finally {
    await world.close();
  }
}

/** Plays one scene in a world of its own. @throws Error when the promise is not kept */
export async function playScene(virtual: VirtualProcess, scene: Scene): Promise<void> {
  const { world, before } = await prepare(virtual, scene.name);
  const document = (patch: object, tags?: Readonly<Record<string, string>>): AnyDocument => {
    const made = sampleDocument({ ...small, ...patch }, cluster);
    return tags === undefined ? made : { ...made, metadata: { ...made.metadata, tags: { ...tags } } };
  };
  const ready = async () => {
    const { phase, head } = await world.settled(cluster);
    assert.equal(phase, 'Ready', `${head.operation.error?.code}\n${await storyOf(world)}`);
  };
  try {
    await world.apply(document(scene.before) as never);
    await ready();
    const noted = await scene.note?.(world);
    let calls = 0;
    world.host.onActivity(async (_call, run) => {
      const outcome = await run();
      if (++calls === 6) world.host.goAway();
      return outcome;
    });
    await world.apply(document(scene.after, scene.tags) as never);
    await world.until(() => world.host.isAway, 'the middle of the change', 3600);
    const back = virtual.now() + 900_000;
    await world.until(() => virtual.now() >= back, 'a quarter of an hour', 1000);
    world.host.comeBack();
    await ready();
    await scene.look(world, noted);
    assert.equal(await deleteAll(world, before), '');
    assert.deepEqual(await world.unmodelled(), []);
  } finally {
    await world.close();
  }
}
