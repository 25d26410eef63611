import { parse } from 'yaml';
import { z } from 'zod';
import { Secret } from '#domain/secret.ts';
import { type KubernetesClient, createKubernetesClient } from './client.ts';
import { createHttpsTransport } from './https-transport.ts';

/** The part of a kubeconfig with a client certificate that is used. */
const kubeconfigShape = z.object({
  clusters: z
    .array(z.object({ cluster: z.object({ server: z.url(), 'certificate-authority-data': z.string() }) }))
    .min(1),
  users: z
    .array(z.object({ user: z.object({ 'client-certificate-data': z.string(), 'client-key-data': z.string() }) }))
    .min(1),
});

const decode = (text: string): string => Buffer.from(text, 'base64').toString('utf8');

/**
 * Opens a client with a kubeconfig that somebody else made (AKS). No request is made yet; close it after use.
 *
 * @param gatewayUrl HTTP proxy that is asked to CONNECT; absent in Azure
 * @throws Error when the kubeconfig has no client certificate
 */
export function connectByKubeconfig(kubeconfig: Secret, gatewayUrl: string | undefined): KubernetesClient {
  const read = kubeconfigShape.safeParse(parse(kubeconfig.reveal()));
  const cluster = read.data?.clusters[0]?.cluster;
  const user = read.data?.users[0]?.user;
  // The text of the parser's error would quote the file.
  if (cluster === undefined || user === undefined) throw new Error('the kubeconfig has no client certificate');
  const { hostname, port } = new URL(cluster.server);
  return createKubernetesClient(
    createHttpsTransport({
      host: hostname,
      port: port === '' ? 443 : Number(port),
      certificateAuthority: decode(cluster['certificate-authority-data']),
      client: {
        certificate: decode(user['client-certificate-data']),
        key: new Secret(decode(user['client-key-data'])),
      },
      ...(gatewayUrl === undefined ? {} : { proxyUrl: gatewayUrl }),
    }),
  );
}
