import assert from 'node:assert/strict';
import type { AnyDocument } from '#domain/managed/types.ts';
import type { VirtualWorld } from '../../../support/virtual.ts';
import { cluster, group, subscription } from '../../azure/matrix.ts';
import { arm, nodes, objects, ownResources } from './stage.ts';

/** What a story plays with. */
export interface Stage {
  readonly world: VirtualWorld;
  readonly document: (patch?: object) => AnyDocument;
  /** Applies, and lets it come to its end. @returns the phase, and the code of a failure */
  readonly apply: (document: AnyDocument) => Promise<readonly [string, string | undefined]>;
  /** Applies, and stops when the step runs and the condition holds. */
  readonly stopIn: (document: AnyDocument, step: string, holds?: () => Promise<boolean>) => Promise<void>;
}

/** A life that is not one change. */
export interface Story {
  readonly name: string;
  readonly play: (stage: Stage) => Promise<void>;
}

export const stories: readonly Story[] = [
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
  {
    name: 'tags of a provision that did not come to its end, and that the next document has not, are on nothing',
    async play({ world, document, apply, stopIn }) {
      await stopIn(document(), 'controlPlane');
      assert.deepEqual(await apply(withTags(document(), { owner: 'team-a' })), ['Ready', undefined]);
      await everythingHas(world, { owner: 'team-a' });
    },
  },
  {
    name: 'other values of tags reach the first machine of a provision that was stopped before the hand-over, which is not refused',
    async play({ world, document, apply, stopIn }) {
      await stopIn(document(), 'agent');
      assert.deepEqual(await apply(withTags(document(), { department: 'x' })), ['Ready', undefined]);
      await everythingHas(world, { department: 'x' });
    },
  },
  {
    name: 'tags of a provision that was stopped after the hand-over are on nothing either',
    async play({ world, document, apply, stopIn }) {
      await stopIn(document(), 'workerPools');
      assert.deepEqual(await apply(withTags(document(), { owner: 'team-a' })), ['Ready', undefined]);
      await everythingHas(world, { owner: 'team-a' });
    },
  },
  {
    name: 'a provision that is continued with other pools and other callers after the hand-over has what the new document says',
    async play({ world, document, apply, stopIn }) {
      await stopIn(document(), 'workerPools', async () => (await objects(world, 'MachineDeployment')).length === 1);
      const other = document({
        workerPools: [{ name: 'other', replicas: 1, zones: ['2'], vmSize: 'Standard_D2s_v5' }],
        network: { api: { allowedCidrs: ['203.0.113.0/24'] } },
      });
      assert.deepEqual(await apply(other), ['Ready', undefined]);
      const workers = (await nodes(world)).filter((name) => !name.includes('-control-plane-'));
      assert.deepEqual(
        workers.map((name) => name.startsWith(`${cluster}-other-2-`)),
        [true],
      );
      const [azureCluster] = await objects(world, 'AzureCluster');
      assert.ok(JSON.stringify(azureCluster?.['spec'].networkSpec.subnets).includes('203.0.113.0/24'));
    },
  },
  {
    name: 'tags of a change that did not come to its end are gone when it is taken back',
    async play({ world, document, apply, stopIn }) {
      assert.deepEqual(await apply(document()), ['Ready', undefined]);
      const larger = document({ controlPlane: { replicas: 1, vmSize: 'Standard_D4s_v5' } });
      await stopIn(withTags(larger, { department: 'x', owner: 'team-a' }), 'controlPlaneScale');
      assert.deepEqual(await apply(document()), ['Ready', undefined]);
      await everythingHas(world, { department: 'finance' });
    },
  },
  {
    name: 'what the controllers make while a deletion looks around is found by its next look',
    async play({ world, document, apply }) {
      assert.deepEqual(await apply(document()), ['Ready', undefined]);
      await holdNetwork(world, { [`sigs.k8s.io_cluster-api-provider-azure_cluster_${cluster}`]: 'owned' });
    },
  },
  {
    name: 'a deletion that somebody else holds up says what holds it, and comes to its end when that is gone',
    async play({ world, document, apply }) {
      assert.deepEqual(await apply(document()), ['Ready', undefined]);
      const id = await holdNetwork(world, {});
      await world.delete(cluster);
      const { phase, head } = await world.settled(cluster);
      assert.deepEqual([phase, head.operation.error?.code], ['Failed', 'CAP-3017']);
      assert.ok(head.operation.error?.cause?.includes(id), head.operation.error?.cause);
      await world.arm('DELETE', `${id}?api-version=2024-05-01`);
    },
  },
];

/** Puts a network interface into the cluster's network as soon as the first deletion has looked around. @returns its id */
async function holdNetwork(world: VirtualWorld, tags: Readonly<Record<string, string>>): Promise<string> {
  const network = `/subscriptions/${subscription}/resourceGroups/${group}/providers/Microsoft.Network`;
  const id = `${network}/networkInterfaces/late-nic`;
  const subnet = { id: `${network}/virtualNetworks/${cluster}-vnet/subnets/${cluster}-node-subnet` };
  let held = false;
  world.host.onActivity(async (call, run) => {
    const outcome = await run();
    if (call.name === 'planDeletion' && !held) {
      held = true;
      const ipConfigurations = [{ name: 'pipConfig', properties: { subnet } }];
      const body = { location: 'westeurope', tags, properties: { ipConfigurations } };
      await world.arm('PUT', `${id}?api-version=2024-05-01`, body);
    }
    return outcome;
  });
  return id;
}

function withTags(document: AnyDocument, tags: Readonly<Record<string, string>>): AnyDocument {
  return { ...document, metadata: { ...document.metadata, tags: { ...tags } } };
}

/** Everything of the cluster alone carries these tags of the user, and of the names that the stories use no other. */
async function everythingHas(world: VirtualWorld, tags: Readonly<Record<string, string>>): Promise<void> {
  const ours = await ownResources(world);
  assert.ok(ours.length > 8, `${ours.length} resources`);
  for (const { id, tags: found = {} } of ours) {
    const shown = Object.fromEntries(Object.entries(found).filter(([name]) => ['department', 'owner'].includes(name)));
    assert.deepEqual([id, shown], [id, tags]);
  }
}
