import { azureJson } from '../kubeadm/azure-json.ts';
import type { ClusterKeys } from '../kubeadm/keys.ts';
import { relayMarker } from '../kubeadm/relay.ts';
import type { ClusterPlan } from '../plan/types.ts';
import { Secret } from '../secret.ts';
import { clusterLabels } from './cluster.ts';
import {
  azureJsonKeys,
  azureJsonSecretName,
  certificatePurposes,
  clusterSecretType,
  documentNames,
  namespaceOf,
} from './names.ts';
import type { CertificatePurpose } from './names.ts';
import type { KubernetesObject } from './object.ts';

/**
 * The four certificate secrets. The control plane controller generates what is missing, and with it a new
 * certificate authority (cluster-api-pivot.md, R1), so they exist before the Cluster does. `-sa` keeps the public key
 * under `tls.crt`.
 */
export function certificateSecrets(plan: ClusterPlan, keys: ClusterKeys): readonly KubernetesObject[] {
  const pairs: Readonly<Record<CertificatePurpose, { readonly certificate: string; readonly key: Secret }>> = {
    ca: keys.certificateAuthority,
    etcd: keys.etcd,
    proxy: keys.frontProxy,
    sa: { certificate: keys.serviceAccount.publicKey, key: keys.serviceAccount.key },
  };
  return certificatePurposes.map((purpose) =>
    clusterSecret(plan, `${plan.name}-${purpose}`, {
      'tls.crt': pairs[purpose].certificate,
      'tls.key': pairs[purpose].key,
    }),
  );
}

/** `<cluster>-kubeconfig`, through which the controllers reach the cluster they run in. */
export function kubeconfigSecret(plan: ClusterPlan, kubeconfig: Secret): KubernetesObject {
  return clusterSecret(plan, `${plan.name}-kubeconfig`, { value: kubeconfig });
}

/** The same secret where requests go through the relay: the first machine puts its own admin.conf in. */
export function relayedKubeconfigSecret(plan: ClusterPlan): KubernetesObject {
  const secret = clusterSecret(plan, `${plan.name}-kubeconfig`, {});
  return { ...secret, data: { value: relayMarker('/etc/kubernetes/admin.conf') } };
}

/** CP-A's bootstrap data: CAPZ reads it on every reconcile, even though the machine runs (cluster-api-pivot.md §2b). */
export function bootstrapSecret(plan: ClusterPlan, cloudInit: Secret): KubernetesObject {
  return clusterSecret(plan, plan.controlPlane.machineName, { value: cloudInit, format: 'cloud-config' });
}

/**
 * `<template>-azure-json`, which the machines' `/etc/kubernetes/azure.json` comes from. The label
 * `<cluster>: owned` is CAPZ's own: it keeps such a secret up to date. With no identity on the machines, both files
 * are the ones that workers get.
 */
export function azureJsonSecret(
  plan: ClusterPlan,
  identityClientId: string,
  role: 'control-plane' | 'worker',
  template: string,
): KubernetesObject {
  const text = azureJson(plan, identityClientId, role);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: azureJsonSecretName(template),
      namespace: namespaceOf(plan),
      labels: { ...clusterLabels(plan), [plan.name]: 'owned' },
    },
    type: 'Opaque',
    data: Object.fromEntries(Object.values(azureJsonKeys).map((key) => [key, base64(text)])),
  };
}

/** The control plane's azure.json by `<secret>/<key>`, as the cloud-init of CP-A looks it up. */
export function controlPlaneSecretFiles(plan: ClusterPlan, identityClientId: string): Readonly<Record<string, string>> {
  const secret = azureJsonSecretName(documentNames(plan).controlPlaneTemplate);
  return { [`${secret}/${azureJsonKeys.controlPlane}`]: azureJson(plan, identityClientId, 'control-plane') };
}

/** A copy in which every `Secret` is replaced by its value: for the request body only. */
export function revealSecrets<Value>(value: Value): Value {
  if (value instanceof Secret) {
    return value.reveal() as Value;
  }
  if (Array.isArray(value)) {
    return value.map((item: unknown) => revealSecrets(item)) as Value;
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, revealSecrets(item)])) as Value;
  }
  return value;
}

/** A copy for people: every value of a Secret document is `REDACTED`, base64-encoded under `data`. */
export function redactSecrets(document: KubernetesObject): KubernetesObject {
  if (document.kind !== 'Secret' || document.apiVersion !== 'v1') {
    return document;
  }
  const redact = (values: unknown, text: string): Record<string, string> =>
    Object.fromEntries(Object.keys(Object(values)).map((key) => [key, text]));
  return {
    ...document,
    ...(document['data'] === undefined ? {} : { data: redact(document['data'], base64('REDACTED')) }),
    ...(document['stringData'] === undefined ? {} : { stringData: redact(document['stringData'], 'REDACTED') }),
  };
}

function clusterSecret(
  plan: ClusterPlan,
  name: string,
  values: Readonly<Record<string, string | Secret>>,
): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: namespaceOf(plan), labels: clusterLabels(plan) },
    type: clusterSecretType,
    data: Object.fromEntries(
      Object.entries(values).map(([key, value]) => [
        key,
        typeof value === 'string' ? base64(value) : new Secret(base64(value.reveal())),
      ]),
    ),
  };
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
