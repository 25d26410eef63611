import type { IncomingMessage, Server } from 'node:http';
import { connect as connectTcp } from 'node:net';
import type { Duplex } from 'node:stream';
import { type SecureContext, TLSSocket } from 'node:tls';
import { foreignHost, serviceOfHost, splitAuthority } from './names.ts';

export interface ConnectOptions {
  /** Local port that answers for a public load balancer name, or undefined. */
  resolveLoadBalancer(fqdn: string, port: number): number | undefined;
  contextFor(host: string): Promise<SecureContext>;
  /** HTTP server that takes the decrypted connections for Azure's names. */
  readonly inner: Server;
}

function refuse(client: Duplex, status: string, message: string): void {
  const body = `${message}\n`;
  client.end(
    `HTTP/1.1 ${status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

function pipeRaw(client: Duplex, head: Buffer, target: string, port: number): void {
  const upstream = connectTcp({ host: '127.0.0.1', port });
  let established = false;
  upstream.on('connect', () => {
    established = true;
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    if (head.length > 0) upstream.write(head);
    upstream.pipe(client);
    client.pipe(upstream);
  });
  upstream.on('error', () => {
    if (established) client.destroy();
    else refuse(client, '502 Bad Gateway', `The machine behind ${target} does not accept connections right now.`);
  });
  upstream.on('close', () => client.destroy());
  client.on('error', () => upstream.destroy());
  client.on('close', () => upstream.destroy());
}

async function terminateTls(client: Duplex, head: Buffer, host: string, options: ConnectOptions): Promise<void> {
  const secureContext = await options.contextFor(host);
  client.write('HTTP/1.1 200 Connection established\r\n\r\n');
  if (head.length > 0) client.unshift(head);
  const secure = new TLSSocket(client, {
    isServer: true,
    secureContext,
    ALPNProtocols: ['http/1.1'],
  });
  secure.on('error', () => client.destroy());
  options.inner.emit('connection', secure);
}

/**
 * Answers CONNECT. Three targets exist: `<API server name>:6443` is piped to the machine behind that load balancer, an
 * Azure name on port 443 is answered by the simulated service under the local CA, everything else is refused. Nothing
 * is ever forwarded off this machine.
 */
export function handleConnect(request: IncomingMessage, client: Duplex, head: Buffer, options: ConnectOptions): void {
  client.on('error', () => client.destroy());
  const target = request.url ?? '';
  const { host, port } = splitAuthority(target);
  if (port === 443 && serviceOfHost(host) !== undefined) {
    void terminateTls(client, head, host, options).catch(() => client.destroy());
    return;
  }
  if (port !== undefined && (host.endsWith('.cloudapp.azure.com') || host.endsWith('.azmk8s.io'))) {
    const local = options.resolveLoadBalancer(host, port);
    if (local === undefined) {
      refuse(
        client,
        '502 Bad Gateway',
        `Nothing answers behind ${target}: no load balancer rule of that public name leads to a running machine that listens. The machine may still be booting; look at /_simulator/resources and at its serial console.`,
      );
      return;
    }
    pipeRaw(client, head, target, local);
    return;
  }
  const other = port === 443 ? '' : ` Azure's names are answered on port 443.`;
  refuse(client, '403 Forbidden', `${foreignHost(target)}${other}`);
}
