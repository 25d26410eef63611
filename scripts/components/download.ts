import { createHash } from 'node:crypto';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** No released manifest is anywhere near this. */
const largestBytes = 32 * 1024 * 1024;
const mostRedirects = 5;
const timeoutMs = 120_000;

/** SHA-256 in lower-case hex. */
export function digest(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * Fetches a URL over https, following redirects by hand: every hop must be https and on a host of the list. No
 * credential is ever sent. Throws with the place and the reason.
 */
export async function download(url: string, hosts: readonly string[], fetcher: Fetch): Promise<Buffer> {
  let target = checkTarget(url, url, hosts);
  for (let hop = 0; hop <= mostRedirects; hop += 1) {
    const response = await fetcher(target, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
    if (response.status >= 300 && response.status < 400) {
      await response.body?.cancel();
      const location = response.headers.get('location');
      if (location === null) throw new Error(`${target} answers ${response.status} without a location`);
      target = checkTarget(new URL(location, target).href, url, hosts);
      continue;
    }
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`${target} answers ${response.status}`);
    }
    return readBody(response, target);
  }
  throw new Error(`${url} redirects more than ${mostRedirects} times`);
}

function checkTarget(target: string, origin: string, hosts: readonly string[]): string {
  const { protocol, host } = new URL(target);
  const how = target === origin ? origin : `${origin} redirects to ${protocol}//${host}`;
  if (protocol !== 'https:') throw new Error(`${how}: only https is allowed`);
  if (!hosts.includes(host)) throw new Error(`${how}: the host is not on the list of the pin file`);
  return target;
}

async function readBody(response: Response, target: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > largestBytes) throw new Error(`${target} is larger than ${largestBytes} bytes`);
    chunks.push(chunk);
  }
  if (size === 0) throw new Error(`${target} is empty`);
  return Buffer.concat(chunks);
}
