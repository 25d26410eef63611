import { sampleDocument } from '../../support/sample-plan.ts';
import { goVirtual, type VirtualWorld } from '../../support/virtual.ts';

/**
 * More clusters than a shared account or image has room for, on virtual time; prints one JSON object. `--clusters N`: so
 * many begin at the same moment. `--room N`: one is made before them, and then what it shares is filled up with users that
 * are no clusters until room for N is left; with `--disk`, where the image is made through a disk, the image alone.
 */
function flag(name: string, otherwise: number): number {
  const index = process.argv.indexOf(`--${name}`);
  return index === -1 ? otherwise : Number(process.argv[index + 1]);
}

const subscription = '22222222-2222-4222-8222-222222222222';
const group = 'crowd';
const byDisk = process.argv.includes('--disk');

/** The shortest whole provision. */
function document(name: string) {
  const vhd = 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.34.1.vhd';
  return sampleDocument(
    {
      azure: { subscriptionId: subscription, location: 'westeurope', resourceGroup: group },
      kubernetes: { version: 'v1.34.1' },
      image: { vhd, ...(byDisk ? { through: 'disk' } : {}) },
      controlPlane: { replicas: 1 },
      workerPools: [{ name: 'general', replicas: 1, zones: ['1'] }],
    },
    name,
  );
}

const sharedTypes = /\/(storageAccounts|images|disks)\/[^/]+$/i;

/** What clusters share: names with the clusters that are their users. */
async function sharedIn(world: VirtualWorld): Promise<Record<string, readonly string[]>> {
  const shared = (await world.resources()).filter(({ id, tags }) => sharedTypes.test(id) && tags?.['capstan_managed']);
  const users = (tags: Readonly<Record<string, string>>) =>
    Object.keys(tags).flatMap((tag) => (tag.startsWith('capstan_cluster_') ? [tag.slice(16)] : []));
  return Object.fromEntries(
    shared.map(({ id, tags = {} }) => [id.split('/').slice(-2).join('/'), users(tags).toSorted()]),
  );
}

/** Puts users on shared resources until so many tags are left. */
async function fill(world: VirtualWorld, type: RegExp, room: number): Promise<void> {
  for (const { id, tags = {} } of await world.resources()) {
    if (!type.test(id) || tags['capstan_managed'] === undefined) continue;
    const others = Array.from({ length: 50 - room - Object.keys(tags).length }, (_, index) => `other-${index}`);
    const more = Object.fromEntries(others.map((name) => [`capstan_cluster_${name}`, 'user']));
    const route = `${id}/providers/Microsoft.Resources/tags/default?api-version=2025-04-01`;
    await world.arm('PATCH', route, { operation: 'Merge', properties: { tags: more } });
  }
}

async function all(world: VirtualWorld, names: readonly string[]): Promise<Record<string, number>> {
  const count: Record<string, number> = {};
  for (const name of names) {
    const { phase, head } = await world.settled(name);
    const key = head.operation.error === undefined ? phase : `${phase} ${JSON.stringify(head.operation.error)}`;
    count[key] = (count[key] ?? 0) + 1;
  }
  return count;
}

const virtual = await goVirtual();
const world = await virtual.createWorld('shares');
await world.arm('PUT', `/subscriptions/${subscription}/resourcegroups/${group}?api-version=2025-04-01`, {
  location: 'westeurope',
});
for (const family of ['cores', 'standardDSv5Family', 'PublicIPAddresses'])
  await world.fault({ quota: { location: 'westeurope', family, limit: 100_000 } });
const before = new Set((await world.resources()).map(({ id }) => id));
const names = Array.from({ length: flag('clusters', 3) }, (_, index) => `crowd-${index}`);
const room = flag('room', -1);
if (room >= 0) {
  const first = names.shift() ?? '';
  await world.apply(document(first));
  await all(world, [first]);
  await fill(world, byDisk ? /\/images\// : sharedTypes, room);
  // The first one stays to be deleted with the others.
  await Promise.all(names.map(async (name) => world.apply(document(name))));
  names.push(first);
} else await Promise.all(names.map(async (name) => world.apply(document(name))));
const built = await all(world, names);
const shared = await sharedIn(world);
const events = await Promise.all(names.map(async (name) => world.store.events.list(name, { limit: 500 })));
const moves = events.map((list) => list.filter(({ type }) => type === 'storage.nextShare').length);
const left = (await Promise.all(names.map(async (name) => world.store.clusters.items(name))))
  .flat()
  .filter(({ key }) => key.startsWith('left-')).length;
await Promise.all(names.map(async (name) => world.delete(name)));
const deleted = await all(world, names);
const after = await world.resources();
const tags = after.flatMap(({ id, tags: own = {} }) =>
  Object.keys(own)
    .filter((tag) => names.some((name) => tag.toLowerCase().endsWith(`_${name}`)))
    .map((tag) => `${id} ${tag}`),
);
const result = {
  built,
  deleted,
  shared,
  moves: { most: Math.max(...moves), all: moves.reduce((sum, count) => sum + count, 0) },
  left,
  tags,
  stays: after.filter(({ id }) => !before.has(id)).map(({ id }) => id.split('/').slice(-2).join('/')),
  secrets: await world.secrets(),
  unmodelled: await world.unmodelled(),
  cpuSeconds: Math.round(process.cpuUsage().user / 1e6),
};
await world.close();
console.log(JSON.stringify(result));
