import { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { FaultDoors } from '#local/kubernetes/api/faults.ts';
import type { Served } from '#local/kubernetes/api/http/router.ts';
import { answerRequest, type Endpoint, type EndpointTls } from '../../../../local/kubernetes/api/http/server.ts';
import { type ApiEndpoint, wire } from '../wire.ts';

/** Stands in for `local/kubernetes/api/http/server.ts`: an API server that is called instead of connected to. */
export type { Endpoint, EndpointTls } from '../../../../local/kubernetes/api/http/server.ts';

let nextPort = 20_000;

export async function listen(served: Served, faults: FaultDoors, tls: EndpointTls): Promise<Endpoint> {
  const port = nextPort++;
  const authority = new X509Certificate(tls.caCertificate).publicKey;
  const callers = new Map<string, TLSSocket>();
  const callerOf = (certificate: string | undefined): TLSSocket => {
    const known = callers.get(certificate ?? '');
    if (known !== undefined) return known;
    const socket = peer(certificate, (given) => given.verify(authority));
    callers.set(certificate ?? '', socket);
    return socket;
  };
  const endpoint: ApiEndpoint = {
    ...tls,
    async send({ method, path, contentType, body }, clientCertificate) {
      if (faults.down) return undefined;
      const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'capstan' };
      if (body !== undefined) headers['content-type'] = contentType ?? 'application/json';
      const request = { method, url: path, headers, socket: callerOf(clientCertificate), ...pieces(body) };
      const response = new Answer();
      await answerRequest(served, faults, request as unknown as IncomingMessage, response as unknown as ServerResponse);
      if (response.destroyed) return undefined;
      const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
      return {
        status: response.status,
        contentType: response.headers.get('content-type') ?? '',
        ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
        body: response.text,
      };
    },
  };
  wire.endpoints.set(port, endpoint);
  return { port, close: () => void wire.endpoints.delete(port) };
}

function pieces(body: string | undefined): AsyncIterable<Buffer> {
  return {
    async *[Symbol.asyncIterator]() {
      if (body !== undefined) yield Buffer.from(body);
    },
  };
}

/** A connection as the server sees it: who the client certificate says is there. */
function peer(certificate: string | undefined, trusted: (certificate: X509Certificate) => boolean): TLSSocket {
  const parsed = certificate === undefined ? undefined : new X509Certificate(certificate);
  const named = parsed?.toLegacyObject() ?? {};
  return Object.create(TLSSocket.prototype, {
    authorized: {
      get: () => parsed !== undefined && trusted(parsed) && Date.parse(parsed.validTo) > Date.now(),
    },
    getPeerCertificate: { value: () => named },
  }) as TLSSocket;
}

/** The part of a response that the server uses. */
class Answer {
  status = 200;
  text = '';
  destroyed = false;
  headersSent = false;
  readonly headers = new Map<string, string>();

  setHeader(name: string, value: unknown): void {
    this.headers.set(name.toLowerCase(), String(value));
  }
  writeHead(status: number, headers: Readonly<Record<string, unknown>> = {}): void {
    this.status = status;
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value);
    this.headersSent = true;
  }
  write(): void {
    throw new Error('watches need a socket; nothing on virtual time opens one');
  }
  end(text = ''): void {
    this.text = text;
    this.headersSent = true;
  }
  destroy(): void {
    this.destroyed = true;
  }
}
