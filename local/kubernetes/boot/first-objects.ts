import type { BootedMachine } from '#local/azure/machines.ts';
import { stringify } from 'yaml';
import type { ApiClient, KubeObject } from '../contract.ts';
import type { InitPlan, NodePlan } from './kubeadm.ts';

function ensure(client: ApiClient, object: KubeObject): void {
  const { name, namespace } = object.metadata;
  if (client.get({ apiVersion: object.apiVersion, kind: object.kind, namespace, name }) === undefined)
    client.create(object);
}

function namespaced(kind: string, namespace: string, name: string, rest: Record<string, unknown>): KubeObject {
  const apiVersion =
    {
      Deployment: 'apps/v1',
      DaemonSet: 'apps/v1',
      Role: 'rbac.authorization.k8s.io/v1',
      RoleBinding: 'rbac.authorization.k8s.io/v1',
    }[kind] ?? 'v1';
  return { apiVersion, kind, metadata: { name, namespace }, ...rest };
}

const EVERYWHERE = [{ operator: 'Exists' }];

/** The objects that `kubeadm init` leaves behind: configuration, cluster-info, CoreDNS, kube-proxy, the DNS service. */
export function createFirstObjects(client: ApiClient, plan: InitPlan): void {
  for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
    ensure(client, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name, labels: { 'kubernetes.io/metadata.name': name } },
    });
  }
  const configuration = stringify(JSON.parse(plan.configuration));
  ensure(
    client,
    namespaced('ConfigMap', 'kube-system', 'kubeadm-config', { data: { ClusterConfiguration: configuration } }),
  );
  const kubeconfig = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: '',
        cluster: {
          'certificate-authority-data': Buffer.from(plan.authority.certificate).toString('base64'),
          server: `https://${plan.endpointHost}:${plan.endpointPort}`,
        },
      },
    ],
    contexts: [],
    'current-context': '',
    preferences: {},
    users: [],
  });
  ensure(client, namespaced('ConfigMap', 'kube-public', 'cluster-info', { data: { kubeconfig } }));
  ensure(client, namespaced('ConfigMap', 'kube-system', 'kube-proxy', { data: { 'config.conf': 'mode: iptables\n' } }));
  ensure(
    client,
    namespaced('ConfigMap', 'kube-system', 'coredns', {
      data: { Corefile: '.:53 {\n    kubernetes cluster.local\n    forward . /etc/resolv.conf\n}\n' },
    }),
  );
  ensure(client, coreDns());
  ensure(client, kubeProxy(plan.version));
  ensure(client, {
    ...namespaced('Service', 'kube-system', 'kube-dns', {}),
    spec: {
      selector: { 'k8s-app': 'kube-dns' },
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
  });
  ensure(client, {
    ...namespaced('Service', 'default', 'kubernetes', {}),
    spec: { ports: [{ name: 'https', port: 443, targetPort: plan.endpointPort }] },
  });
}

function coreDns(): KubeObject {
  const labels = { 'k8s-app': 'kube-dns' };
  const tolerations = [
    { key: 'CriticalAddonsOnly', operator: 'Exists' },
    { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
  ];
  const spec = { containers: [{ name: 'coredns', image: 'registry.k8s.io/coredns/coredns:v1.12.0' }], tolerations };
  return {
    ...namespaced('Deployment', 'kube-system', 'coredns', {}),
    spec: { replicas: 2, selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

function kubeProxy(version: string): KubeObject {
  const labels = { 'k8s-app': 'kube-proxy' };
  const spec = {
    hostNetwork: true,
    containers: [{ name: 'kube-proxy', image: `registry.k8s.io/kube-proxy:${version}` }],
    tolerations: EVERYWHERE,
  };
  return {
    ...namespaced('DaemonSet', 'kube-system', 'kube-proxy', {}),
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec } },
  };
}

/** Version and operating system as the kubelet of an Ubuntu image reports them. */
function nodeInfo(machine: BootedMachine, version: string): Record<string, string> {
  return {
    architecture: 'amd64',
    bootID: machine.id.slice(-36),
    containerRuntimeVersion: 'containerd://2.1.4',
    kernelVersion: '6.8.0-1034-azure',
    kubeProxyVersion: version,
    kubeletVersion: version,
    machineID: machine.name,
    operatingSystem: 'linux',
    osImage: 'Ubuntu 24.04.3 LTS',
    systemUUID: machine.name,
  };
}

/** Kubernetes version that the machine's image carries in its name or gallery version, when it says one. */
export function imageVersion(machine: BootedMachine): string | undefined {
  for (const part of machine.imageReference.split('/').toReversed()) {
    const found = /(?:^|[^\d.])v?(1\.\d{2}\.\d+)(?:$|[^\d.])/.exec(part);
    if (found?.[1] !== undefined) return `v${found[1]}`;
  }
  return undefined;
}

/** Registers the machine's Node as the kubelet does: labels, taints, addresses, not ready until the network plugin runs. */
export function registerNode(
  client: ApiClient,
  machine: BootedMachine,
  node: NodePlan,
  role: 'control-plane' | 'worker',
  version: string,
): void {
  const { name } = node;
  if (client.get({ apiVersion: 'v1', kind: 'Node', name }) !== undefined) return;
  const zone = machine.zone === undefined ? '0' : `${machine.location}-${machine.zone}`;
  const labels: Record<string, string> = {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'node.kubernetes.io/instance-type': machine.vmSize,
    'topology.kubernetes.io/region': machine.location,
    'topology.kubernetes.io/zone': zone,
    ...node.labels,
    ...(role === 'control-plane'
      ? { 'node-role.kubernetes.io/control-plane': '', 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
      : {}),
  };
  const taints = [
    ...(node.taints ??
      (role === 'control-plane' ? [{ key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' }] : [])),
    ...(node.externalCloudProvider
      ? [{ key: 'node.cloudprovider.kubernetes.io/uninitialized', value: 'true', effect: 'NoSchedule' }]
      : []),
    { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' },
  ];
  client.create({ apiVersion: 'v1', kind: 'Node', metadata: { name, labels }, spec: { taints } });
  const memory = `${Math.round(machine.memoryGiB * 1024 * 1024)}Ki`;
  const capacity = { cpu: String(machine.cores), memory, pods: '110', 'ephemeral-storage': '60Gi' };
  const status = {
    addresses: [
      { type: 'Hostname', address: name },
      { type: 'InternalIP', address: machine.privateIp },
    ],
    capacity,
    allocatable: capacity,
    nodeInfo: nodeInfo(machine, imageVersion(machine) ?? version),
  };
  client.patch({ apiVersion: 'v1', kind: 'Node', name }, { status }, 'status');
}

/** Mirror pods of the static manifests of a control-plane machine. */
export function createStaticPods(client: ApiClient, nodeName: string, version: string): void {
  const images: Record<string, string> = {
    etcd: 'registry.k8s.io/etcd:3.5.21-0',
    'kube-apiserver': `registry.k8s.io/kube-apiserver:${version}`,
    'kube-controller-manager': `registry.k8s.io/kube-controller-manager:${version}`,
    'kube-scheduler': `registry.k8s.io/kube-scheduler:${version}`,
  };
  for (const [component, image] of Object.entries(images)) {
    ensure(client, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: `${component}-${nodeName}`,
        namespace: 'kube-system',
        labels: { component, tier: 'control-plane' },
        annotations: { 'kubernetes.io/config.source': 'file', 'kubernetes.io/config.mirror': 'static' },
      },
      spec: { nodeName, hostNetwork: true, containers: [{ name: component, image }], tolerations: EVERYWHERE },
    });
  }
}
