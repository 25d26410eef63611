import { parse } from 'yaml';
import { Secret } from '#domain/secret.ts';
import { createKubernetesClient, type KubernetesClient } from '#kubernetes/client/client.ts';
import { createHttpsTransport } from '#kubernetes/client/https-transport.ts';
import type { Stack } from './stack.ts';

interface Kubeconfig {
  readonly clusters: readonly {
    readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string };
  }[];
  readonly users: readonly {
    readonly user: { readonly 'client-certificate-data': string; readonly 'client-key-data': string };
  }[];
}

/** A client with the kubeconfig that Capstan hands out: what somebody with kubectl can do. Works while the app is away. */
export async function clusterClient(stack: Stack, name: string): Promise<KubernetesClient> {
  const config = parse((await stack.request('GET', `/api/clusters/${name}/kubeconfig`)).text) as Kubeconfig;
  const { server, 'certificate-authority-data': authority } = config.clusters[0]!.cluster;
  const user = config.users[0]!.user;
  const decode = (text: string) => Buffer.from(text, 'base64').toString('utf8');
  return createKubernetesClient(
    createHttpsTransport({
      host: new URL(server).hostname,
      certificateAuthority: decode(authority),
      client: {
        certificate: decode(user['client-certificate-data']),
        key: new Secret(decode(user['client-key-data'])),
      },
      proxyUrl: stack.gatewayUrl,
    }),
  );
}

/** Names a Cluster API object of cluster `demo`. */
export function clusterApi(kind: string, name: string) {
  const versions: Record<string, string> = {
    KubeadmControlPlane: 'controlplane.cluster.x-k8s.io/v1beta2',
    AzureMachineTemplate: 'infrastructure.cluster.x-k8s.io/v1beta1',
    AzureMachine: 'infrastructure.cluster.x-k8s.io/v1beta1',
  };
  return { apiVersion: versions[kind] ?? 'cluster.x-k8s.io/v1beta2', kind, namespace: 'demo', name };
}
