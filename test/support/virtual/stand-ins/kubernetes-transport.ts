import { X509Certificate } from 'node:crypto';
import type { HttpsTransportOptions } from '../../../../kubernetes/client/https-transport.ts';
import { KubernetesForeignCertificate, KubernetesUnreachable, type Transport } from '#kubernetes/client/transport.ts';
import { wire } from '../wire.ts';

/**
 * Stands in for `kubernetes/client/https-transport.ts`: finds the API server behind the public name as the load
 * balancer does, and checks its certificate against the only authority that is trusted.
 */
export function createHttpsTransport(options: HttpsTransportOptions): Transport {
  const { host, certificateAuthority, client } = options;
  return {
    async send(request) {
      const port = wire.resolve(host, options.port ?? 6443);
      const endpoint = port === undefined ? undefined : wire.endpoints.get(port);
      if (endpoint === undefined) throw new KubernetesUnreachable(`${host} does not answer: EPROXY`, 'EPROXY');
      if (!trusts(certificateAuthority, endpoint.certificate, host)) {
        const code = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
        throw new KubernetesForeignCertificate(
          `${host} presents a certificate that the cluster's authority did not sign: ${code}`,
          code,
        );
      }
      const response = await endpoint.send(request, client?.certificate);
      if (response === undefined) throw new KubernetesUnreachable(`${host} does not answer: ECONNRESET`, 'ECONNRESET');
      return response;
    },
    close() {},
  };
}

const checked = new Map<string, boolean>();

function trusts(authority: string, certificate: string, host: string): boolean {
  const key = `${authority}${certificate}${host}`;
  let answer = checked.get(key);
  if (answer === undefined) {
    const leaf = new X509Certificate(certificate);
    answer = leaf.verify(new X509Certificate(authority).publicKey) && leaf.checkHost(host) !== undefined;
    checked.set(key, answer);
  }
  return answer;
}
