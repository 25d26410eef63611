import { azureJsonKeys, azureJsonSecretName, documentNames, wellKnown } from '../cluster-api/names.ts';
import type { ClusterPlan, PlannedPool, PlannedShard } from '../plan/types.ts';
import { userAdditions } from './additions.ts';
import { proxySetup } from './proxy.ts';
import { relaySetup } from './relay.ts';
import { trustedCaSetup } from './trusted-ca.ts';
import type { Argument, KubeadmConfigSpec, KubeadmFile, NodeRegistration } from './types.ts';

/** Where the cloud provider reads its configuration on every node (cluster-api-pivot.md §3). */
export const azureJsonPath = '/etc/kubernetes/azure.json';

/** The administrator CAPZ gives every virtual machine. */
export const adminUser = 'capi';

/** kubeadm waits this long for the control plane, as CAPZ's template does (cluster-api-pivot.md §3). */
const controlPlaneSeconds = 1200;

const etcdMount = '/var/lib/etcddisk';
const etcdDevice = '/dev/disk/azure/scsi1/lun0';

/**
 * The `kubeadmConfigSpec` of the control plane, every field written out so that no webhook defaults it into a
 * difference. `imagePullPolicy` and `format` are what Cluster API's webhook would fill in.
 */
export function controlPlaneKubeadmConfig(plan: ClusterPlan): KubeadmConfigSpec {
  const registration = nodeRegistration([externalCloud]);
  const timeouts = { controlPlaneComponentHealthCheckSeconds: controlPlaneSeconds };
  const featureGates = controlPlaneFeatureGates(plan.kubernetesVersion);
  const relay = relaySetup(plan);
  return {
    format: 'cloud-config',
    clusterConfiguration: {
      controllerManager: {
        extraArgs: [
          { name: 'allocate-node-cidrs', value: 'false' },
          externalCloud,
          { name: 'cluster-name', value: plan.name },
        ],
      },
      etcd: {
        local: { dataDir: `${etcdMount}/etcd`, extraArgs: [{ name: 'quota-backend-bytes', value: '8589934592' }] },
      },
      ...(featureGates === undefined ? {} : { featureGates }),
    },
    initConfiguration: { nodeRegistration: registration, timeouts },
    joinConfiguration: { nodeRegistration: registration, timeouts },
    diskSetup: {
      partitions: [{ device: etcdDevice, layout: true, overwrite: false, tableType: 'gpt' }],
      filesystems: [
        {
          device: etcdDevice,
          filesystem: 'ext4',
          label: 'etcd_disk',
          extraOpts: ['-E', 'lazy_itable_init=1,lazy_journal_init=1'],
        },
        { device: 'ephemeral0.1', filesystem: 'ext4', label: 'ephemeral0', replaceFS: 'ntfs' },
      ],
    },
    mounts: [['LABEL=etcd_disk', etcdMount]],
    ...additions(
      plan,
      [azureJsonFile(documentNames(plan).controlPlaneTemplate, azureJsonKeys.controlPlane), ...relay.files],
      { before: [...relay.commands, ...hairpin(plan).before], after: hairpin(plan).after },
    ),
  };
}

/**
 * CP-A's KubeadmConfig: the control plane's, `joinConfiguration` emptied, because that is what the
 * KubeadmControlPlane compares an init machine with (cluster-api-pivot.md §2b, "KCP up to date").
 */
export function initKubeadmConfig<Spec extends object>(spec: Spec): Omit<Spec, 'joinConfiguration'> {
  const { joinConfiguration: _, ...rest } = spec as Spec & { joinConfiguration?: unknown };
  return rest;
}

/** The kubeadm configuration of the machines of one MachineDeployment. */
export function workerKubeadmConfig(plan: ClusterPlan, pool: PlannedPool, shard: PlannedShard): KubeadmConfigSpec {
  const labels = { ...splitNodeLabels(pool.labels).kubelet, [wellKnown.pool]: pool.name };
  const nodeLabels = Object.entries(labels)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const registration = nodeRegistration([externalCloud, { name: 'node-labels', value: nodeLabels }]);
  const taints = pool.taints.map(({ key, value, effect }) => (value === '' ? { key, effect } : { key, value, effect }));
  return {
    format: 'cloud-config',
    joinConfiguration: { nodeRegistration: taints.length === 0 ? registration : { ...registration, taints } },
    ...additions(plan, [azureJsonFile(shard.machineDeployment, azureJsonKeys.worker)]),
  };
}

/** Files, users and commands that every node has: ours, the proxy's, the user's own, in this order. */
function additions(
  plan: ClusterPlan,
  own: readonly KubeadmFile[],
  { before: ownBefore, after: ownAfter }: Commands = { before: [], after: [] },
): Pick<KubeadmConfigSpec, 'files' | 'users' | 'preKubeadmCommands' | 'postKubeadmCommands'> {
  const proxy = proxySetup(plan);
  const user = userAdditions(plan);
  const trusted = trustedCaSetup(plan);
  const before = [...trusted.commands, ...proxy.commands, ...ownBefore, ...user.before];
  const after = [...ownAfter, ...user.after];
  return {
    files: [...own, ...trusted.files, ...proxy.files, ...user.files],
    ...users(plan),
    ...(before.length === 0 ? {} : { preKubeadmCommands: before }),
    ...(after.length === 0 ? {} : { postKubeadmCommands: after }),
  };
}

interface Commands {
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/**
 * A machine cannot reach itself through an internal load balancer (risk R5): on a control-plane machine the name is
 * its own address. Before kubeadm on the first machine, which is the only one there is; after it on those that join,
 * because until then only the others have an API server.
 */
function hairpin(plan: ClusterPlan): Commands {
  const { host, private: inside } = plan.network.api;
  if (inside === undefined) return { before: [], after: [] };
  const own = (file: string) => `if [ -f ${file} ]; then echo '127.0.0.1 ${host}' >> /etc/hosts; fi`;
  return { before: [own('/run/kubeadm/kubeadm.yaml')], after: [own('/run/kubeadm/kubeadm-join-config.yaml')] };
}

/**
 * Who may set which label of a node: the kubelet refuses to start with labels of Kubernetes' own domains except its
 * own two prefixes (NodeRestriction); Cluster API copies the others from the Machine to the node.
 */
export function splitNodeLabels(labels: Readonly<Record<string, string>>): {
  readonly kubelet: Readonly<Record<string, string>>;
  readonly machine: Readonly<Record<string, string>>;
} {
  const restricted = (key: string) =>
    /^([^/]+\.)?(kubernetes|k8s)\.io\//.test(key) && !/^([^/]+\.)?(kubelet|node)\.kubernetes\.io\//.test(key);
  const entries = Object.entries(labels);
  return {
    kubelet: Object.fromEntries(entries.filter(([key]) => !restricted(key))),
    machine: Object.fromEntries(entries.filter(([key]) => restricted(key))),
  };
}

/**
 * Feature gates that Cluster API puts into every control-plane configuration of these versions; without them CP-A
 * would differ from the desired state and be rolled (cluster-api-pivot.md §2b).
 */
export function controlPlaneFeatureGates(version: string): Readonly<Record<string, boolean>> | undefined {
  const minor = minorVersion(version);
  return minor >= 31 && minor < 36 ? { ControlPlaneKubeletLocalMode: true } : undefined;
}

/** Minor number of a version such as v1.33.4. */
export function minorVersion(version: string): number {
  const minor = /^v1\.(\d+)\./.exec(version)?.[1];
  if (minor === undefined) {
    throw new RangeError(`not a Kubernetes version of the form v1.N.P: ${version}`);
  }
  return Number(minor);
}

const externalCloud: Argument = { name: 'cloud-provider', value: 'external' };

function nodeRegistration(kubeletExtraArgs: readonly Argument[]): NodeRegistration {
  return { name: '{{ ds.meta_data["local_hostname"] }}', imagePullPolicy: 'IfNotPresent', kubeletExtraArgs };
}

function azureJsonFile(template: string, key: string): KubeadmFile {
  return {
    path: azureJsonPath,
    owner: 'root:root',
    permissions: '0644',
    contentFrom: { secret: { name: azureJsonSecretName(template), key } },
  };
}

/** The comment of a key is dropped unless it is plain: cloud-init renders the whole file as a Jinja template. */
function users(plan: ClusterPlan): Pick<KubeadmConfigSpec, 'users'> {
  const keys = plan.spec.sshKeys.map((key) => {
    const [type, body, ...comment] = key.split(' ');
    const text = comment.join(' ');
    return /^[\w@.+\- ]+$/.test(text) ? `${type} ${body} ${text}` : `${type} ${body}`;
  });
  return keys.length === 0
    ? {}
    : {
        users: [
          {
            name: adminUser,
            lockPassword: true,
            shell: '/bin/bash',
            sudo: 'ALL=(ALL) NOPASSWD:ALL',
            sshAuthorizedKeys: keys,
          },
        ],
      };
}
