import type { ClusterKeys, KeyPair } from '#domain/kubeadm/keys.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { Secret } from '#domain/secret.ts';
import { createKubernetesClient } from './client.ts';
import type { KubernetesClient } from './client.ts';
import { registered } from './errors.ts';
import { createHttpsTransport } from './https-transport.ts';
import { createRelayTransport, type RelayStore } from './relay-transport.ts';
import { KubernetesForeignCertificate, KubernetesUnreachable } from './transport.ts';

/** The API server of one cluster. */
export interface ConnectOptions {
  readonly host: string;
  readonly port?: number;
  /** The cluster's authority with its key: signs the client certificate of this connection. */
  readonly authority: KeyPair;
  /** HTTP CONNECT proxy (CAPSTAN_AZURE_GATEWAY); absent in Azure. */
  readonly gatewayUrl?: string;
  readonly timeoutMs?: number;
}

/** An API server that is reached through the relay of its control-plane machines. */
export interface RelayOptions {
  readonly host: string;
  readonly store: RelayStore;
  readonly keys: ClusterKeys;
  /** User data of the first machine, as it was given to Azure. */
  readonly userData: Secret;
  /** Milliseconds without a result after which a request counts as lost. */
  readonly timeoutMs: number;
  /** Milliseconds between two looks for a result. */
  readonly lookMs: number;
}

/** Opens a client over the relay. No request is made yet. */
export function connectThroughRelay({ host, store, keys, userData, ...pace }: RelayOptions): KubernetesClient {
  const pki = '/etc/kubernetes/pki';
  return createKubernetesClient(
    createRelayTransport({
      host,
      store,
      authorityKey: keys.certificateAuthority.key,
      files: {
        [`${pki}/ca.crt`]: keys.certificateAuthority.certificate,
        [`${pki}/ca.key`]: keys.certificateAuthority.key,
        [`${pki}/etcd/ca.crt`]: keys.etcd.certificate,
        [`${pki}/etcd/ca.key`]: keys.etcd.key,
        [`${pki}/front-proxy-ca.crt`]: keys.frontProxy.certificate,
        [`${pki}/front-proxy-ca.key`]: keys.frontProxy.key,
        [`${pki}/sa.pub`]: keys.serviceAccount.publicKey,
        [`${pki}/sa.key`]: keys.serviceAccount.key,
        '/var/lib/cloud/instance/user-data.txt': userData,
      },
      ...pace,
    }),
  );
}

/** A connection's client certificate lives half an hour (cluster-api-pivot.md §3, Ready). */
const clientSeconds = 1800;

/** One is used again while at least half of its life is left: an operation connects every few seconds. */
const issued = new Map<string, { readonly pair: Promise<KeyPair>; readonly until: number }>();
const rememberedCertificates = 64;

function clientCertificate(authority: KeyPair, now: number): Promise<KeyPair> {
  const known = issued.get(authority.certificate);
  if (known !== undefined && known.until > now) {
    return known.pair;
  }
  const pair = import('../pki/certificates.ts').then(({ createClientCertificate }) =>
    createClientCertificate(
      authority,
      { user: 'capstan', groups: ['system:masters'] },
      { now, validForSeconds: clientSeconds },
    ),
  );
  pair.catch(() => issued.delete(authority.certificate));
  const [oldest] = issued.keys();
  if (issued.size >= rememberedCertificates && oldest !== undefined) {
    issued.delete(oldest);
  }
  issued.set(authority.certificate, { pair, until: now + (clientSeconds / 2) * 1000 });
  return pair;
}

/**
 * Opens a client as user capstan of system:masters, with a short-lived certificate. No request is made yet. Close it after
 * use: it keeps connections open.
 */
export async function connect(options: ConnectOptions): Promise<KubernetesClient> {
  const client = await clientCertificate(options.authority, Date.now());
  return createKubernetesClient(
    createHttpsTransport({
      host: options.host,
      certificateAuthority: options.authority.certificate,
      client,
      ...(options.port === undefined ? {} : { port: options.port }),
      ...(options.gatewayUrl === undefined ? {} : { proxyUrl: options.gatewayUrl }),
      ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    }),
  );
}

/**
 * One look at `/readyz`, verified with the cluster's authority: done when the API server is ready, `wait` while it is
 * not there, failed (CAP-4201) when something else answers in its place.
 */
export async function checkReady(
  client: KubernetesClient,
  host: string,
): Promise<Outcome<{ readonly version: string }>> {
  try {
    const ready = await client.raw('/readyz');
    if (ready.status !== 200) {
      return wait(5, { sentence: `https://${host}:6443 answers ${ready.status}, not ready yet` });
    }
    const version = await client.raw('/version');
    const parsed = version.status === 200 ? (JSON.parse(version.body) as { readonly gitVersion?: string }) : {};
    return done({ version: parsed.gitVersion ?? '' }, `https://${host}:6443 answers`);
  } catch (error) {
    if (error instanceof KubernetesForeignCertificate) {
      return failed(registered('CAP-4201', host, error.message));
    }
    if (error instanceof KubernetesUnreachable || error instanceof SyntaxError) {
      return wait(5, { sentence: `waiting for https://${host}:6443` });
    }
    throw error;
  }
}
