import { stringify } from 'yaml';
import { CapstanFailure } from '../errors/error.ts';
import { errorEntry } from '../errors/registry.ts';
import type { ClusterPlan } from '../plan/types.ts';
import { Secret } from '../secret.ts';
import { kubeadmDocuments } from './documents.ts';
import type { ClusterKeys } from './keys.ts';
import type { KubeadmConfigSpec, KubeadmFile } from './types.ts';

/** Azure's limit of customData after base64 encoding, in bytes. */
export const customDataLimit = 65_535;

/** What becomes CP-A's user data. */
export interface CloudInitInput {
  readonly plan: ClusterPlan;
  /** CP-A's KubeadmConfig: the object that also goes into the bundle. */
  readonly config: KubeadmConfigSpec;
  readonly keys: ClusterKeys;
  /** Contents of the files that come from a secret, by `<secret>/<key>`. */
  readonly secretFiles: Readonly<Record<string, string>>;
}

/**
 * Cloud-init user data of CP-A in the shape that Cluster API's bootstrap controller writes (cluster-api-pivot.md §3):
 * a Jinja template, because the node's name is known only on the machine. Not base64-encoded yet.
 * Throws CAP-4101 when it does not fit into customData.
 */
export function controlPlaneCloudInit(input: CloudInitInput): Secret {
  const { plan, config, keys, secretFiles } = input;
  const files = [
    ...keyFiles(keys),
    ...config.files.map((file) => resolveFile(file, secretFiles)),
    writeFile('/run/kubeadm/kubeadm.yaml', '0640', kubeadmDocuments(plan, config)),
    writeFile('/run/cluster-api/placeholder', '0640', 'Makes the folder that the success marker is written to.\n'),
  ];
  const document = {
    ...(config.users === undefined
      ? {}
      : {
          users: config.users.map((user) => ({
            name: user.name,
            lock_passwd: user.lockPassword,
            shell: user.shell,
            sudo: user.sudo,
            ssh_authorized_keys: user.sshAuthorizedKeys,
          })),
        }),
    write_files: files,
    runcmd: [
      ...(config.preKubeadmCommands ?? []),
      'kubeadm init --config /run/kubeadm/kubeadm.yaml && echo success > /run/cluster-api/bootstrap-success.complete',
      ...(config.postKubeadmCommands ?? []),
    ],
    ...disks(config),
  };
  const text = `## template: jinja\n#cloud-config\n\n${stringify(document, { lineWidth: 0, blockQuote: 'literal', singleQuote: true, aliasDuplicateObjects: false })}`;
  const encoded = Math.ceil(new TextEncoder().encode(text).length / 3) * 4;
  if (encoded > customDataLimit) {
    throw new CapstanFailure({
      code: 'CAP-4101',
      message: `The user data of ${plan.controlPlane.machineName} has ${encoded} bytes; Azure takes ${customDataLimit}.`,
      where: plan.controlPlane.machineName,
      remedy: errorEntry('CAP-4101').remedy,
    });
  }
  return new Secret(text);
}

interface WriteFile {
  readonly path: string;
  readonly owner: string;
  readonly permissions: string;
  readonly encoding?: 'b64';
  readonly content: string;
}

function keyFiles(keys: ClusterKeys): readonly WriteFile[] {
  const pki = '/etc/kubernetes/pki';
  const authorities = [
    ['ca', keys.certificateAuthority],
    ['etcd/ca', keys.etcd],
    ['front-proxy-ca', keys.frontProxy],
  ] as const;
  return [
    ...authorities.flatMap(([name, pair]) => [
      writeFile(`${pki}/${name}.crt`, '0640', pair.certificate),
      writeFile(`${pki}/${name}.key`, '0600', pair.key.reveal()),
    ]),
    writeFile(`${pki}/sa.pub`, '0640', keys.serviceAccount.publicKey),
    writeFile(`${pki}/sa.key`, '0600', keys.serviceAccount.key.reveal()),
  ];
}

function writeFile(path: string, permissions: string, content: string): WriteFile {
  return { path, owner: 'root:root', permissions, content };
}

/** A file that holds Jinja's delimiters by accident would be rendered; base64 keeps it as it is. */
function resolveFile(file: KubeadmFile, secretFiles: Readonly<Record<string, string>>): WriteFile {
  const source = file.contentFrom?.secret;
  const content = source === undefined ? file.content : secretFiles[`${source.name}/${source.key}`];
  if (content === undefined) {
    throw new RangeError(`no content for the file ${file.path}`);
  }
  const base = { path: file.path, owner: file.owner, permissions: file.permissions };
  if (file.encoding === 'base64') {
    return { ...base, encoding: 'b64', content };
  }
  return /\{[{%#]/.test(content)
    ? { ...base, encoding: 'b64', content: Buffer.from(content, 'utf8').toString('base64') }
    : { ...base, content };
}

function disks(config: KubeadmConfigSpec): Record<string, unknown> {
  const setup = config.diskSetup;
  return {
    ...(setup === undefined
      ? {}
      : {
          disk_setup: Object.fromEntries(
            setup.partitions.map((partition) => [
              partition.device,
              { table_type: partition.tableType, layout: partition.layout, overwrite: partition.overwrite },
            ]),
          ),
          fs_setup: setup.filesystems.map((filesystem) => ({
            label: filesystem.label,
            filesystem: filesystem.filesystem,
            device: filesystem.device,
            ...(filesystem.extraOpts === undefined ? {} : { extra_opts: filesystem.extraOpts }),
            ...(filesystem.replaceFS === undefined ? {} : { replace_fs: filesystem.replaceFS }),
          })),
        }),
    ...(config.mounts === undefined ? {} : { mounts: config.mounts }),
  };
}
