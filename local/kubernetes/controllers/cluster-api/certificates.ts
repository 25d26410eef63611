import { stringify } from 'yaml';
import { checkAuthority, createAuthority, createServiceAccountKeys, issueCertificate } from '../../boot/pki.ts';
import type { KeyPair } from '../../boot/pki.ts';
import type { KubeObject } from '../../contract.ts';
import { SECRET } from '../kinds.ts';
import type { Kube } from '../objects.ts';
import { controllerOf, ownerReference, withOwner } from '../objects.ts';
import type { Certificates } from './bootstrap-data.ts';
import { secretText } from './common.ts';
import type { ClusterObject } from './kinds.ts';
import { LABEL } from './kinds.ts';

const PURPOSES = ['ca', 'etcd', 'proxy', 'sa'] as const;
type Purpose = (typeof PURPOSES)[number];
const COMMON_NAMES: Record<Purpose, string> = { ca: 'kubernetes', etcd: 'kubernetes', proxy: 'kubernetes', sa: '' };

export type Lookup =
  | { readonly ok: true; readonly certificates: Certificates }
  | { readonly ok: false; readonly message: string; readonly missing: readonly string[] };

/** Reads `<cluster>-ca|etcd|proxy|sa` and checks that the CAs can sign. */
export function lookupCertificates(kube: Kube, cluster: ClusterObject): Lookup {
  const namespace = cluster.metadata.namespace ?? '';
  const found = new Map<Purpose, KeyPair>();
  const missing: string[] = [];
  for (const purpose of PURPOSES) {
    const name = `${cluster.metadata.name}-${purpose}`;
    const secret = kube.get(SECRET, namespace, name);
    if (secret === undefined) {
      missing.push(name);
      continue;
    }
    const pair = { certificate: secretText(secret, 'tls.crt') ?? '', key: secretText(secret, 'tls.key') ?? '' };
    try {
      if (purpose !== 'sa') checkAuthority(name, pair);
    } catch (error) {
      return { ok: false, missing: [], message: `Secret "${name}": ${error instanceof Error ? error.message : ''}` };
    }
    found.set(purpose, pair);
  }
  const [ca, etcd, proxy, sa] = PURPOSES.map((purpose) => found.get(purpose));
  if (ca === undefined || etcd === undefined || proxy === undefined || sa === undefined) {
    return { ok: false, missing, message: `Secrets not found: ${missing.join(', ')}` };
  }
  return { ok: true, certificates: { ca, etcd, proxy, sa } };
}

/** Creates the missing key pairs: what the real provider does for a control plane that is not initialised (risk R1). */
export async function generateMissing(kube: Kube, cluster: ClusterObject, owner: KubeObject): Promise<string[]> {
  const namespace = cluster.metadata.namespace ?? '';
  const created: string[] = [];
  for (const purpose of PURPOSES) {
    const name = `${cluster.metadata.name}-${purpose}`;
    if (kube.get(SECRET, namespace, name) !== undefined) continue;
    const pair = purpose === 'sa' ? await createServiceAccountKeys() : await createAuthority(COMMON_NAMES[purpose]);
    kube.create(clusterSecret(cluster, owner, name, { 'tls.crt': pair.certificate, 'tls.key': pair.key }));
    created.push(name);
  }
  return created;
}

/** Creates `<cluster>-kubeconfig` when it is absent: admin client certificate, context `<cluster>-admin@<cluster>`. */
export async function ensureKubeconfig(
  kube: Kube,
  cluster: ClusterObject,
  owner: KubeObject,
  authority: KeyPair,
): Promise<void> {
  const name = `${cluster.metadata.name}-kubeconfig`;
  if (kube.get(SECRET, cluster.metadata.namespace ?? '', name) !== undefined) return;
  const client = await issueCertificate(authority, {
    commonName: 'kubernetes-admin',
    organization: 'system:masters',
    usage: 'client',
    days: 365,
  });
  const { host, port } = cluster.spec?.controlPlaneEndpoint ?? {};
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const clusterName = cluster.metadata.name;
  const user = `${clusterName}-admin`;
  const context = `${user}@${clusterName}`;
  const value = stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: clusterName,
        cluster: {
          server: `https://${host ?? ''}:${port ?? 6443}`,
          'certificate-authority-data': base64(authority.certificate),
        },
      },
    ],
    contexts: [{ name: context, context: { cluster: clusterName, user } }],
    'current-context': context,
    users: [
      {
        name: user,
        user: { 'client-certificate-data': base64(client.certificate), 'client-key-data': base64(client.key) },
      },
    ],
  });
  kube.create(clusterSecret(cluster, owner, name, { value }));
}

/** Secrets without a controlling owner get the control plane as theirs. */
export function adoptSecrets(kube: Kube, cluster: ClusterObject, owner: KubeObject): void {
  for (const purpose of [...PURPOSES, 'kubeconfig']) {
    const secret = kube.get(SECRET, cluster.metadata.namespace ?? '', `${cluster.metadata.name}-${purpose}`);
    if (secret === undefined || controllerOf(secret) !== undefined) continue;
    const owners = withOwner(secret, owner, true);
    if (owners !== undefined) kube.patch(secret, { metadata: { ownerReferences: owners } });
  }
}

/** A Secret of type `cluster.x-k8s.io/secret` under its owner. */
export function clusterSecret(
  cluster: ClusterObject,
  owner: KubeObject,
  name: string,
  values: Record<string, string>,
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace: cluster.metadata.namespace ?? '',
      labels: { [LABEL.cluster]: cluster.metadata.name },
      ownerReferences: [ownerReference(owner, true)],
    },
    type: 'cluster.x-k8s.io/secret',
    data: Object.fromEntries(
      Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]),
    ),
  };
}
