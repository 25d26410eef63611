import { afterAll, expect, test } from 'vitest';
import { samplePlan } from '#test/support/sample-plan.ts';
import { proxyEnvironment } from '#domain/kubeadm/proxy.ts';
import { checkReady } from '#kubernetes/client/connect.ts';
import { installComponents } from '#kubernetes/components/install.ts';
import { pivot } from '#kubernetes/pivot/pivot.ts';
import { scaleControlPlane } from '#kubernetes/scale/control-plane.ts';
import { readNodes } from '#kubernetes/scale/nodes.ts';
import { scaleShard } from '#kubernetes/scale/pools.ts';
import { bootFirstMachine, finish, localComponents } from '../../unit/kubernetes/whole-world.ts';

/** Factors of the matrix; a proxy needs static placement. */
const factors = {
  controlPlanes: [1, 3, 5],
  pools: [0, 1, 2, 3],
  zones: [1, 2, 3, 0],
  placement: ['dynamic', 'static'],
  proxy: [false, true],
} as const;
type Cell = { [Name in keyof typeof factors]: (typeof factors)[Name][number] };

const allowed = (cell: Cell) => !cell.proxy || cell.placement === 'static';
const names = Object.keys(factors) as (keyof Cell)[];

/** Pairs of values that a cell covers. */
function pairsOf(cell: Cell): string[] {
  return names.flatMap((left, index) =>
    names.slice(index + 1).map((right) => `${left}=${cell[left]} ${right}=${cell[right]}`),
  );
}

/** A small set of cells in which every pair of values occurs that can occur: greedy, always the same. */
function pairwise(): Cell[] {
  let all: Record<string, unknown>[] = [{}];
  for (const name of names) all = all.flatMap((cell) => factors[name].map((value) => ({ ...cell, [name]: value })));
  const cells = (all as Cell[]).filter(allowed);
  const open = new Set(cells.flatMap(pairsOf));
  const chosen: Cell[] = [];
  while (open.size > 0) {
    const gain = (cell: Cell) => pairsOf(cell).filter((pair) => open.has(pair)).length;
    const best = cells.reduce((left, right) => (gain(right) > gain(left) ? right : left));
    chosen.push(best);
    for (const pair of pairsOf(best)) open.delete(pair);
  }
  return chosen;
}

const network =
  '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/network/providers/Microsoft.Network';
const subnet = (name: string, cidr: string) => ({
  id: `${network}/virtualNetworks/corp-vnet/subnets/${name}`,
  name,
  cidr,
  attached: {
    networkSecurityGroup: `${network}/networkSecurityGroups/${name}-nsg`,
    routeTable: `${network}/routeTables/corp-routes`,
    natGateway: `${network}/natGateways/corp-nat`,
  },
});

function planOf({ controlPlanes, pools, zones, placement, proxy }: Cell) {
  const used = ['1', '2', '3'].slice(0, zones);
  const zoned = zones > 0;
  const size = (family: string, cores: number) => ({
    family,
    cores,
    memoryGiB: cores * 4,
    zones: zoned ? ['1', '2', '3'] : [],
  });
  return samplePlan({
    spec: {
      controlPlane: { replicas: controlPlanes, ...(zoned ? { zones: used } : {}) },
      workerPools: Array.from({ length: pools }, (_, index) => ({
        name: `pool${index}`,
        replicas: index + 1,
        ...(zoned ? { zones: used } : {}),
      })),
      ...(placement === 'static'
        ? {
            network: {
              placement,
              resourceGroup: 'network',
              virtualNetwork: 'corp-vnet',
              controlPlaneSubnet: 'corp-control-plane',
              workerSubnet: 'corp-workers',
            },
          }
        : {}),
      ...(proxy ? { proxy: { httpProxy: 'http://proxy.corp:3128', noProxy: ['.corp'] } } : {}),
    },
    facts: {
      regionZones: zoned ? ['1', '2', '3'] : [],
      vmSizes: { Standard_D2s_v5: size('a', 2), Standard_D4s_v5: size('b', 4) },
      ...(placement === 'static'
        ? {
            staticNetwork: {
              virtualNetworkId: `${network}/virtualNetworks/corp-vnet`,
              cidrs: ['10.60.0.0/16'],
              controlPlaneSubnet: subnet('corp-control-plane', '10.60.0.0/24'),
              workerSubnet: subnet('corp-workers', '10.60.1.0/24'),
            },
          }
        : {}),
    },
  });
}

const cells = pairwise();
const done: string[] = [];
afterAll(() => console.log(`pivot matrix: ${done.length} of ${cells.length} cells Ready\n${done.join('\n')}`));

test.each(cells)(
  '$controlPlanes control planes, $pools pools, $zones zones, $placement, proxy $proxy',
  async (cell) => {
    const limit = 60_000;
    const world = await bootFirstMachine(planOf(cell), 3000);
    try {
      const { plan, keys, observed, azure, client, readAdopted } = world;
      await finish(() => checkReady(client, plan.network.api.host), limit);
      const components = localComponents().map((component) => ({ ...component, proxy: proxyEnvironment(plan) }));
      expect(await finish((state) => installComponents({ client, components }, state), limit)).toMatchObject({
        status: 'done',
      });
      let saved: any;
      const journal = { load: async () => saved, save: async (state: any) => void (saved = state) };
      const handedOver = await finish(
        () => pivot({ plan, observed, keys, client, journal, readAdopted, now: () => Date.now() }),
        limit,
      );
      expect(handedOver).toMatchObject({ status: 'done' });
      expect(azure.writes).toEqual([]);
      const results = await Promise.all([
        finish((state) => scaleControlPlane({ client, plan }, state), limit),
        ...plan.pools.flatMap((pool) =>
          pool.shards.map((shard) =>
            finish((state) => scaleShard({ client, plan, observed, pool, shard }, state), limit),
          ),
        ),
      ]);
      expect(results.map((result) => result.status)).toEqual(results.map(() => 'done'));
      const { nodes } = ((await readNodes(client, plan)) as any).value;
      const workers = plan.pools.reduce((total, pool) => total + pool.replicas, 0);
      expect(nodes.filter((node: any) => node.ready)).toHaveLength(cell.controlPlanes + workers);
      const zones = new Set(nodes.filter((node: any) => node.role === 'controlPlane').map((node: any) => node.zone));
      expect(zones.size).toBe(cell.zones === 0 ? 1 : Math.min(cell.controlPlanes, cell.zones));
      // The user's network is never written, whatever grows in it.
      expect(azure.writes.filter((write) => write.includes('/resourceGroups/network/'))).toEqual([]);
      done.push(JSON.stringify(cell));
    } finally {
      await world.close();
    }
  },
  120_000,
);
