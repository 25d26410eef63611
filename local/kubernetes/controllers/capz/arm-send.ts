import { request } from 'node:http';

/** One request of a pod to an Azure service, by the service's own name. */
export interface ArmRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Sends a request to the gateway of the simulated Azure. Rejects when the connection breaks or 60 s pass. */
export async function sendRequest(
  gateway: string,
  { method, host, path, headers, body }: ArmRequest,
): Promise<{
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}> {
  const { hostname, port } = new URL(gateway);
  const length = body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) };
  const options = {
    host: hostname,
    port,
    method,
    path,
    headers: { ...headers, Host: host, ...length },
    timeout: 60_000,
  };
  return new Promise((resolve, reject) => {
    const outgoing = request(options, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () =>
        resolve({
          status: incoming.statusCode ?? 0,
          headers: incoming.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`${host} did not answer within 60 s`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
