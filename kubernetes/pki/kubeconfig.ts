import { stringify } from 'yaml';
import type { KeyPair } from '#domain/kubeadm/keys.ts';
import { Secret } from '#domain/secret.ts';

/** Whom a kubeconfig is for. */
export type KubeconfigRole = 'admin' | 'viewer';

/** What a kubeconfig is made of. */
export interface KubeconfigInput {
  readonly cluster: string;
  /** Host name of the API server, e.g. demo-1a2b3c.westeurope.cloudapp.azure.com. */
  readonly host: string;
  readonly authority: KeyPair;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Wall-clock seconds the client certificate is valid. */
  readonly validForSeconds: number;
  /** Default admin. A viewer's group has no rights until it is bound to the ClusterRole `view`. */
  readonly role?: KubeconfigRole;
  /** HTTP CONNECT proxy between the user and the API server, e.g. http://127.0.0.1:7080. */
  readonly proxyUrl?: string;
}

/** Wall-clock seconds the controllers' own kubeconfig is valid: a year, as kubeadm's certificates. */
export const controllerKubeconfigSeconds = 365 * 24 * 3600;

/** Group of read-only kubeconfigs; the hand-over binds it to the ClusterRole `view`. */
export const viewerGroup = 'capstan:viewers';

/**
 * A kubeconfig with its own client certificate, context `<cluster>-admin@<cluster>` (cluster-api-pivot.md §2b). The
 * administrator is kubernetes-admin in system:masters, as kubeadm makes it.
 */
export async function createKubeconfig(input: KubeconfigInput): Promise<Secret> {
  const { createClientCertificate } = await import('./certificates.ts');
  const role = input.role ?? 'admin';
  const subject =
    role === 'admin'
      ? { user: 'kubernetes-admin', groups: ['system:masters'] }
      : { user: 'capstan-viewer', groups: [viewerGroup] };
  const client = await createClientCertificate(input.authority, subject, {
    now: input.now,
    validForSeconds: input.validForSeconds,
    algorithm: 'rsa',
  });
  const user = `${input.cluster}-${role}`;
  const context = `${user}@${input.cluster}`;
  const document = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: input.cluster,
        cluster: {
          server: `https://${input.host}:6443`,
          'certificate-authority-data': base64(input.authority.certificate),
          ...(input.proxyUrl === undefined ? {} : { 'proxy-url': input.proxyUrl }),
        },
      },
    ],
    users: [
      {
        name: user,
        user: { 'client-certificate-data': base64(client.certificate), 'client-key-data': base64(client.key.reveal()) },
      },
    ],
    contexts: [{ name: context, context: { cluster: input.cluster, user } }],
    'current-context': context,
    preferences: {},
  };
  return new Secret(stringify(document, { lineWidth: 0 }));
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
