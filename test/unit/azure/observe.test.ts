import { describe, expect, it } from 'vitest';
import { BudgetDeferral } from '../../../azure/clients/budget.ts';
import { cloudOf } from '../../../azure/clients/cloud.ts';
import { loadBalancerSpec } from '../../../azure/loadBalancer/spec.ts';
import { lacks } from '../../../azure/observe/lacks.ts';
import { observeGroup, observeKind, observeOthers } from '../../../azure/observe/observe.ts';
import { virtualNetwork } from '../../../azure/virtualNetwork/client.ts';
import { samplePlan } from '../../support/sample-plan.ts';

const plan = samplePlan();
const network = plan.resources.find(({ kind }) => kind === 'virtualNetwork')!;

async function fingerprint(owned: boolean, etag: string, prefix: string, ...machines: string[]): Promise<string> {
  const ipConfigurations = machines.map((id) => ({ id }));
  const body = { etag, subnets: [{ name: 'workers', etag, addressPrefix: prefix, ipConfigurations }] };
  const definition = { ...virtualNetwork, read: () => Promise.resolve(body as never) };
  const connection = { clients: () => undefined } as never;
  return (await observeKind(connection, definition, plan, { ...network, owned })).fingerprint;
}

describe('the fingerprint of a network of the user', () => {
  it('stays when the machine of another cluster joins, and changes when somebody writes to it', async () => {
    const before = await fingerprint(false, '1', '10.0.0.0/24', 'a');
    expect(await fingerprint(false, '2', '10.0.0.0/24', 'a', 'b')).toBe(before);
    expect(await fingerprint(false, '3', '10.0.0.0/25', 'a')).not.toBe(before);
  });

  it('changes with every ETag where the network is the cluster’s own', async () => {
    expect(await fingerprint(true, '2', '10.0.0.0/24')).not.toBe(await fingerprint(true, '1', '10.0.0.0/24'));
  });
});

describe('what CAPZ would write into a resource that is there', () => {
  const planned = (kind: string) => plan.resources.find((resource) => resource.kind === kind)!;
  const input = (kind: string) => ({ plan, resource: planned(kind), outputs: {}, cloud: cloudOf('public') });

  it('is each missing part of the load balancer, and the rule of the first machine', () => {
    const balancer: any = loadBalancerSpec(input('loadBalancer'), undefined);
    const rule = { name: plan.controlPlane.machineName };
    expect(lacks(plan, planned('loadBalancer'), { ...balancer, inboundNatRules: [rule] })).toEqual([]);
    expect(lacks(plan, planned('loadBalancer'), { ...balancer, probes: [{ name: 'other' }] })).toEqual([
      'probes HTTPSProbe',
      `inboundNatRules ${rule.name}`,
    ]);
  });

  it('is each missing tag of the machine, and nothing of the others', () => {
    const tags = {
      department: 'finance',
      'sigs.k8s.io_cluster-api-provider-azure_cluster_demo': 'owned',
      kubernetes_io: 'x',
    };
    expect(lacks(plan, planned('virtualMachine'), { tags })).toEqual(['the tag kubernetes.io_cluster_demo: owned']);
    expect(lacks(plan, planned('networkInterface'), {})).toEqual([]);
  });
});

describe('a look for which there is no room within Azure’s limits', () => {
  const deferred = () => Promise.reject(new BudgetDeferral(7));
  const connection = { clients: () => ({ resources: deferred }) } as never;
  const definition = { ...virtualNetwork, read: deferred as never };

  it('is put off, not failed: at a resource, the group, and the list of what is in it', async () => {
    for (const look of [
      () => observeKind(connection, definition, plan, network),
      () => observeGroup(connection, plan),
      () => observeOthers(connection, plan),
    ])
      await expect(look()).rejects.toMatchObject({ name: 'BudgetDeferral', retryAfter: 7 });
  });
});
