import assert from 'node:assert/strict';
import { cluster } from '../../azure/matrix.ts';
import { withKubectl } from '../../model/iaas.ts';
import type { Scene } from './scene.ts';
import { allReplaced, arm, bootstrap, key, nodes, objects, ownResources, pool, proxy } from './stage.ts';

/** Settings that change, of machines and around them. */
export const settings: readonly Scene[] = [
  {
    name: 'other SSH keys reach every node: all machines are made anew, the old key is on none',
    before: { sshKeys: [key('old')] },
    note: nodes,
    changes: [
      {
        to: { sshKeys: [key('new')] },
        async look(world, noted) {
          await allReplaced(world, noted);
          for (const text of await bootstrap(world)) assert.ok(text.includes(key('new')) && !text.includes(key('old')));
        },
      },
    ],
  },
  {
    name: 'another proxy reaches every node: all machines are made anew with it',
    before: proxy('proxy-a.corp'),
    note: nodes,
    changes: [
      {
        to: proxy('proxy-b.corp'),
        async look(world, noted) {
          await allReplaced(world, noted);
          for (const text of await bootstrap(world))
            assert.ok(text.includes('proxy-b.corp') && !text.includes('proxy-a.corp'));
        },
      },
    ],
  },
  {
    name: 'other callers of the API server are rules of the security group, the cluster itself among them; no machine is replaced',
    before: {},
    note: nodes,
    changes: [
      {
        to: { network: { api: { allowedCidrs: ['203.0.113.0/24'] }, ssh: { allowedCidrs: ['198.51.100.7/32'] } } },
        async look(world, noted) {
          assert.deepEqual(await nodes(world), noted);
          const { properties } = await arm(
            world,
            'Microsoft.Network/networkSecurityGroups',
            `${cluster}-controlplane-nsg`,
          );
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
    ],
  },
  {
    name: 'other bounds of the health checks, of workers and of the control plane, and no machine is replaced',
    before: {},
    note: nodes,
    changes: [
      {
        to: {
          controlPlane: { replicas: 1, healthCheck: { unhealthySeconds: 240 } },
          workerPools: [{ ...pool, healthCheck: { unhealthySeconds: 300, startupSeconds: 900, maxUnhealthy: '100%' } }],
        },
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
    ],
  },
  {
    name: 'other tags reach every existing resource of the cluster alone, those that went are removed, and those of others stay',
    before: {},
    async note(world) {
      const [first] = (await arm(world, 'Microsoft.Compute/virtualMachines')).value;
      await world.arm('PATCH', `${first.id}?api-version=2024-07-01`, { tags: { ...first.tags, theirs: 'stays' } });
      return first.id;
    },
    changes: [
      {
        to: {},
        tags: { owner: 'team-a' },
        async look(world, noted) {
          const ours = await ownResources(world);
          assert.ok(ours.length > 8, `${ours.length} resources`);
          for (const { id, tags } of ours)
            assert.deepEqual([id, tags?.['owner'], tags?.['department']], [id, 'team-a', undefined]);
          assert.equal(
            ours.find(({ id }) => id.toLowerCase() === String(noted).toLowerCase())?.tags?.['theirs'],
            'stays',
          );
        },
      },
    ],
  },
  {
    name: 'other bounds of the autoscaler are on the MachineDeployment, and the size it chose stays',
    before: { workerPools: [{ ...pool, autoscaling: { min: 1, max: 2 } }] },
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
    changes: [
      {
        to: { workerPools: [{ ...pool, autoscaling: { min: 0, max: 5 } }] },
        async look(world) {
          const [deployment] = await objects(world, 'MachineDeployment');
          const bounds = Object.entries(deployment?.metadata.annotations ?? {})
            .filter(([name]) => /group-(min|max)-size$/.test(name))
            .map(([, value]) => value);
          assert.deepEqual(bounds.toSorted(), ['0', '5']);
          assert.equal(deployment?.['spec'].replicas, 2);
        },
      },
    ],
  },
  {
    name: 'labels and taints change on the running nodes and for later ones, and no machine is replaced',
    before: { workerPools: [{ ...pool, labels: { tier: 'web' } }] },
    note: nodes,
    changes: [
      {
        to: {
          workerPools: [{ ...pool, labels: { team: 'a' }, taints: [{ key: 'spot', effect: 'PreferNoSchedule' }] }],
        },
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
    ],
  },
  {
    name: 'larger disks are a rollout, of the control plane with its etcd disk and of the pool',
    before: {},
    note: nodes,
    changes: [
      {
        to: {
          controlPlane: { replicas: 1, etcdDisk: { sizeGiB: 512 } },
          workerPools: [{ ...pool, osDisk: { sizeGiB: 128 } }],
        },
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
    ],
  },
];
