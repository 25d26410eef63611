import type { KubeObject } from '../../contract.ts';
import type { PodObject, ServiceObject } from '../kinds.ts';
import { CONFIG_MAP, ENDPOINTS, NAMESPACE, POD, SERVICE, SERVICE_ACCOUNT } from '../kinds.ts';
import type { Kind, Kube } from '../objects.ts';
import { failureCode, keyOf } from '../objects.ts';
import type { Reconciler } from '../runtime.ts';
import { isReadyPod } from './pods.ts';

/** Every namespace gets the `default` service account and the cluster's CA as `kube-root-ca.crt`. */
export function createNamespaceDefaults(kube: Kube, caCertificate: string): Reconciler {
  return {
    name: 'serviceaccount-controller',
    watches: [{ kind: NAMESPACE }],
    reconcile: (key) => {
      const namespace = kube.get(NAMESPACE, '', key.name);
      if (namespace === undefined || namespace.metadata.deletionTimestamp !== undefined) return undefined;
      ensure(kube, SERVICE_ACCOUNT, {
        apiVersion: 'v1',
        kind: 'ServiceAccount',
        metadata: { name: 'default', namespace: key.name },
      });
      const metadata = { name: 'kube-root-ca.crt', namespace: key.name };
      ensure(kube, CONFIG_MAP, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': caCertificate } });
      return undefined;
    },
  };
}

function ensure(kube: Kube, kind: Kind, object: KubeObject): void {
  if (kube.get(kind, object.metadata.namespace ?? '', object.metadata.name) !== undefined) return;
  try {
    kube.create(object);
  } catch (error) {
    if (failureCode(error) !== 409) throw error;
  }
}

/** Endpoints of Services with a selector: the ready pods behind them. */
export function createEndpoints(kube: Kube): Reconciler {
  const matches = (service: ServiceObject, pod: PodObject): boolean =>
    Object.entries(service.spec?.selector ?? { '': '' }).every(
      ([name, value]) => pod.metadata.labels?.[name] === value,
    );
  return {
    name: 'endpoints-controller',
    watches: [
      { kind: SERVICE },
      {
        kind: POD,
        map: (pod) =>
          kube
            .list(SERVICE, pod.metadata.namespace ?? '')
            .filter((service) => matches(service, pod as PodObject))
            .map(keyOf),
      },
    ],
    reconcile: (key) => {
      const service = kube.get(SERVICE, key.namespace, key.name);
      if (service?.spec?.selector === undefined || Object.keys(service.spec.selector).length === 0) return undefined;
      const ready = kube.list(POD, key.namespace, undefined, (pod) => matches(service, pod) && isReadyPod(pod));
      const addresses = ready.map((pod) => ({
        ip: pod.status?.podIP ?? '',
        nodeName: pod.spec?.nodeName,
        targetRef: { kind: 'Pod', ...keyOf(pod) },
      }));
      const ports = (service.spec.ports ?? []).map((port) => ({
        ...(port.name === undefined ? {} : { name: port.name }),
        port: port.port,
        protocol: port.protocol ?? 'TCP',
      }));
      const subsets = addresses.length === 0 ? [] : [{ addresses, ports }];
      const existing = kube.get(ENDPOINTS, key.namespace, key.name);
      if (existing === undefined) kube.create({ apiVersion: 'v1', kind: 'Endpoints', metadata: { ...key }, subsets });
      else kube.patch(existing, { subsets });
      return undefined;
    },
  };
}
