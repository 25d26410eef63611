import assert from 'node:assert/strict';
import { cluster } from '../../azure/matrix.ts';
import { withKubectl } from '../../model/iaas.ts';
import { sampleImage } from '../../../support/sample-plan.ts';
import type { VirtualWorld } from '../../../support/virtual.ts';
import type { Change, Scene } from './scene.ts';
import { allReplaced, arm, nodes, objects, pool } from './stage.ts';

/** Machines of the control plane, or of a pool, in Azure; with their zones. */
async function machines(world: VirtualWorld, part: string): Promise<readonly any[]> {
  const all: readonly any[] = (await arm(world, 'Microsoft.Compute/virtualMachines')).value;
  return all.filter(({ name }) => String(name).startsWith(`${cluster}-${part}`));
}
const zonesOf = (found: readonly any[]) =>
  found.map(({ zones }) => String(zones?.[0])).toSorted((a, b) => a.localeCompare(b));

/** The change to so many control-plane machines; the app is away while the last of them come or go. */
const controlPlane = (replicas: number): Change => ({
  to: { controlPlane: { replicas } },
  diesIn: 'controlPlaneScale',
  async look(world) {
    assert.equal((await machines(world, 'control-plane')).length, replicas);
    const [object] = await objects(world, 'KubeadmControlPlane');
    assert.deepEqual([object?.['spec'].replicas, object?.['status'].readyReplicas], [replicas, replicas]);
    assert.equal((await nodes(world)).length, replicas + 1);
  },
});

/** The change to another version, of the control plane first; the app is away while the control plane is replaced. */
const version = (to: string): Change => ({
  to: { kubernetes: { version: to }, image: sampleImage(to) },
  diesIn: 'controlPlaneScale',
  async look(world) {
    const found = (await objects(world, 'Node')).map((node) => node['status'].nodeInfo.kubeletVersion);
    assert.deepEqual(found, [to, to]);
  },
});

const replicas = (wanted: number): Change => ({
  to: { workerPools: [{ ...pool, replicas: wanted }] },
  diesIn: 'workerPools',
  async look(world) {
    assert.equal((await machines(world, 'general')).length, wanted);
    assert.equal((await nodes(world)).length, wanted + 1);
  },
});

const account = (name: string) =>
  `apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: ${name}, namespace: tools }\n`;
const addOn = (names: readonly string[]) => ({
  name: 'tools',
  namespace: 'tools',
  manifests: [names.map(account).join('---\n')],
});
const other = {
  name: 'other',
  namespace: 'other',
  manifests: ['apiVersion: v1\nkind: ConfigMap\nmetadata: { name: hello, namespace: other }\ndata: { a: b }\n'],
};
const exists = async (world: VirtualWorld, kind: string, name: string, namespace?: string) =>
  withKubectl(world, async (client) =>
    client
      .get({ apiVersion: 'v1', kind, name, ...(namespace === undefined ? {} : { namespace }) })
      .then((found) => found !== undefined),
  );

async function controllersKubeconfig(world: VirtualWorld): Promise<unknown> {
  return withKubectl(world, async (client) => {
    const name = `${cluster}-kubeconfig`;
    return (await client.get({ apiVersion: 'v1', kind: 'Secret', namespace: cluster, name }))?.['data'];
  });
}

/** The number, the place, the size and the version of machines; what runs on them; and their certificates. */
export const shape: readonly Scene[] = [
  {
    name: 'three control-plane machines, five, and one again',
    before: {},
    changes: [controlPlane(3), controlPlane(5), controlPlane(1)],
  },
  {
    name: 'two minor versions in a row, with the app away in the middle of both',
    before: { kubernetes: { version: 'v1.33.4' }, image: sampleImage('v1.33.4') },
    changes: [version('v1.34.1'), version('v1.35.0')],
  },
  { name: 'a pool at nothing, and back', before: {}, changes: [replicas(0), replicas(2)] },
  {
    name: 'a new pool in place of the one that goes, with nothing left of that',
    before: {},
    changes: [
      {
        to: { workerPools: [{ ...pool, name: 'fresh', replicas: 2 }] },
        diesIn: 'workerPools',
        async look(world) {
          assert.equal((await machines(world, 'fresh')).length, 2);
          const left = (await world.resources()).filter(({ id }) => id.includes(`${cluster}-general`));
          assert.deepEqual(left, []);
          assert.deepEqual(
            (await objects(world, 'MachineDeployment')).map(({ metadata }) => metadata.name),
            [`${cluster}-fresh-1`],
          );
        },
      },
    ],
  },
  {
    name: 'machines in a new zone, and none in the zone that is left',
    before: { workerPools: [{ ...pool, replicas: 2, zones: ['1', '2'] }] },
    changes: [
      {
        to: { workerPools: [{ ...pool, replicas: 4, zones: ['2', '3'] }] },
        diesIn: 'workerPools',
        async look(world) {
          assert.deepEqual(zonesOf(await machines(world, 'general')), ['2', '2', '3', '3']);
        },
      },
    ],
  },
  {
    name: 'another VM size as a rollout, of the control plane and of a pool that must not grow',
    before: {},
    changes: [
      {
        to: {
          controlPlane: { replicas: 1, vmSize: 'Standard_D4s_v5' },
          workerPools: [{ ...pool, vmSize: 'Standard_D4s_v5', rollout: { maxSurge: 0, maxUnavailable: 1 } }],
        },
        diesIn: 'workerPools',
        async look(world, noted) {
          await allReplaced(world, noted);
          const found = [...(await machines(world, 'control-plane')), ...(await machines(world, 'general'))];
          assert.deepEqual(
            found.map(({ properties }) => properties.hardwareProfile.vmSize),
            ['Standard_D4s_v5', 'Standard_D4s_v5'],
          );
        },
      },
    ],
    note: nodes,
  },
  {
    name: 'an add-on updated without what it no longer has, and another one removed with its namespace',
    before: { addOns: [addOn(['stays', 'goes']), other] },
    changes: [
      {
        to: { addOns: [addOn(['stays', 'comes'])] },
        diesIn: 'addOns',
        async look(world, noted) {
          assert.deepEqual(await nodes(world), noted);
          const found = async (name: string) => exists(world, 'ServiceAccount', name, 'tools');
          assert.deepEqual([await found('stays'), await found('comes'), await found('goes')], [true, true, false]);
          assert.equal(await exists(world, 'Namespace', 'other'), false);
        },
      },
    ],
    note: nodes,
  },
  {
    name: 'new certificates by a new control-plane machine, and a new kubeconfig for its controllers',
    before: {},
    async note(world) {
      return [await controllersKubeconfig(world), (await machines(world, 'control-plane'))[0].name];
    },
    changes: [
      {
        to: 'renew',
        diesIn: 'controlPlaneScale',
        async look(world, noted) {
          const [kubeconfig, name] = noted as [unknown, string];
          const after = await controllersKubeconfig(world);
          assert.ok(after !== undefined);
          assert.notDeepEqual(after, kubeconfig);
          const found = await machines(world, 'control-plane');
          assert.equal(found.length, 1);
          assert.notEqual(found[0].name, name);
        },
      },
    ],
  },
];
