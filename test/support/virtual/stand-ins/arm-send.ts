import type { ArmRequest } from '#local/kubernetes/controllers/capz/arm-send.ts';
import { bytesOf, sendToAzure, socketError } from '../wire.ts';

/** Stands in for `local/kubernetes/controllers/capz/arm-send.ts`: the simulated controllers' calls without a socket. */
export async function sendRequest(
  gateway: string,
  { method, host, path, headers, body }: ArmRequest,
): Promise<{ status: number; headers: Readonly<Record<string, string>>; text: string }> {
  const lower = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
  const reply = await sendToAzure(method, new URL(path, gateway), lower, Buffer.from(body ?? ''), host);
  if (reply.reset === 'truncate-body') throw socketError('aborted', 'ECONNRESET');
  return { status: reply.status, headers: reply.headers, text: (await bytesOf(reply)).toString() };
}
