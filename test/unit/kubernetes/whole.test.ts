import { afterEach, expect, test } from 'vitest';
import { checkReady } from '#kubernetes/client/connect.ts';
import { installComponents } from '#kubernetes/components/install.ts';
import { pivot } from '#kubernetes/pivot/pivot.ts';
import { installAddOn } from '#kubernetes/scale/add-ons.ts';
import { scaleControlPlane } from '#kubernetes/scale/control-plane.ts';
import { readNodes } from '#kubernetes/scale/nodes.ts';
import { scaleShard } from '#kubernetes/scale/pools.ts';
import { bootFirstMachine, finish, localComponents } from './whole-world.ts';

let world: Awaited<ReturnType<typeof bootFirstMachine>> | undefined;
afterEach(() => world?.close());

test('from the booted first machine to a cluster that manages itself: components, hand-over, scale, add-on', async () => {
  world = await bootFirstMachine();
  const { plan, keys, observed, azure, client, readAdopted } = world;
  expect(await finish(() => checkReady(client, plan.network.api.host))).toMatchObject({
    value: { version: 'v1.33.4' },
  });

  const components = localComponents();
  const installed = await finish((state) => installComponents({ client, components }, state));
  expect(installed).toMatchObject({
    status: 'done',
    sentence: 'cert-manager, Cluster API v1.14.0, CAPZ v1.26.0 · webhooks answer',
  });

  let saved: any;
  const journal = { load: async () => saved, save: async (state: any) => void (saved = state) };
  const handedOver = await finish(() =>
    pivot({ plan, observed, keys, client, journal, readAdopted, now: () => Date.now() }),
  );
  expect(handedOver).toMatchObject({ status: 'done', sentence: '16 objects handed over · 0 Azure writes since' });
  expect(azure.writes).toEqual([]);

  const general = plan.pools[0]!;
  const results = await Promise.all([
    finish((state) => scaleControlPlane({ client, plan }, state)),
    ...general.shards.map((shard) =>
      finish((state) => scaleShard({ client, plan, observed, pool: general, shard }, state)),
    ),
    finish(() =>
      installAddOn(client, {
        name: 'a',
        namespace: 'a',
        namespaceLabels: {},
        manifests: ['apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }'],
      }),
    ),
  ]);
  expect(results.map((result) => result.status)).toEqual(results.map(() => 'done'));
  const { nodes } = ((await readNodes(client, plan)) as any).value;
  expect(nodes.filter((node: any) => node.ready)).toHaveLength(8);
  expect(nodes.map((node: any) => `${node.pool ?? node.role} ${node.zone}`).sort()).toEqual([
    'controlPlane 1',
    'controlPlane 2',
    'controlPlane 3',
    'general 1',
    'general 1',
    'general 2',
    'general 2',
    'general 3',
  ]);
});
