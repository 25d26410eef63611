import type { BootedMachine } from '#local/azure/machines.ts';
import { parseAllDocuments } from 'yaml';
import type { UserData } from './cloud-init.ts';
import { checkAuthority, checkServiceAccountKeys, PkiProblem } from './pki.ts';
import type { KeyPair } from './pki.ts';

type Json = Record<string, unknown>;

/** Thrown when kubeadm stops; every line goes to the serial console. */
export class KubeadmProblem extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

/** What `kubeadm init` needs to know. */
export interface InitPlan {
  readonly kind: 'init';
  readonly version: string;
  readonly endpointHost: string;
  readonly endpointPort: number;
  readonly certificateNames: readonly string[];
  readonly serviceSubnet: string;
  readonly podSubnet: string | undefined;
  readonly clusterName: string;
  readonly node: NodePlan;
  readonly authority: KeyPair;
  /** ClusterConfiguration as YAML, for the ConfigMap kube-system/kubeadm-config. */
  readonly configuration: string;
}

/** What `kubeadm join` needs to know. */
export interface JoinPlan {
  readonly kind: 'join';
  readonly controlPlane: boolean;
  readonly endpointHost: string;
  readonly endpointPort: number;
  readonly token: string;
  readonly caHashes: readonly string[];
  readonly node: NodePlan;
  /** Present on control-plane machines. */
  readonly authority: KeyPair | undefined;
}

/** Node registration, the same for init and join. */
export interface NodePlan {
  readonly name: string;
  readonly externalCloudProvider: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly { readonly key: string; readonly value?: string; readonly effect: string }[] | undefined;
}

const PKI = '/etc/kubernetes/pki';
const SERVED = ['kubeadm.k8s.io/v1beta3', 'kubeadm.k8s.io/v1beta4'];

/** The kubeadm command of the user data, or undefined when there is none. */
export function findKubeadm(
  data: UserData,
): { command: 'init' | 'join'; configFile: string; line: string } | undefined {
  for (const line of data.commands) {
    const match = /\bkubeadm\s+(init|join)\b[^&|;]*?--config[= ](\S+)/.exec(line);
    if (match !== null) return { command: match[1] === 'join' ? 'join' : 'init', configFile: match[2] ?? '', line };
  }
  return undefined;
}

/**
 * Everything `kubeadm init|join` checks before it starts: the machine, the configuration file and the certificates.
 *
 * @throws {KubeadmProblem} with kubeadm's own words
 */
export function planKubeadm(machine: BootedMachine, data: UserData): InitPlan | JoinPlan | undefined {
  const found = findKubeadm(data);
  if (found === undefined) return undefined;
  const file = data.files.get(found.configFile);
  if (file === undefined) {
    throw new KubeadmProblem([
      `unable to read config from "${found.configFile}" : open ${found.configFile}: no such file or directory`,
    ]);
  }
  const documents = readDocuments(file.content);
  preflight(machine, data, found.command);
  return found.command === 'init' ? planInit(data, documents) : planJoin(data, documents);
}

function readDocuments(text: string): Map<string, Json> {
  const documents = new Map<string, Json>();
  for (const document of parseAllDocuments(text)) {
    if (document.errors.length > 0) {
      throw new KubeadmProblem([
        `error unmarshaling configuration: error converting YAML to JSON: yaml: ${document.errors[0]?.message.split('\n')[0] ?? ''}`,
      ]);
    }
    const value = document.toJS() as Json | null;
    if (value === null) continue;
    const { apiVersion, kind } = value as { apiVersion?: unknown; kind?: unknown };
    if (typeof apiVersion !== 'string' || typeof kind !== 'string') {
      throw new KubeadmProblem([
        'invalid configuration: kind and apiVersion is mandatory information that must be specified',
      ]);
    }
    const isKubeadm = apiVersion.startsWith('kubeadm.k8s.io/');
    if (isKubeadm && !SERVED.includes(apiVersion)) {
      throw new KubeadmProblem([
        `your configuration file uses an unknown API spec: "${apiVersion}" (kind: "${kind}"). Please use kubeadm v1.15 instead and run 'kubeadm config migrate'; supported: ${SERVED.join(', ')}`,
      ]);
    }
    if (!isKubeadm && !/^(kubelet|kubeproxy)\.config\.k8s\.io\//.test(apiVersion)) {
      throw new KubeadmProblem([`no kind "${kind}" is registered for version "${apiVersion}"`]);
    }
    documents.set(kind, value);
  }
  if (documents.size === 0)
    throw new KubeadmProblem(['no InitConfiguration or ClusterConfiguration kind was found in the YAML file']);
  return documents;
}

function preflight(machine: BootedMachine, data: UserData, command: 'init' | 'join'): void {
  const errors: string[] = [];
  if (command === 'init' && machine.cores < 2) {
    errors.push(`\t[ERROR NumCPU]: the number of available CPUs ${machine.cores} is less than the required 2`);
  }
  if (machine.memoryGiB < 1.7) {
    errors.push(
      `\t[ERROR Mem]: the system RAM (${Math.round(machine.memoryGiB * 1024)} MB) is less than the minimum 1700 MB`,
    );
  }
  for (const device of data.devices) {
    const lun = /\/lun(\d+)/.exec(device)?.[1];
    if (lun !== undefined && !machine.dataDisks.some((disk) => disk.lun === Number(lun))) {
      errors.push(
        `\t[ERROR EtcdDisk]: mount: ${data.mounts[0] ?? '/var/lib/etcddisk'}: special device ${device} does not exist (the machine has no data disk at LUN ${lun})`,
      );
    }
  }
  if (errors.length > 0) {
    throw new KubeadmProblem([
      '[preflight] Some fatal errors occurred:',
      ...errors,
      '[preflight] If you know what you are doing, you can make a check non-fatal with `--ignore-preflight-errors=...`',
    ]);
  }
}

function requireFile(data: UserData, name: string, phase: string): string {
  const file = data.files.get(`${PKI}/${name}`);
  if (file === undefined)
    throw new KubeadmProblem([`error execution phase ${phase}: open ${PKI}/${name}: no such file or directory`]);
  return file.content;
}

/** CA, etcd CA, front-proxy CA and service-account keys; kubeadm's certs phase refuses what does not fit together. */
function readCertificates(data: UserData, phase: string): KeyPair {
  const pair = (name: string): KeyPair => ({
    certificate: requireFile(data, `${name}.crt`, phase),
    key: requireFile(data, `${name}.key`, phase),
  });
  const authority = pair('ca');
  const etcd = pair('etcd/ca');
  const frontProxy = pair('front-proxy-ca');
  const publicKey = requireFile(data, 'sa.pub', phase);
  const privateKey = requireFile(data, 'sa.key', phase);
  try {
    checkAuthority('ca', authority);
    checkAuthority('etcd/ca', etcd);
    checkAuthority('front-proxy-ca', frontProxy);
    checkServiceAccountKeys(publicKey, privateKey);
  } catch (error) {
    if (error instanceof PkiProblem) throw new KubeadmProblem([`error execution phase ${phase}: ${error.message}`]);
    throw error;
  }
  return authority;
}

function field(object: unknown, ...path: string[]): unknown {
  return path.reduce<unknown>(
    (value, name) => (typeof value === 'object' && value !== null ? (value as Json)[name] : undefined),
    object,
  );
}

function text(object: unknown, ...path: string[]): string {
  const value = field(object, ...path);
  return typeof value === 'string' ? value : '';
}

/** v1beta4 carries extra arguments as lists of name and value, v1beta3 as maps (kubeadm configuration v1beta4). */
function extraArgs(owner: unknown, path: string, apiVersion: string, where: string): Map<string, string> {
  const value = field(owner, path);
  if (value === undefined || value === null) return new Map();
  const isList = Array.isArray(value);
  if (apiVersion.endsWith('v1beta4') !== isList) {
    const wanted = apiVersion.endsWith('v1beta4') ? 'array' : 'map';
    throw new KubeadmProblem([
      `error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${isList ? 'array' : 'object'} into Go struct field ${where}.${path} (${apiVersion} wants a ${wanted})`,
    ]);
  }
  if (isList) return new Map(value.map((entry: unknown) => [text(entry, 'name'), text(entry, 'value')]));
  return new Map(Object.entries(value as Json).map(([name, entry]) => [name, String(entry)]));
}

function minorOf(version: string): number {
  return Number(/^v\d+\.(\d+)\./.exec(version)?.[1] ?? Number.NaN);
}

function planNode(registration: unknown, apiVersion: string): NodePlan {
  const kubelet = extraArgs(registration, 'kubeletExtraArgs', apiVersion, 'NodeRegistrationOptions.nodeRegistration');
  const labels = (kubelet.get('node-labels') ?? '').split(',').filter((label) => label !== '');
  const taints = field(registration, 'taints');
  return {
    name: text(registration, 'name'),
    externalCloudProvider: kubelet.get('cloud-provider') === 'external',
    labels: Object.fromEntries(
      labels.map((label) => [label.split('=')[0] ?? label, label.split('=').slice(1).join('=')]),
    ),
    taints: Array.isArray(taints) ? (taints as { key: string; effect: string }[]) : undefined,
  };
}

function planInit(data: UserData, documents: Map<string, Json>): InitPlan {
  const cluster = documents.get('ClusterConfiguration');
  const init = documents.get('InitConfiguration');
  if (cluster === undefined)
    throw new KubeadmProblem([
      'no ClusterConfiguration kind was found in the YAML file: controlPlaneEndpoint and kubernetesVersion are unknown',
    ]);
  const apiVersion = text(cluster, 'apiVersion');
  const version = text(cluster, 'kubernetesVersion');
  if (!/^v\d+\.\d+\.\d+/.test(version)) {
    throw new KubeadmProblem([
      `could not determine the Kubernetes version: kubernetesVersion is ${version === '' ? 'absent from the ClusterConfiguration' : `"${version}", not a semantic version`}`,
    ]);
  }
  if (apiVersion.endsWith('v1beta4') && minorOf(version) < 31) {
    throw new KubeadmProblem([
      `no kind "ClusterConfiguration" is registered for version "${apiVersion}": kubeadm ${version} knows kubeadm.k8s.io/v1beta3`,
    ]);
  }
  const endpoint = /^([^:]+):(\d+)$/.exec(text(cluster, 'controlPlaneEndpoint'));
  if (endpoint === null)
    throw new KubeadmProblem([
      'controlPlaneEndpoint is absent or is not host:port: joining machines could not find this control plane',
    ]);
  extraArgs(field(cluster, 'apiServer'), 'extraArgs', apiVersion, 'APIServer.apiServer');
  const manager = extraArgs(
    field(cluster, 'controllerManager'),
    'extraArgs',
    apiVersion,
    'ControlPlaneComponent.controllerManager',
  );
  extraArgs(field(cluster, 'scheduler'), 'extraArgs', apiVersion, 'ControlPlaneComponent.scheduler');
  const authority = readCertificates(data, 'certs');
  const names = field(cluster, 'apiServer', 'certSANs');
  return {
    kind: 'init',
    version,
    endpointHost: endpoint[1] ?? '',
    endpointPort: Number(endpoint[2]),
    certificateNames: Array.isArray(names) ? names.map(String) : [],
    serviceSubnet: text(cluster, 'networking', 'serviceSubnet') || '10.96.0.0/12',
    podSubnet: text(cluster, 'networking', 'podSubnet') || undefined,
    clusterName: manager.get('cluster-name') ?? (text(cluster, 'clusterName') || 'kubernetes'),
    node: planNode(field(init, 'nodeRegistration'), text(init, 'apiVersion') || apiVersion),
    authority,
    configuration: JSON.stringify(cluster),
  };
}

function planJoin(data: UserData, documents: Map<string, Json>): JoinPlan {
  const join = documents.get('JoinConfiguration');
  if (join === undefined) throw new KubeadmProblem(['no JoinConfiguration kind was found in the YAML file']);
  const token = field(join, 'discovery', 'bootstrapToken');
  const endpoint = /^([^:]+):(\d+)$/.exec(text(token, 'apiServerEndpoint'));
  if (endpoint === null)
    throw new KubeadmProblem([
      'discovery: Invalid value: "": discovery.bootstrapToken.apiServerEndpoint must be host:port',
    ]);
  const hashes = field(token, 'caCertHashes');
  const controlPlane = field(join, 'controlPlane') !== undefined && field(join, 'controlPlane') !== null;
  return {
    kind: 'join',
    controlPlane,
    endpointHost: endpoint[1] ?? '',
    endpointPort: Number(endpoint[2]),
    token: text(token, 'token'),
    caHashes: Array.isArray(hashes) ? hashes.map(String) : [],
    node: planNode(field(join, 'nodeRegistration'), text(join, 'apiVersion')),
    authority: controlPlane ? readCertificates(data, 'control-plane-prepare/certs') : undefined,
  };
}
