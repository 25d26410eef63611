import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resourceTags } from '#domain/names/tags.ts';
import { adoptedResources } from '#domain/cluster-api/adopted.ts';
import { bootstrapData } from '#domain/cluster-api/bundle.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { createMachineHost } from '#local/kubernetes/machines.ts';
import { samplePlan } from '#test/support/sample-plan.ts';
import { connect } from '#kubernetes/client/connect.ts';
import { startFakeAzure } from '../kubernetes-controllers/support/fake-azure.ts';
import { connectProxy, sharedKeys } from './server.ts';

const componentFolder = join(import.meta.dirname, '../../../local/components/');

/** Calls a step until it is done, as the orchestrator would. */
export async function finish(step: (state: any) => Promise<any>, limitMs = 25_000): Promise<any> {
  let outcome: any = { status: 'wait' };
  const end = Date.now() + limitMs;
  while (outcome.status === 'wait') {
    if (Date.now() > end) throw new Error(`waited too long: ${JSON.stringify(outcome)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
    outcome = await step(outcome.state);
  }
  return outcome;
}

/** The Azure of the plan, as the earlier steps leave it, with CP-A running on our user data. */
export async function bootFirstMachine(plan: ClusterPlan = samplePlan(), timeScale = 1500) {
  const closers: (() => unknown)[] = [];
  const keys = await sharedKeys();
  const observed = { identityClientId: '55555555-5555-4555-8555-555555555555' };
  const directory = mkdtempSync(join(tmpdir(), 'capstan-whole-'));
  const azure = await startFakeAzure(timeScale);
  azure.zones = [...plan.regionZones];
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
  const { networkSecurityGroup, routeTable, natGateway } = plan.network.workerSubnet.attached ?? {};
  for (const id of [networkSecurityGroup, routeTable, natGateway]) if (id !== undefined) put(id, {});
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
      tags: resourceTags(plan.name, plan.tags, { name: machine, role: 'control-plane', machine: true }),
      ...(plan.controlPlane.zone === undefined ? {} : { zones: [plan.controlPlane.zone] }),
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
  const close = async () => {
    for (const step of closers.splice(0).reverse()) await step();
  };
  return { plan, keys, observed, azure, machines, client, readAdopted, close };
}

/** The components of the local run, as the app reads them. */
export function localComponents(): any[] {
  return JSON.parse(readFileSync(`${componentFolder}index.json`, 'utf8')).map((entry: any) => ({
    ...entry,
    manifest: readFileSync(componentFolder + entry.file, 'utf8'),
  }));
}
