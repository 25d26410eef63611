import { parse } from 'yaml';
import { isSignedBy } from '../../boot/pki.ts';
import type { KubeObject } from '../../contract.ts';
import type { ConditionUpdate } from '../conditions.ts';
import { setConditions } from '../conditions.ts';
import type { ControllerContext } from '../context.ts';
import type { Condition, SecretObject } from '../kinds.ts';
import { DEPLOYMENT, SECRET } from '../kinds.ts';
import type { Key, Kube } from '../objects.ts';
import { failureCode, keyOf } from '../objects.ts';
import type { ClusterObject } from './kinds.ts';
import { ANNOTATION, CLUSTER, LABEL } from './kinds.ts';

/** Name of the cluster that an object belongs to, from its label. */
export function clusterNameOf(object: KubeObject): string | undefined {
  return object.metadata.labels?.[LABEL.cluster];
}

/** The Cluster of an object, by label or by the given name. */
export function clusterOf(kube: Kube, object: KubeObject, name = clusterNameOf(object)): ClusterObject | undefined {
  return name === undefined ? undefined : kube.get(CLUSTER, object.metadata.namespace ?? '', name);
}

/** True when the cluster or the object itself is paused (Cluster API book, "Paused"). */
export function isPaused(cluster: ClusterObject | undefined, object: KubeObject): boolean {
  return cluster?.spec?.paused === true || object.metadata.annotations?.[ANNOTATION.paused] !== undefined;
}

/**
 * Writes the `Paused` condition, which real controllers keep also while they do nothing else.
 *
 * @returns true when the object is paused and the caller must stop here
 */
export function settlePaused(
  kube: Kube,
  now: number,
  cluster: ClusterObject | undefined,
  object: KubeObject & { status?: { conditions?: Condition[] } },
): boolean {
  const paused = isPaused(cluster, object);
  const message =
    cluster?.spec?.paused === true
      ? 'Cluster spec.paused is set to true'
      : `${object.kind} has the ${ANNOTATION.paused} annotation`;
  const update: ConditionUpdate = paused
    ? { type: 'Paused', status: true, reason: 'Paused', message }
    : { type: 'Paused', status: false, reason: 'NotPaused' };
  const current = object.status?.conditions?.find((condition) => condition.type === 'Paused');
  const wanted = paused ? 'True' : 'False';
  if (current?.status !== wanted) {
    const patched = kube.patchStatus(object, { conditions: setConditions(object.status?.conditions, [update], now) });
    Object.assign(object, patched);
  }
  return paused;
}

/** Adds the finalizer; returns the current object. */
export function ensureFinalizer<T extends KubeObject>(kube: Kube, object: T, finalizer: string): T {
  const finalizers = object.metadata.finalizers ?? [];
  if (finalizers.includes(finalizer)) return object;
  return kube.patch(object, { metadata: { finalizers: [...finalizers, finalizer] } });
}

/** Removes the finalizer; an object that is gone is fine. */
export function dropFinalizer(kube: Kube, object: KubeObject, finalizer: string): void {
  const finalizers = (object.metadata.finalizers ?? []).filter((name) => name !== finalizer);
  if (finalizers.length === (object.metadata.finalizers ?? []).length) return;
  try {
    kube.patch(object, { metadata: { finalizers } });
  } catch (error) {
    if (failureCode(error) !== 404) throw error;
  }
}

/** Keys of every object of a list that belongs to the given cluster. */
export function ofCluster(cluster: KubeObject, objects: readonly KubeObject[]): Key[] {
  return objects
    .filter(
      (object) =>
        object.metadata.namespace === cluster.metadata.namespace && clusterNameOf(object) === cluster.metadata.name,
    )
    .map(keyOf);
}

/** Decoded value of a Secret's key. */
export function secretText(secret: SecretObject | undefined, key: string): string | undefined {
  const value = secret?.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString();
}

/** The workload cluster as Cluster API reaches it through `<cluster>-kubeconfig`, or why it cannot. */
export type Remote = { readonly ok: true } | { readonly ok: false; readonly message: string };

/**
 * ClusterCache: follows the kubeconfig secret to the API server behind the load balancer and checks the certificates of both
 * sides. The simulated controllers live in the cluster that they manage, so the caller's own client then is the remote one.
 */
export function reachWorkload(context: ControllerContext, kube: Kube, cluster: ClusterObject): Remote {
  const name = `${cluster.metadata.name}-kubeconfig`;
  const text = secretText(kube.get(SECRET, cluster.metadata.namespace ?? '', name), 'value');
  if (text === undefined) return { ok: false, message: `Secret "${name}" not found` };
  const config = kubeconfigOf(context, text);
  if (config === undefined)
    return {
      ok: false,
      message: `error creating REST config from the kubeconfig in Secret "${name}": not a kubeconfig`,
    };
  const port = context.azure.resolveLoadBalancer(config.host, config.port);
  if (port === undefined)
    return {
      ok: false,
      message: `Get "https://${config.host}:${config.port}/": dial tcp: connect: connection refused`,
    };
  if (context.azure.isInternal?.(config.host, config.port) === true && !hasAlias(kube, config.host)) {
    return {
      ok: false,
      message: `Get "https://${config.host}:${config.port}/": dial tcp: i/o timeout (a pod behind an internal load balancer does not reach its own machine through it)`,
    };
  }
  if (!context.machines.ownsPort(port)) {
    return { ok: false, message: `https://${config.host}:${config.port}/ is the API server of another cluster` };
  }
  const live = context.machines.caCertificate.trim();
  if (config.authority.trim() !== live) {
    return {
      ok: false,
      message: `Get "https://${config.host}:${config.port}/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    };
  }
  if (!config.isSignedBy(live)) {
    return {
      ok: false,
      message:
        'the server has asked for the client to provide credentials (the client certificate is not signed by the cluster CA)',
    };
  }
  return { ok: true };
}

/** Whether the controller's pods have the name in their hosts file; otherwise it leads through the load balancer. */
function hasAlias(kube: Kube, host: string): boolean {
  const deployment = kube.get(DEPLOYMENT, 'capi-system', 'capi-controller-manager');
  const pod = deployment?.spec?.template?.spec as { hostAliases?: { hostnames?: string[] }[] } | undefined;
  return pod?.hostAliases?.some(({ hostnames }) => hostnames?.includes(host) === true) === true;
}

interface Kubeconfig {
  clusters?: { cluster?: { server?: string; 'certificate-authority-data'?: string } }[];
  users?: { user?: { 'client-certificate-data'?: string } }[];
}

/** What a kubeconfig says; the certificates in it are compared with an authority once. */
interface ReadKubeconfig {
  readonly host: string;
  readonly port: number;
  readonly authority: string;
  /** Whether the client certificate, where there is one, was signed by this authority. */
  isSignedBy(authority: string): boolean;
}

/** The kubeconfig of each cluster as it was read last: it is looked at many times a minute and changes almost never. */
const lastRead = new WeakMap<
  ControllerContext,
  { readonly text: string; readonly config: ReadKubeconfig | undefined }
>();

function kubeconfigOf(context: ControllerContext, text: string): ReadKubeconfig | undefined {
  const known = lastRead.get(context);
  if (known?.text === text) return known.config;
  const config = readKubeconfig(text);
  lastRead.set(context, { text, config });
  return config;
}

function readKubeconfig(text: string): ReadKubeconfig | undefined {
  try {
    const config = parse(text) as Kubeconfig;
    const server = new URL(config.clusters?.[0]?.cluster?.server ?? '');
    const decode = (value: string | undefined): string => Buffer.from(value ?? '', 'base64').toString();
    const certificate = decode(config.users?.[0]?.user?.['client-certificate-data']);
    const answers = new Map<string, boolean>();
    return {
      host: server.hostname,
      port: Number(server.port === '' ? 443 : server.port),
      authority: decode(config.clusters?.[0]?.cluster?.['certificate-authority-data']),
      isSignedBy(authority) {
        const answer = answers.get(authority) ?? (certificate === '' || isSignedBy(certificate, authority));
        answers.set(authority, answer);
        return answer;
      },
    };
  } catch {
    return undefined;
  }
}
