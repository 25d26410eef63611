import { stringify } from 'yaml';
import { createAuthority, createServiceAccountKeys, issueCertificate } from '#local/kubernetes/boot/pki.ts';
import type { KeyPair } from '#local/kubernetes/boot/pki.ts';
import type { ApiClient, KubeObject } from '#local/kubernetes/contract.ts';
import { IDENTITY_ID, path, SUBSCRIPTION } from './fake-azure.ts';
import type { FakeAzure } from './fake-azure.ts';

type Json = Record<string, any>;

export const NAME = 'demo';
export const NAMESPACE = 'demo';
export const CPA = 'demo-control-plane-cpa00';
export const HOST = 'demo-1234abcd.westeurope.cloudapp.azure.com';
export const VERSION = 'v1.33.4';
export const VM = path('Microsoft.Compute/virtualMachines', CPA);

export interface Pki {
  ca: KeyPair;
  etcd: KeyPair;
  proxy: KeyPair;
  sa: KeyPair;
}

let cached: Promise<Pki> | undefined;

/** One set of keys for all tests: making RSA keys is the slow part. */
export function testPki(): Promise<Pki> {
  cached ??= (async () => {
    const [ca, etcd, proxy, sa] = await Promise.all([
      createAuthority('kubernetes'),
      createAuthority('etcd-ca'),
      createAuthority('front-proxy-ca'),
      createServiceAccountKeys(),
    ]);
    return { ca, etcd, proxy, sa };
  })();
  return cached;
}

const hostName = '{{ ds.meta_data["local_hostname"] }}';
const registration = { name: hostName, kubeletExtraArgs: [{ name: 'cloud-provider', value: 'external' }] };

export function cloudConfig(
  pki: Pki,
  change: (files: Record<string, string | undefined>, documents: Json[]) => void = () => undefined,
): string {
  const documents: Json[] = [
    {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'ClusterConfiguration',
      kubernetesVersion: VERSION,
      controlPlaneEndpoint: `${HOST}:6443`,
      networking: { podSubnet: '192.168.0.0/16', serviceSubnet: '10.96.0.0/12' },
      controllerManager: { extraArgs: [{ name: 'cluster-name', value: NAME }] },
      etcd: { local: { dataDir: '/var/lib/etcddisk/etcd' } },
    },
    { apiVersion: 'kubeadm.k8s.io/v1beta4', kind: 'InitConfiguration', nodeRegistration: registration },
  ];
  const files: Record<string, string | undefined> = {
    'ca.crt': pki.ca.certificate,
    'ca.key': pki.ca.key,
    'etcd/ca.crt': pki.etcd.certificate,
    'etcd/ca.key': pki.etcd.key,
    'front-proxy-ca.crt': pki.proxy.certificate,
    'front-proxy-ca.key': pki.proxy.key,
    'sa.pub': pki.sa.certificate,
    'sa.key': pki.sa.key,
  };
  change(files, documents);
  const write_files: Json[] = Object.entries(files)
    .filter(([, content]) => content !== undefined)
    .map(([name, content]) => ({ path: `/etc/kubernetes/pki/${name}`, content, permissions: '0600' }));
  const kubeadm = documents.map((document) => stringify(document)).join('---\n');
  write_files.push({
    path: '/run/kubeadm/kubeadm.yaml',
    encoding: 'b64',
    content: Buffer.from(kubeadm.replaceAll(hostName, CPA)).toString('base64'),
  });
  return `## template: jinja\n#cloud-config\n${stringify({ write_files, runcmd: ['kubeadm init --config /run/kubeadm/kubeadm.yaml && echo success'] })}`;
}

/** What Capstan builds in Azure before the pivot. */
export function seedAzure(azure: FakeAzure, customData: string): void {
  const put = (id: string, resource: Json): void =>
    void azure.resources.set(id.toLowerCase(), {
      id,
      name: id.split('/').at(-1),
      etag: 'W/"0"',
      properties: { provisioningState: 'Succeeded' },
      ...resource,
    });
  put(`/subscriptions/${SUBSCRIPTION}/resourceGroups/platform`, { location: 'westeurope' });
  put(IDENTITY_ID, { location: 'westeurope', properties: { clientId: 'c' } });
  put(path('virtualNetworks', `${NAME}-vnet`), { location: 'westeurope' });
  for (const subnet of ['controlplane', 'node'])
    put(`${path('virtualNetworks', `${NAME}-vnet`)}/subnets/${NAME}-${subnet}-subnet`, {});
  put(path('natGateways', `${NAME}-node-natgw-1`), {});
  put(path('publicIPAddresses', `pip-${NAME}-node-natgw-1`), {});
  put(path('publicIPAddresses', `pip-${NAME}-apiserver`), {});
  put(path('loadBalancers', `${NAME}-public-lb`), {
    location: 'westeurope',
    properties: {
      provisioningState: 'Succeeded',
      frontendIPConfigurations: [{ name: `${NAME}-public-lb-frontEnd` }],
      backendAddressPools: [{ name: `${NAME}-public-lb-backendPool` }],
      loadBalancingRules: [{ name: 'LBRuleHTTPS' }],
      probes: [{ name: 'HTTPSProbe' }],
      outboundRules: [{ name: 'OutboundNATAllProtocols' }],
      inboundNatRules: [],
    },
  });
  put(`${path('loadBalancers', `${NAME}-public-lb`)}/inboundNatRules/${CPA}`, {});
  put(path('networkInterfaces', `${CPA}-nic`), {
    properties: {
      provisioningState: 'Succeeded',
      ipConfigurations: [{ properties: { privateIPAddress: '10.0.0.4' } }],
    },
  });
  put(VM, {
    location: 'westeurope',
    zones: ['1'],
    tags: {
      [`sigs.k8s.io_cluster-api-provider-azure_cluster_${NAME}`]: 'owned',
      [`kubernetes.io_cluster_${NAME}`]: 'owned',
    },
    identity: { type: 'UserAssigned', userAssignedIdentities: { [IDENTITY_ID]: {} } },
    properties: {
      provisioningState: 'Succeeded',
      hardwareProfile: { vmSize: 'Standard_D2s_v5' },
      osProfile: { computerName: CPA, customData: Buffer.from(customData).toString('base64') },
      storageProfile: { dataDisks: [{ lun: 0, name: `${CPA}_etcddisk`, diskSizeGB: 256 }] },
    },
  });
}

const labels = { 'cluster.x-k8s.io/cluster-name': NAME };
const controlPlaneLabels = {
  ...labels,
  'cluster.x-k8s.io/control-plane': '',
  'cluster.x-k8s.io/control-plane-name': `${NAME}-control-plane`,
};
const CORE = 'cluster.x-k8s.io/v1beta2';
const AZURE = 'infrastructure.cluster.x-k8s.io/v1beta1';
const reference = (apiVersion: string, kind: string, name: string): Json => ({
  apiGroup: apiVersion.split('/')[0],
  kind,
  name,
});
export const PROVIDER_ID = `azure:///subscriptions/${SUBSCRIPTION}/resourceGroups/platform/providers/Microsoft.Compute/virtualMachines/${CPA}`;
const machineSpec = {
  vmSize: 'Standard_D2s_v5',
  image: { id: path('Microsoft.Compute/images', 'demo-image') },
  osDisk: { osType: 'Linux', diskSizeGB: 60, managedDisk: { storageAccountType: 'Premium_LRS' }, cachingType: 'None' },
  sshPublicKey: '',
};
const identity = { identity: 'UserAssigned', userAssignedIdentities: [{ providerID: `azure://${IDENTITY_ID}` }] };

export type Document = Json & KubeObject;

/** The bundle of the adoption recipe, without owner references; `change` plants the mistake of a test. */
export async function adoptionBundle(
  change: (documents: Map<string, Document>) => void = () => undefined,
): Promise<Document[]> {
  const pki = await testPki();
  const client = await issueCertificate(pki.ca, {
    commonName: 'kubernetes-admin',
    organization: 'system:masters',
    usage: 'client',
    days: 1,
  });
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const kubeconfig = stringify({
    clusters: [
      {
        name: NAME,
        cluster: { server: `https://${HOST}:6443`, 'certificate-authority-data': base64(pki.ca.certificate) },
      },
    ],
    users: [
      {
        name: 'admin',
        user: { 'client-certificate-data': base64(client.certificate), 'client-key-data': base64(client.key) },
      },
    ],
  });
  const metadata = (name: string, extra: Json = {}): Json => ({ name, namespace: NAMESPACE, labels, ...extra });
  const secret = (name: string, values: Json): Json => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: metadata(name),
    type: 'cluster.x-k8s.io/secret',
    stringData: values,
  });
  const pair = (name: string, keys: KeyPair): Json =>
    secret(`${NAME}-${name}`, { 'tls.crt': keys.certificate, 'tls.key': keys.key });
  const configSpec = {
    clusterConfiguration: {
      controllerManager: { extraArgs: [{ name: 'cluster-name', value: NAME }] },
      etcd: { local: { dataDir: '/var/lib/etcddisk/etcd' } },
      featureGates: { ControlPlaneKubeletLocalMode: true },
    },
    initConfiguration: { nodeRegistration: registration },
  };
  const subnet = (role: string, part: string): Json => ({
    name: `${NAME}-${part}-subnet`,
    role,
    cidrBlocks: [role === 'node' ? '10.1.0.0/16' : '10.0.0.0/16'],
    securityGroup: { name: `${NAME}-${part}-nsg` },
    routeTable: { name: `${NAME}-node-routetable` },
    ...(role === 'node'
      ? { natGateway: { name: `${NAME}-node-natgw-1`, ip: { name: `pip-${NAME}-node-natgw-1` } } }
      : {}),
  });
  const cloned = {
    'cluster.x-k8s.io/cloned-from-name': `${NAME}-control-plane`,
    'cluster.x-k8s.io/cloned-from-groupkind': 'AzureMachineTemplate.infrastructure.cluster.x-k8s.io',
  };
  const all: Json[] = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    pair('ca', pki.ca),
    pair('etcd', pki.etcd),
    pair('proxy', pki.proxy),
    pair('sa', pki.sa),
    secret(`${NAME}-kubeconfig`, { value: kubeconfig }),
    secret(CPA, { value: '## template: jinja\n#cloud-config\n', format: 'cloud-config' }),
    {
      apiVersion: AZURE,
      kind: 'AzureClusterIdentity',
      metadata: metadata(`${NAME}-identity`),
      spec: {
        type: 'UserAssignedMSI',
        tenantID: 't',
        clientID: 'c',
        resourceID: IDENTITY_ID,
        allowedNamespaces: { list: [NAMESPACE] },
      },
    },
    {
      apiVersion: CORE,
      kind: 'Cluster',
      metadata: metadata(NAME),
      spec: {
        paused: true,
        clusterNetwork: { pods: { cidrBlocks: ['192.168.0.0/16'] }, services: { cidrBlocks: ['10.96.0.0/12'] } },
        controlPlaneEndpoint: { host: HOST, port: 6443 },
        controlPlaneRef: reference(
          'controlplane.cluster.x-k8s.io/v1beta2',
          'KubeadmControlPlane',
          `${NAME}-control-plane`,
        ),
        infrastructureRef: reference(AZURE, 'AzureCluster', NAME),
      },
    },
    {
      apiVersion: AZURE,
      kind: 'AzureCluster',
      metadata: metadata(NAME),
      spec: {
        subscriptionID: SUBSCRIPTION,
        location: 'westeurope',
        resourceGroup: 'platform',
        azureEnvironment: 'AzurePublicCloud',
        identityRef: {
          apiVersion: AZURE,
          kind: 'AzureClusterIdentity',
          name: `${NAME}-identity`,
          namespace: NAMESPACE,
        },
        controlPlaneEndpoint: { host: HOST, port: 6443 },
        networkSpec: {
          vnet: { name: `${NAME}-vnet`, resourceGroup: 'platform', cidrBlocks: ['10.0.0.0/8'] },
          subnets: [subnet('control-plane', 'controlplane'), subnet('node', 'node')],
          apiServerLB: {
            name: `${NAME}-public-lb`,
            type: 'Public',
            sku: 'Standard',
            frontendIPs: [
              { name: `${NAME}-public-lb-frontEnd`, publicIP: { name: `pip-${NAME}-apiserver`, dnsName: HOST } },
            ],
          },
        },
      },
    },
    {
      apiVersion: AZURE,
      kind: 'AzureMachineTemplate',
      metadata: metadata(`${NAME}-control-plane`),
      spec: { template: { spec: { ...machineSpec, ...identity } } },
    },
    {
      apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2',
      kind: 'KubeadmControlPlane',
      metadata: metadata(`${NAME}-control-plane`),
      spec: {
        replicas: 1,
        version: VERSION,
        machineTemplate: {
          spec: { infrastructureRef: reference(AZURE, 'AzureMachineTemplate', `${NAME}-control-plane`) },
        },
        kubeadmConfigSpec: { ...configSpec, joinConfiguration: { nodeRegistration: registration } },
      },
    },
    {
      apiVersion: CORE,
      kind: 'Machine',
      metadata: metadata(CPA, { labels: controlPlaneLabels }),
      spec: {
        clusterName: NAME,
        version: VERSION,
        failureDomain: '1',
        providerID: PROVIDER_ID,
        bootstrap: {
          dataSecretName: CPA,
          configRef: reference('bootstrap.cluster.x-k8s.io/v1beta2', 'KubeadmConfig', CPA),
        },
        infrastructureRef: reference(AZURE, 'AzureMachine', CPA),
      },
    },
    {
      apiVersion: 'bootstrap.cluster.x-k8s.io/v1beta2',
      kind: 'KubeadmConfig',
      metadata: metadata(CPA, { labels: controlPlaneLabels }),
      spec: configSpec,
    },
    {
      apiVersion: AZURE,
      kind: 'AzureMachine',
      metadata: metadata(CPA, { labels: controlPlaneLabels, annotations: cloned }),
      spec: { ...machineSpec, ...identity, failureDomain: '1', providerID: PROVIDER_ID },
    },
  ];
  const documents = new Map(
    all.map((document) => [`${document['kind']}/${document['metadata'].name}`, structuredClone(document) as Document]),
  );
  change(documents);
  return [...documents.values()];
}

const OWNERS: Record<string, string> = {
  AzureCluster: `Cluster/${NAME}`,
  KubeadmControlPlane: `Cluster/${NAME}`,
  AzureMachineTemplate: `Cluster/${NAME}`,
  Machine: `KubeadmControlPlane/${NAME}-control-plane`,
  KubeadmConfig: `Machine/${CPA}`,
  AzureMachine: `Machine/${CPA}`,
};

/** Creates the bundle owner first, with the uids that the API returned. */
export function applyBundle(client: ApiClient, documents: readonly Document[]): void {
  const created = new Map<string, KubeObject>();
  for (const document of documents) {
    const owner = created.get(OWNERS[document.kind] ?? '');
    const isController = ['Machine', 'KubeadmConfig', 'AzureMachine'].includes(document.kind);
    const ownerReferences =
      owner === undefined
        ? undefined
        : [
            {
              apiVersion: owner.apiVersion,
              kind: owner.kind,
              name: owner.metadata.name,
              uid: owner.metadata.uid!,
              ...(isController ? { controller: true, blockOwnerDeletion: true } : {}),
            },
          ];
    const object = {
      ...document,
      metadata: { ...document.metadata, ...(ownerReferences === undefined ? {} : { ownerReferences }) },
    };
    created.set(`${document.kind}/${document.metadata.name}`, client.create(object));
  }
}

/** A worker pool in one zone, as the flow creates it after the pivot. */
export function workerPool(name: string, zone: string | undefined, replicas: number): Document[] {
  const metadata = { name, namespace: NAMESPACE, labels };
  const spec = { joinConfiguration: { nodeRegistration: registration } };
  return [
    { apiVersion: AZURE, kind: 'AzureMachineTemplate', metadata, spec: { template: { spec: machineSpec } } },
    {
      apiVersion: 'bootstrap.cluster.x-k8s.io/v1beta2',
      kind: 'KubeadmConfigTemplate',
      metadata,
      spec: { template: { spec } },
    },
    {
      apiVersion: CORE,
      kind: 'MachineDeployment',
      metadata,
      spec: {
        clusterName: NAME,
        replicas,
        selector: { matchLabels: {} },
        template: {
          metadata: { labels: {} },
          spec: {
            clusterName: NAME,
            version: VERSION,
            ...(zone === undefined ? {} : { failureDomain: zone }),
            bootstrap: { configRef: reference('bootstrap.cluster.x-k8s.io/v1beta2', 'KubeadmConfigTemplate', name) },
            infrastructureRef: reference(AZURE, 'AzureMachineTemplate', name),
          },
        },
      },
    },
  ];
}
