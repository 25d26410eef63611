import { X509Certificate } from 'node:crypto';
import type { LiveDocuments } from '#domain/check/compare.ts';
import type { CertificateView, Finding } from '#domain/check/types.ts';
import { apiVersions, namespaceOf, wellKnown } from '#domain/cluster-api/names.ts';
import { numberField, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { KubernetesClient } from '../client/client.ts';

const kinds = [
  [apiVersions.core, 'Cluster'],
  [apiVersions.core, 'MachineDeployment'],
  [apiVersions.core, 'MachineHealthCheck'],
  [apiVersions.core, 'Machine'],
  [apiVersions.controlPlane, 'KubeadmControlPlane'],
  [apiVersions.bootstrap, 'KubeadmConfigTemplate'],
  [apiVersions.infrastructure, 'AzureCluster'],
  [apiVersions.infrastructure, 'AzureMachine'],
  [apiVersions.infrastructure, 'AzureMachineTemplate'],
] as const;

/** Reads the cluster's own documents: one list per kind. Rejects when the API server does not answer. */
export async function readLiveDocuments(client: KubernetesClient, plan: ClusterPlan): Promise<LiveDocuments> {
  const lists: [string, readonly KubernetesObject[]][] = [];
  for (const [apiVersion, kind] of kinds) {
    const found = await client.list({ apiVersion, kind, namespace: namespaceOf(plan) });
    // Items of a list carry no kind of their own.
    lists.push([kind, found.map((object) => ({ ...object, apiVersion, kind }))]);
  }
  return Object.fromEntries(lists);
}

/** Namespaces of the controllers that keep the cluster alive. */
const controllerNamespaces = [
  'cert-manager',
  'capi-system',
  'capi-kubeadm-bootstrap-system',
  'capi-kubeadm-control-plane-system',
  'capz-system',
];

/** Controllers that do not run. */
export async function readControllers(client: KubernetesClient): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const namespace of controllerNamespaces) {
    const deployments = await client.list({ apiVersion: 'apps/v1', kind: 'Deployment', namespace });
    if (deployments.length === 0) findings.push(down(namespace, 'there is no Deployment'));
    for (const deployment of deployments) {
      const wanted = numberField(deployment, 'spec', 'replicas') ?? 1;
      const ready = numberField(deployment, 'status', 'readyReplicas') ?? 0;
      if (wanted === 0) findings.push(down(`${namespace}/${deployment.metadata.name}`, 'it was scaled to 0'));
      else if (ready === 0) findings.push(down(`${namespace}/${deployment.metadata.name}`, 'no replica is ready'));
    }
  }
  return findings;
}

function down(name: string, why: string): Finding {
  return {
    kind: 'down',
    where: `controller ${name}`,
    sentence: `controller ${name} does not run: ${why}`,
    repairable: false,
  };
}

/** Certificates as the cluster shows them: its control-plane machines', and the one of the controllers' kubeconfig. */
export async function readCertificates(
  client: KubernetesClient,
  plan: ClusterPlan,
  live: LiveDocuments,
): Promise<readonly CertificateView[]> {
  const machines = (live['Machine'] ?? []).flatMap((machine): CertificateView[] => {
    const expiresAt = textField(machine, 'status', 'certificatesExpiryDate');
    return expiresAt === undefined || machine.metadata.labels?.[wellKnown.controlPlane] === undefined
      ? []
      : [{ name: `certificates of machine ${machine.metadata.name}`, expiresAt, authority: false }];
  });
  const secret = await client.get({
    apiVersion: 'v1',
    kind: 'Secret',
    namespace: namespaceOf(plan),
    name: `${plan.name}-kubeconfig`,
  });
  const kubeconfig = Buffer.from(textField(secret, 'data', 'value') ?? '', 'base64').toString('utf8');
  const pem = /client-certificate-data:\s*"?([A-Za-z0-9+/=]+)/.exec(kubeconfig)?.[1];
  const own =
    pem === undefined
      ? []
      : [certificateView(`kubeconfig of the controllers`, Buffer.from(pem, 'base64').toString('utf8'), false)];
  return [...machines, ...own];
}

/** Name and end of a PEM certificate. */
export function certificateView(name: string, pem: string, authority: boolean): CertificateView {
  return { name, expiresAt: new Date(new X509Certificate(pem).validTo).toISOString(), authority };
}
