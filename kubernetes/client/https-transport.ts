import { request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { isIP } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as tlsConnect } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import type { KeyPair } from '#domain/kubeadm/keys.ts';
import { KubernetesForeignCertificate, KubernetesUnreachable } from './transport.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

/** Where the API server is and how it is reached. */
export interface HttpsTransportOptions {
  readonly host: string;
  /** Default 6443. */
  readonly port?: number;
  /** PEM: the only authority that is trusted. */
  readonly certificateAuthority: string;
  /** Client certificate; without one the caller is anonymous. */
  readonly client?: KeyPair;
  /** HTTP proxy that is asked to CONNECT, e.g. http://127.0.0.1:7080. */
  readonly proxyUrl?: string;
  /** Milliseconds without an answer; default 15 s. */
  readonly timeoutMs?: number;
}

/** Upper bound of one answer; larger lists are paged by the client. */
const maxBodyBytes = 32 * 1024 * 1024;

/** HTTPS with the cluster's own authority and a client certificate, optionally through an HTTP CONNECT proxy. */
export function createHttpsTransport(options: HttpsTransportOptions): Transport {
  const port = options.port ?? 6443;
  const timeoutMs = options.timeoutMs ?? 15_000;
  const agent =
    options.proxyUrl === undefined
      ? new Agent({ keepAlive: true, maxSockets: 8 })
      : new TunnelAgent(options.proxyUrl, timeoutMs);
  const tls = {
    ca: options.certificateAuthority,
    ...(isIP(options.host) === 0 ? { servername: options.host } : {}),
    minVersion: 'TLSv1.2' as const,
    ...(options.client === undefined ? {} : { cert: options.client.certificate, key: options.client.key.reveal() }),
  };

  const send = async ({ method, path, contentType, body }: TransportRequest): Promise<TransportResponse> =>
    new Promise<TransportResponse>((resolve, reject) => {
      const headers: Record<string, string | number> = { accept: 'application/json', 'user-agent': 'capstan' };
      if (body !== undefined) {
        headers['content-type'] = contentType ?? 'application/json';
        headers['content-length'] = Buffer.byteLength(body);
      }
      const outgoing = httpsRequest(
        { ...tls, host: options.host, port, method, path, headers, agent, timeout: timeoutMs },
        (incoming) => {
          const chunks: Buffer[] = [];
          let size = 0;
          incoming.on('data', (chunk: Buffer) => {
            size += chunk.length;
            if (size > maxBodyBytes) {
              outgoing.destroy(
                new KubernetesUnreachable(
                  `the answer of ${options.host} is larger than ${maxBodyBytes} bytes`,
                  'EMSGSIZE',
                ),
              );
            }
            chunks.push(chunk);
          });
          incoming.on('error', (error) => reject(transportError(error, options.host)));
          incoming.on('end', () => {
            const retryAfter = Number(incoming.headers['retry-after']);
            resolve({
              status: incoming.statusCode ?? 0,
              contentType: incoming.headers['content-type'] ?? '',
              ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
              body: Buffer.concat(chunks).toString('utf8'),
            });
          });
        },
      );
      outgoing.on('timeout', () =>
        outgoing.destroy(
          new KubernetesUnreachable(`no answer from ${options.host} within ${timeoutMs} ms`, 'ETIMEDOUT'),
        ),
      );
      outgoing.on('error', (error) => reject(transportError(error, options.host)));
      outgoing.end(body);
    });

  return { send, close: () => agent.destroy() };
}

/** Opens each TLS connection inside a CONNECT tunnel; keeps connections alive like any other agent. */
class TunnelAgent extends Agent {
  readonly #proxy: URL;
  readonly #timeoutMs: number;

  constructor(proxyUrl: string, timeoutMs: number) {
    super({ keepAlive: true, maxSockets: 8 });
    this.#proxy = new URL(proxyUrl);
    this.#timeoutMs = timeoutMs;
  }

  override createConnection(
    options: Parameters<Agent['createConnection']>[0] & {
      host?: string | null;
      port?: string | number | null;
      servername?: string;
    },
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    const target = `${options.host ?? ''}:${options.port ?? 6443}`;
    const fail = (error: Error) => (callback as ((error: Error) => void) | undefined)?.(error);
    const connect = httpRequest({
      host: this.#proxy.hostname,
      port: this.#proxy.port === '' ? 80 : Number(this.#proxy.port),
      method: 'CONNECT',
      path: target,
      headers: { host: target },
      timeout: this.#timeoutMs,
      agent: false,
    });
    connect.on('connect', (response, socket: Socket) => {
      if (response.statusCode !== 200) {
        socket.destroy();
        fail(
          new KubernetesUnreachable(
            `the proxy ${this.#proxy.host} refused CONNECT ${target} with ${response.statusCode ?? 0}`,
            'EPROXY',
          ),
        );
        return;
      }
      const { ca, cert, key, servername, minVersion } = options as ConnectionOptions;
      const secure = tlsConnect({
        ca,
        cert,
        key,
        minVersion,
        servername: servername ?? options.host ?? '',
        socket,
      } as ConnectionOptions);
      secure.once('error', fail);
      secure.once('secureConnect', () => {
        secure.off('error', fail);
        callback?.(null, secure);
      });
    });
    connect.on('timeout', () =>
      connect.destroy(new KubernetesUnreachable(`the proxy ${this.#proxy.host} did not answer`, 'ETIMEDOUT')),
    );
    connect.on('error', fail);
    connect.end();
    return undefined;
  }
}

const certificateCodes = new Set([
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_SIGNATURE_FAILURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

function transportError(error: Error, host: string): Error {
  if (error instanceof KubernetesUnreachable) {
    return error;
  }
  const code = (error as NodeJS.ErrnoException).code ?? 'UNKNOWN';
  return certificateCodes.has(code)
    ? new KubernetesForeignCertificate(
        `${host} presents a certificate that the cluster's authority did not sign: ${code}`,
        code,
      )
    : new KubernetesUnreachable(`${host} does not answer: ${code}`, code);
}
