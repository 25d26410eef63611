import { stringify } from 'yaml';
import { publicKeyHash } from '../../boot/pki.ts';
import type { KeyPair } from '../../boot/pki.ts';
import type { Json } from '../objects.ts';
import { isJson } from '../objects.ts';
import type { ClusterObject, KubeadmConfigSpec } from './kinds.ts';

/** A file of the user data. */
export interface BootstrapFile {
  readonly path: string;
  readonly content: string;
  readonly owner?: string;
  readonly permissions?: string;
  readonly encoding?: string;
  readonly append?: boolean;
}

/** The four key pairs of a control plane, by their names under /etc/kubernetes/pki. */
export interface Certificates {
  readonly ca: KeyPair;
  readonly etcd: KeyPair;
  readonly proxy: KeyPair;
  readonly sa: KeyPair;
}

/** kubeadm configuration API by Kubernetes version: v1beta4 from 1.31 on (cluster-api-pivot.md §3). */
export function kubeadmApiVersion(version: string): string {
  return minorOf(version) >= 31 ? 'kubeadm.k8s.io/v1beta4' : 'kubeadm.k8s.io/v1beta3';
}

/** Minor number of `v1.33.4`. */
export function minorOf(version: string): number {
  return Number(/^v?\d+\.(\d+)/.exec(version)?.[1] ?? 0);
}

/** Lists of name and value become maps for v1beta3. */
function convertArgs(value: unknown, version: string): unknown {
  if (Array.isArray(value)) return value.map((entry: unknown) => convertArgs(entry, version));
  if (!isJson(value)) return value;
  const isOld = minorOf(version) < 31;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== 'timeouts')
      .map(([name, entry]) => {
        const isArgs = (name === 'extraArgs' || name === 'kubeletExtraArgs') && Array.isArray(entry);
        if (isArgs && isOld) {
          return [
            name,
            Object.fromEntries(
              (entry as { name: string; value?: string }[]).map((argument) => [argument.name, argument.value ?? '']),
            ),
          ];
        }
        return [name, convertArgs(entry, version)];
      }),
  );
}

/** JoinConfiguration of a machine that joins through the given endpoint with a bootstrap token. */
export function joinDocument(
  spec: KubeadmConfigSpec,
  options: { version: string; endpoint: string; token: string; authority: string; controlPlane: boolean },
): string {
  const { controlPlane: _controlPlane, discovery: _discovery, ...join } = spec.joinConfiguration ?? {};
  return stringify({
    apiVersion: kubeadmApiVersion(options.version),
    kind: 'JoinConfiguration',
    ...(convertArgs(join, options.version) as Json),
    discovery: {
      bootstrapToken: {
        apiServerEndpoint: options.endpoint,
        token: options.token,
        caCertHashes: [publicKeyHash(options.authority)],
      },
    },
    ...(options.controlPlane ? { controlPlane: {} } : {}),
  });
}

/** ClusterConfiguration and InitConfiguration of a first control-plane machine. */
export function initDocuments(spec: KubeadmConfigSpec, cluster: ClusterObject, version: string): string {
  const { host, port } = cluster.spec?.controlPlaneEndpoint ?? {};
  const network = cluster.spec?.clusterNetwork;
  const apiVersion = kubeadmApiVersion(version);
  const configuration = {
    apiVersion,
    kind: 'ClusterConfiguration',
    ...(convertArgs(spec.clusterConfiguration ?? {}, version) as Json),
    kubernetesVersion: version,
    controlPlaneEndpoint: `${host ?? ''}:${port ?? 6443}`,
    networking: {
      dnsDomain: network?.serviceDomain ?? 'cluster.local',
      ...(network?.pods?.cidrBlocks === undefined ? {} : { podSubnet: network.pods.cidrBlocks.join(',') }),
      ...(network?.services?.cidrBlocks === undefined ? {} : { serviceSubnet: network.services.cidrBlocks.join(',') }),
    },
  };
  const init = {
    apiVersion,
    kind: 'InitConfiguration',
    ...(convertArgs(spec.initConfiguration ?? {}, version) as Json),
  };
  return `---\n${stringify(configuration)}---\n${stringify(init)}`;
}

/** The certificate files of a control-plane machine. */
export function certificateFiles(certificates: Certificates): BootstrapFile[] {
  const file = (name: string, content: string, permissions: string): BootstrapFile => ({
    path: `/etc/kubernetes/pki/${name}`,
    owner: 'root:root',
    permissions,
    content,
  });
  const pair = (name: string, keys: KeyPair): BootstrapFile[] => [
    file(`${name}.crt`, keys.certificate, '0640'),
    file(`${name}.key`, keys.key, '0600'),
  ];
  return [
    ...pair('ca', certificates.ca),
    ...pair('etcd/ca', certificates.etcd),
    ...pair('front-proxy-ca', certificates.proxy),
    file('sa.pub', certificates.sa.certificate, '0640'),
    file('sa.key', certificates.sa.key, '0600'),
  ];
}

/** Cloud-init user data in the shape of the kubeadm bootstrap provider (cluster-api-pivot.md §3). */
export function renderUserData(
  spec: KubeadmConfigSpec,
  command: 'init' | 'join',
  files: readonly BootstrapFile[],
  kubeadm: string,
): string {
  const path = command === 'init' ? '/run/kubeadm/kubeadm.yaml' : '/run/kubeadm/kubeadm-join-config.yaml';
  const document = {
    write_files: [
      ...files,
      { path, owner: 'root:root', permissions: '0640', content: kubeadm },
      {
        path: '/run/cluster-api/placeholder',
        owner: 'root:root',
        permissions: '0640',
        content: 'This placeholder file is used to create the /run/cluster-api sub directory',
      },
    ],
    ...(spec.bootCommands === undefined ? {} : { bootcmd: spec.bootCommands }),
    runcmd: [
      ...(spec.preKubeadmCommands ?? []),
      `kubeadm ${command} --config ${path} && echo success > /run/cluster-api/bootstrap-success.complete`,
      ...(spec.postKubeadmCommands ?? []),
    ],
    ...(spec.users === undefined ? {} : { users: spec.users.map(userEntry) }),
    ...(spec.diskSetup?.partitions === undefined
      ? {}
      : {
          disk_setup: Object.fromEntries(
            spec.diskSetup.partitions.map((partition) => [
              partition.device,
              {
                table_type: partition.tableType ?? 'gpt',
                layout: partition.layout ?? true,
                overwrite: partition.overwrite ?? false,
              },
            ]),
          ),
        }),
    ...(spec.diskSetup?.filesystems === undefined
      ? {}
      : {
          fs_setup: spec.diskSetup.filesystems.map(({ extraOpts, ...rest }) => ({
            ...rest,
            ...(extraOpts === undefined ? {} : { extra_opts: extraOpts }),
          })),
        }),
    ...(spec.mounts === undefined ? {} : { mounts: spec.mounts }),
    ...(spec.ntp === undefined ? {} : { ntp: spec.ntp }),
  };
  return `## template: jinja\n#cloud-config\n\n${stringify(document)}`;
}

function userEntry(user: NonNullable<KubeadmConfigSpec['users']>[number]): Json {
  return {
    name: user.name,
    ...(user.sudo === undefined ? {} : { sudo: user.sudo }),
    ...(user.groups === undefined ? {} : { groups: user.groups }),
    ...(user.shell === undefined ? {} : { shell: user.shell }),
    ...(user.sshAuthorizedKeys === undefined ? {} : { ssh_authorized_keys: user.sshAuthorizedKeys }),
  };
}
