import { afterEach, describe, expect, test } from 'vitest';
import { adoptionBundle, applyBundle, CPA, NAME, NAMESPACE, VM, workerPool } from './support/bundle.ts';
import type { Document } from './support/bundle.ts';
import { path } from './support/fake-azure.ts';
import { startWorld, until } from './support/world.ts';
import type { World } from './support/world.ts';

let world: World | undefined;
afterEach(() => world?.close());

const cluster = { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster', namespace: NAMESPACE, name: NAME };
const KCP = `${NAME}-control-plane`;

async function pivot(
  change: (documents: Map<string, Document>) => void,
  prepare: (world: World) => void = () => undefined,
): Promise<World> {
  world = await startWorld({ timeScale: 2000 });
  await world.install();
  prepare(world);
  applyBundle(world.client(), await adoptionBundle(change));
  world.client().patch(cluster, { spec: { paused: false } });
  return world;
}

describe('what the real controllers punish', () => {
  test('R1: without the CA secret a new certificate authority is made and the cluster can no longer be reached', async () => {
    const { get, condition, events, dump } = await pivot((documents) => {
      documents.delete(`Secret/${NAME}-ca`);
      documents.delete(`Secret/${NAME}-kubeconfig`);
    });
    await until('a new CA', () => get('Secret', `${NAME}-ca`), dump);
    expect(events().some((event) => event.includes('CertificatesGenerated') && event.includes(`${NAME}-ca`))).toBe(
      true,
    );
    await until(
      'the probe fails',
      () =>
        condition(get('Cluster', NAME), 'RemoteConnectionProbe')?.message.includes(
          'certificate signed by unknown authority',
        ),
      dump,
    );
    expect(condition(get('KubeadmControlPlane', KCP), 'Initialized')?.status).not.toBe('True');
    expect(get('Machine', CPA)?.['status'].nodeRef).toBeUndefined();
  });

  test('R2: without the Machine a second first control-plane machine is created', async () => {
    const { list, azure, dump } = await pivot((documents) => {
      for (const kind of ['Machine', 'KubeadmConfig', 'AzureMachine']) documents.delete(`${kind}/${CPA}`);
    });
    await until('a second VM', () => azure.writes.some((write) => /PUT .*virtualMachines\//.test(write)), dump);
    expect(list('Machine')).toHaveLength(1);
    expect(list('Machine')[0]!.metadata.name).not.toBe(CPA);
  });

  test.each<[string, (documents: Map<string, Document>) => void, string]>([
    [
      'kubeadm configuration',
      (documents) =>
        void (documents.get(`KubeadmConfig/${CPA}`)!['spec'].clusterConfiguration.etcd.local.dataDir = '/var/lib/etcd'),
      'clusterConfiguration.etcd.local.dataDir differs',
    ],
    [
      'feature gate of 1.31 to 1.35',
      (documents) => void delete documents.get(`KubeadmConfig/${CPA}`)!['spec'].clusterConfiguration.featureGates,
      'featureGates',
    ],
    [
      'version',
      (documents) => void (documents.get(`Machine/${CPA}`)!['spec'].version = 'v1.33.3'),
      'Version v1.33.3, v1.33.4 required',
    ],
    [
      'template annotation',
      (documents) =>
        void (documents.get(`AzureMachine/${CPA}`)!.metadata.annotations!['cluster.x-k8s.io/cloned-from-name'] =
          'other'),
      'cloned from other',
    ],
  ])('R3: a different %s rolls the first machine out', async (_name, change, message) => {
    const { list, condition, get, dump } = await pivot(change);
    await until('a second Machine', () => list('Machine').length > 1, dump);
    expect(condition(get('Machine', CPA), 'UpToDate')?.message).toContain(message);
    expect(condition(get('KubeadmControlPlane', KCP), 'MachinesUpToDate')?.status).toBe('False');
  });

  test('R2: a Machine without the labels of the control plane is not seen, and a second first one is created', async () => {
    const { list, azure, dump } = await pivot((documents) => {
      for (const kind of ['Machine', 'KubeadmConfig', 'AzureMachine'])
        documents.get(`${kind}/${CPA}`)!.metadata.labels = { 'cluster.x-k8s.io/cluster-name': NAME };
    });
    await until('a second VM', () => azure.writes.some((write) => /PUT .*virtualMachines\//.test(write)), dump);
    expect(list('Machine').length).toBeGreaterThan(1);
  });

  test("CAPZ's tag on the network makes Azure Service Operator write it, its gateway and its security groups", async () => {
    const vnet = path('virtualNetworks', `${NAME}-vnet`);
    const { azure, get, dump } = await pivot(
      () => undefined,
      (started) => {
        const tags = { [`sigs.k8s.io_cluster-api-provider-azure_cluster_${NAME}`]: 'owned' };
        for (const id of [vnet, path('natGateways', `${NAME}-node-natgw-1`)])
          started.azure.resources.get(id.toLowerCase())!['tags'] = tags;
      },
    );
    await until('adopted', () => get('Machine', CPA)?.['status']?.nodeRef !== undefined, dump);
    expect(azure.writes).toEqual(
      expect.arrayContaining([
        `PUT ${vnet}`,
        `PUT ${path('natGateways', `${NAME}-node-natgw-1`)}`,
        `PUT ${path('networkSecurityGroups', `${NAME}-controlplane-nsg`)}`,
        `PUT ${path('routeTables', `${NAME}-node-routetable`)}`,
      ]),
    );
  });

  test('without the zone of the first machine the control plane is spread wrongly', async () => {
    const { client, list, get, dump } = await pivot((documents) => {
      for (const kind of ['Machine', 'AzureMachine']) delete documents.get(`${kind}/${CPA}`)!['spec'].failureDomain;
    });
    await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
    const kcp = { apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2', kind: 'KubeadmControlPlane', name: KCP };
    client().patch({ ...kcp, namespace: NAMESPACE }, { spec: { replicas: 3 } });
    await until('three nodes', () => get('KubeadmControlPlane', KCP)?.['status']?.readyReplicas === 3, dump);
    // The first machine stands in zone 1, and a second one is put beside it.
    const zones = list('Machine').map((machine): string => (machine as Document)['spec'].failureDomain ?? 'none');
    expect(zones.toSorted()).toEqual(['1', '2', 'none']);
  });

  test('an identity in another letter case is a terminal failure', async () => {
    const { get, dump } = await pivot((documents) => {
      const identity = documents.get(`AzureMachine/${CPA}`)!['spec'].userAssignedIdentities[0];
      identity.providerID = identity.providerID.replace('resourceGroups/platform', 'resourceGroups/Platform');
    });
    const machine = await until(
      'a failure',
      () => (get('AzureMachine', CPA)?.['status']?.failureReason === undefined ? undefined : get('AzureMachine', CPA)),
      dump,
    );
    expect(machine['status'].failureMessage).toContain('user-assigned identities');
    await until('the Machine is Failed', () => get('Machine', CPA)?.['status']?.phase === 'Failed', dump);
  });

  test('a missing VM is a terminal failure', async () => {
    const { get, azure, dump } = await pivot((documents) => {
      documents.get(`AzureMachine/${CPA}`)!['spec'].providerID += 'x';
    });
    await until(
      'VM deleted',
      () => get('AzureMachine', CPA)?.['status']?.failureMessage?.includes('has been deleted'),
      dump,
    );
    expect(azure.writes.filter((write) => write.includes('virtualMachines/'))).toEqual([]);
  });

  test('R7/R8: without the identity on the VM the infrastructure never becomes ready and says why', async () => {
    const { get, condition, azure, dump } = await pivot(
      () => undefined,
      (started) => started.azure.withoutIdentity.add(VM.toLowerCase()),
    );
    await until(
      'a message',
      () => condition(get('AzureCluster', NAME), 'Ready')?.message?.includes('ManagedIdentityCredential'),
      dump,
    );
    expect(get('AzureCluster', NAME)?.['status'].ready).not.toBe(true);
    expect(azure.writes).toEqual([]);
  });

  test('without the bootstrap secret the machine is never ready, although it runs', async () => {
    const { get, condition, azure, dump } = await pivot((documents) => void documents.delete(`Secret/${CPA}`));
    await until(
      'a message',
      () => condition(get('AzureMachine', CPA), 'Ready')?.message?.includes(`Secret "${CPA}" not found`),
      dump,
    );
    expect(get('AzureMachine', CPA)?.['status'].ready).not.toBe(true);
    expect(azure.writes).toEqual([]);
  });

  test('an identity that other namespaces only may use never signs in', async () => {
    const { get, condition, dump } = await pivot((documents) => {
      const key = [...documents.keys()].find((candidate) => candidate.startsWith('AzureClusterIdentity/'));
      documents.get(key!)!['spec'].allowedNamespaces = { list: ['other'] };
    });
    await until(
      'a message',
      () => condition(get('AzureCluster', NAME), 'Ready')?.message?.includes('allowed namespaces'),
      dump,
    );
  });

  test('without the kubeadm-config of the cluster the control plane never counts as initialised', async () => {
    const { get, condition, list, dump } = await pivot(
      () => undefined,
      (started) =>
        started
          .client()
          .delete({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'kube-system', name: 'kubeadm-config' }),
    );
    await until('the node is known', () => get('Machine', CPA)?.['status']?.nodeRef !== undefined, dump);
    expect(condition(get('KubeadmControlPlane', KCP), 'Initialized')?.status).not.toBe('True');
    expect(list('Machine')).toHaveLength(1);
  });

  test('R5: behind an internal load balancer a controller without the host alias never reaches its own cluster', async () => {
    const { get, condition, dump } = await pivot(
      () => undefined,
      (started) => void (started.azure.isInternal = () => true),
    );
    await until(
      'the probe fails',
      () =>
        condition(get('Cluster', NAME), 'RemoteConnectionProbe')?.message.includes('does not reach its own machine'),
      dump,
    );
    expect(condition(get('KubeadmControlPlane', KCP), 'Initialized')?.status).not.toBe('True');
  });

  test('another load balancer name makes a second load balancer', async () => {
    const { azure, dump } = await pivot(
      (documents) => void (documents.get(`AzureCluster/${NAME}`)!['spec'].networkSpec.apiServerLB.name = 'other-lb'),
    );
    await until('a write', () => azure.writes.some((write) => write.endsWith('loadBalancers/other-lb')), dump);
  });

  test("a node subnet without an id gets a NAT gateway of CAPZ's own, and its public address is made", async () => {
    const { azure, dump } = await pivot(
      (documents) => {
        const subnets = documents.get(`AzureCluster/${NAME}`)!['spec'].networkSpec.subnets;
        for (const subnet of subnets) delete subnet.natGateway;
      },
      (started) => {
        started.azure.resources.delete(path('publicIPAddresses', `pip-${NAME}-node-natgw-1`).toLowerCase());
      },
    );
    const made = () => azure.writes.some((write) => write.endsWith(`publicIPAddresses/pip-${NAME}-node-natgw-1`));
    await until('a public address', made, dump);
  });

  test('a missing inbound NAT rule of the first machine is the one documented write', async () => {
    const rule = `${path('loadBalancers', `${NAME}-public-lb`)}/inboundNatRules/${CPA}`;
    const { azure, get, dump } = await pivot(
      () => undefined,
      (started) => started.azure.resources.delete(rule.toLowerCase()),
    );
    await until('adopted', () => get('Machine', CPA)?.['status']?.nodeRef !== undefined, dump);
    expect(azure.writes).toEqual([`PUT ${rule}`]);
  });

  test('a machine without the tag of the cloud provider is tagged, one whose tags fit is not written', async () => {
    const { azure, get, dump } = await pivot(
      () => undefined,
      (started) => void delete started.azure.resources.get(VM.toLowerCase())!['tags'][`kubernetes.io_cluster_${NAME}`],
    );
    await until('adopted', () => get('Machine', CPA)?.['status']?.nodeRef !== undefined, dump);
    expect(azure.writes).toEqual([`PATCH ${VM}/providers/Microsoft.Resources/tags/default`]);
    const annotations = get('AzureMachine', CPA)?.metadata.annotations ?? {};
    expect(annotations['sigs.k8s.io/cluster-api-provider-azure-last-applied-tags-vm']).toBe(
      `{"kubernetes.io_cluster_${NAME}":"owned"}`,
    );
  });

  test('a template that does not turn the bootstrap extension off gets it written to the adopted machine', async () => {
    const { azure, get, dump } = await pivot(
      (documents) => void (documents.get(`AzureMachine/${CPA}`)!['spec'].disableVMBootstrapExtension = false),
    );
    await until('adopted', () => get('Machine', CPA)?.['status']?.nodeRef !== undefined, dump);
    expect(azure.writes).toEqual([`PUT ${VM}/extensions/CAPZ.Linux.Bootstrapping`]);
  });

  test('an ARM refusal is shown on the AzureMachine, and the machine comes once it is lifted', async () => {
    const { get, list, condition, client, azure, dump } = await pivot(
      () => undefined,
      (started) => {
        started.azure.deny = {
          path: /virtualmachines\//,
          status: 403,
          code: 'AuthorizationFailed',
          message: 'does not have authorization to perform action',
        };
      },
    );
    await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
    workerPool('pool', '1', 1).forEach((document) => client().create(document));
    const refused = (): boolean =>
      list('AzureMachine').some(
        (machine) => condition(machine, 'VMRunning')?.message?.includes('AuthorizationFailed') === true,
      );
    await until('refused', refused, dump);
    azure.deny = undefined;
    await until('the worker', () => get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 1, dump);
  });
});

test('while the Cluster is paused nothing happens', async () => {
  world = await startWorld({ timeScale: 2000 });
  await world.install();
  applyBundle(world.client(), await adoptionBundle());
  await until(
    'the Paused condition',
    () => world!.condition(world!.get('KubeadmControlPlane', KCP), 'Paused')?.status === 'True',
    world.dump,
  );
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(world.azure.writes).toEqual([]);
  expect(world.get('Machine', CPA)?.['status']?.nodeRef).toBeUndefined();
  expect(world.get('AzureCluster', NAME)?.metadata.finalizers).toBeUndefined();
  expect(world.get('AzureCluster', NAME)?.['status']).toBeUndefined();
});

test.each<[string, (azureCluster: Document) => void, RegExp]>([
  ['of 45 letters', (object) => void (object.metadata.name = 'a'.repeat(45)), /longer than allowed length of 44/],
  ['of one letter', (object) => void (object.metadata.name = 'a'), /doesn't match regex/],
  [
    'with an internal address outside the subnet',
    (object) => {
      const balancer = object['spec'].networkSpec.apiServerLB;
      Object.assign(balancer, { type: 'Internal', frontendIPs: [{ name: 'f', privateIP: '10.9.0.1' }] });
    },
    /needs to be in control plane subnet range/,
  ],
])('an AzureCluster %s is refused by the webhook', async (_name, plant, message) => {
  world = await startWorld({ timeScale: 2000 });
  await world.install();
  world.client().create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const azureCluster = (await adoptionBundle()).find((document) => document.kind === 'AzureCluster')!;
  plant(azureCluster);
  expect(() => world!.client().create(azureCluster)).toThrow(message);
});

test('an AzureMachine before its Cluster is refused by the webhook', async () => {
  world = await startWorld({ timeScale: 2000 });
  await world.install();
  world.client().create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  const machine = (await adoptionBundle()).find((document) => document.kind === 'AzureMachine')!;
  expect(() => world!.client().create(machine)).toThrow(/failed to get Cluster "demo\/demo": not found/);
});

test('a restart in the middle continues to three control-plane nodes', async () => {
  const { client, get, list, restart, dump } = await pivot(() => undefined);
  await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
  client().patch(
    {
      apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2',
      kind: 'KubeadmControlPlane',
      namespace: NAMESPACE,
      name: KCP,
    },
    { spec: { replicas: 3 } },
  );
  await until('a second Machine', () => list('Machine').length === 2, dump);
  restart();
  await until('the API again', () => world!.machines.listeningPort(VM, 6443) !== undefined);
  await until('three nodes', () => get('KubeadmControlPlane', KCP)?.['status']?.readyReplicas === 3, dump);
  expect(list('Machine')).toHaveLength(3);

  restart('late');
  const first = world!.azure.resources.get(VM.toLowerCase())!;
  world!.azure.bootOnly(VM.toLowerCase(), first);
  await until('the API again', () => world!.machines.listeningPort(VM, 6443) !== undefined);
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(list('Node'), 'nodes of machines that have not been started again yet').toHaveLength(3);
});

test('scaling down deletes VM, NIC and NAT rule', async () => {
  const { client, get, list, azure, dump } = await pivot(() => undefined);
  await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
  workerPool('pool', '1', 2).forEach((document) => client().create(document));
  await until('two workers', () => get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 2, dump);
  client().patch(
    { apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'MachineDeployment', namespace: NAMESPACE, name: 'pool' },
    { spec: { replicas: 1 } },
  );
  await until('one worker', () => list('Machine').length === 2 && list('Node').length === 2, dump);
  expect([...azure.resources.keys()].filter((key) => /networkinterfaces\/pool/.test(key))).toHaveLength(1);
});

test('a region without zones gets availability sets', async () => {
  const { client, get, azure, dump } = await pivot(
    (documents) => {
      delete documents.get(`Machine/${CPA}`)!['spec'].failureDomain;
      delete documents.get(`AzureMachine/${CPA}`)!['spec'].failureDomain;
    },
    (started) => void (started.azure.zones = []),
  );
  await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
  workerPool('pool', undefined, 1).forEach((document) => client().create(document));
  await until('a worker', () => get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 1, dump);
  expect(azure.resources.has(path('Microsoft.Compute/availabilitySets', `${NAME}_pool-as`).toLowerCase())).toBe(true);
});

test('an upgrade replaces the first machine by one of the new image, and the API stays', async () => {
  const { client, get, list, azure, dump } = await pivot(() => undefined);
  await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
  const old = client().get({
    apiVersion: 'infrastructure.cluster.x-k8s.io/v1beta1',
    kind: 'AzureMachineTemplate',
    namespace: NAMESPACE,
    name: KCP,
  }) as any;
  const image = { id: path('Microsoft.Compute/images', 'ubuntu-2404-v1.33.5-abc') };
  client().create({
    apiVersion: old.apiVersion,
    kind: old.kind,
    metadata: { name: 'next', namespace: NAMESPACE, labels: old.metadata.labels },
    spec: { template: { spec: { ...old.spec.template.spec, image } } },
  });
  client().patch(
    {
      apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2',
      kind: 'KubeadmControlPlane',
      namespace: NAMESPACE,
      name: KCP,
    },
    { spec: { version: 'v1.33.5', machineTemplate: { spec: { infrastructureRef: { name: 'next' } } } } },
  );
  await until(
    'replaced',
    () =>
      list('Machine').length === 1 &&
      get('Machine', CPA) === undefined &&
      get('KubeadmControlPlane', KCP)?.['status'].readyReplicas === 1,
    dump,
  );
  expect(azure.resources.has(VM.toLowerCase())).toBe(false);
  const [node, ...others] = list('Node');
  expect(others).toEqual([]);
  expect(node!['status'].nodeInfo.kubeletVersion).toBe('v1.33.5');
});

test('an unhealthy worker is replaced by the health check', async () => {
  const { client, get, list, azure, dump } = await pivot(() => undefined);
  await until('adopted', () => get('Cluster', NAME)?.['status']?.initialization?.controlPlaneInitialized, dump);
  workerPool('pool', '1', 1).forEach((document) => client().create(document));
  await until('a worker', () => get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 1, dump);
  client().create({
    apiVersion: 'cluster.x-k8s.io/v1beta2',
    kind: 'MachineHealthCheck',
    metadata: { name: 'pool', namespace: NAMESPACE, labels: { 'cluster.x-k8s.io/cluster-name': NAME } },
    spec: {
      clusterName: NAME,
      selector: { matchLabels: { 'cluster.x-k8s.io/deployment-name': 'pool' } },
      checks: { unhealthyNodeConditions: [{ type: 'Ready', status: 'Unknown', timeoutSeconds: 300 }] },
    },
  });
  const before = list('Machine').find((machine) => machine.metadata.name.startsWith('pool'))!.metadata.name;
  world!.machines.stop(
    [...azure.resources.keys()].find((key) => key.endsWith(`virtualmachines/${before}`))!,
    'deallocated',
  );
  await until(
    'a new one',
    () => get('Machine', before) === undefined && get('MachineDeployment', 'pool')?.['status']?.readyReplicas === 1,
    dump,
  );
});
