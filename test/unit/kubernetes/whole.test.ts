import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { adoptedResources } from '#domain/cluster-api/adopted.ts';
import { bootstrapData } from '#domain/cluster-api/bundle.ts';
import { createMachineHost } from '#local/kubernetes/machines.ts';
import { samplePlan } from '#test/support/sample-plan.ts';
import { checkReady, connect } from '#kubernetes/client/connect.ts';
import { installComponents } from '#kubernetes/components/install.ts';
import { pivot } from '#kubernetes/pivot/pivot.ts';
import { installAddOn } from '#kubernetes/scale/add-ons.ts';
import { scaleControlPlane } from '#kubernetes/scale/control-plane.ts';
import { readNodes } from '#kubernetes/scale/nodes.ts';
import { scaleShard } from '#kubernetes/scale/pools.ts';
import { startFakeAzure } from '../kubernetes-controllers/support/fake-azure.ts';
import { connectProxy, sharedKeys } from './server.ts';

const componentFolder = join(import.meta.dirname, '../../../local/components/');
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Calls a step until it is done, as the orchestrator would. */
async function finish(step: (state: any) => Promise<any>): Promise<any> {
  let outcome: any = { status: 'wait' };
  const end = Date.now() + 25_000;
  while (outcome.status === 'wait') {
    if (Date.now() > end) throw new Error(`waited too long: ${JSON.stringify(outcome)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
    outcome = await step(outcome.state);
  }
  return outcome;
}

/** The Azure of the plan, as the earlier steps leave it, with CP-A running on our user data. */
async function bootFirstMachine() {
  const plan = samplePlan();
  const keys = await sharedKeys();
  const observed = { identityClientId: '55555555-5555-4555-8555-555555555555' };
  const directory = mkdtempSync(join(tmpdir(), 'capstan-whole-'));
  const azure = await startFakeAzure(1500);
  const put = (id: string, resource: Record<string, unknown>) =>
    azure.resources.set(id.toLowerCase(), {
      id,
      name: id.split('/').at(-1),
      etag: 'W/"0"',
      tags: {},
      properties: { provisioningState: 'Succeeded' },
      ...resource,
    });
  put(`/subscriptions/${plan.azure.subscriptionId}/resourceGroups/platform`, { location: 'westeurope' });
  const balancer = plan.network.api.loadBalancer;
  const parts = {
    frontendIPConfigurations: [{ name: `${balancer}-frontEnd` }],
    backendAddressPools: [{ name: `${balancer}-backendPool` }],
    loadBalancingRules: [{ name: 'LBRuleHTTPS' }],
    probes: [{ name: 'HTTPSProbe' }],
    outboundRules: [{ name: 'OutboundNATAllProtocols' }],
    inboundNatRules: [],
  };
  const machine = plan.controlPlane.machineName;
  const special: Record<string, Record<string, unknown>> = {
    loadBalancer: { location: 'westeurope', properties: { provisioningState: 'Succeeded', ...parts } },
    networkInterface: {
      properties: {
        provisioningState: 'Succeeded',
        ipConfigurations: [{ properties: { privateIPAddress: '10.0.0.4' } }],
      },
    },
    virtualMachine: {
      location: 'westeurope',
      zones: [plan.controlPlane.zone],
      identity: { type: 'UserAssigned', userAssignedIdentities: { [plan.identity.id]: {} } },
      properties: {
        provisioningState: 'Succeeded',
        hardwareProfile: { vmSize: plan.controlPlane.vmSize },
        osProfile: {
          computerName: machine,
          customData: Buffer.from(bootstrapData({ plan, observed, keys }).reveal()).toString('base64'),
        },
        storageProfile: { dataDisks: [{ lun: 0, name: `${machine}_etcddisk`, diskSizeGB: 256 }] },
      },
    },
  };
  for (const resource of plan.resources) put(resource.id, special[resource.kind] ?? { location: 'westeurope' });
  for (const subnet of [plan.network.controlPlaneSubnet, plan.network.workerSubnet]) put(subnet.id, {});
  const machines = createMachineHost(azure, { directory });
  azure.attach(machines);
  azure.bootAgain();
  const proxy = await connectProxy(() => azure.resolveLoadBalancer(plan.network.api.host, 6443) ?? 1);
  const client = await connect({
    host: plan.network.api.host,
    authority: keys.certificateAuthority,
    gatewayUrl: proxy.url,
  });
  closers.push(
    () => rmSync(directory, { recursive: true, force: true }),
    () => azure.close(),
    () => machines.close(),
    () => proxy.close(),
    () => client.close(),
  );
  const readAdopted = async () =>
    adoptedResources(plan).map(({ id }) => {
      const found = azure.resources.get(id.toLowerCase());
      return {
        id,
        exists: found !== undefined,
        fingerprint: createHash('sha256').update(JSON.stringify(found)).digest('hex'),
        tags: found?.['tags'] ?? {},
      };
    });
  return { plan, keys, observed, azure, machines, client, readAdopted };
}

test('from the booted first machine to a cluster that manages itself: components, hand-over, scale, add-on', async () => {
  const { plan, keys, observed, azure, client, readAdopted } = await bootFirstMachine();
  expect(await finish(() => checkReady(client, plan.network.api.host))).toMatchObject({
    value: { version: 'v1.33.4' },
  });

  const index = JSON.parse(readFileSync(`${componentFolder}index.json`, 'utf8'));
  const components = index.map((entry: any) => ({
    ...entry,
    manifest: readFileSync(componentFolder + entry.file, 'utf8'),
  }));
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
        layer: 0,
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
