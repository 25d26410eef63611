/** Requests that Kestrel refuses before anybody else looks at them. */
import type { IncomingMessage } from 'node:http';

/** Limits of Kestrel; Node's own are set beyond them. */
const REQUEST_LINE = 8192;
export const HEADER_BYTES = 32_768;
const HEADER_COUNT = 100;

const METHOD = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const PLAIN_LINE = new RegExp(`^${METHOD} [\\x21-\\x7e]+ HTTP/1\\.[01]\\r?\\n`);
/** A request line with something else than the two known versions at its end. */
const OTHER_VERSION = new RegExp(`^${METHOD} [\\x21-\\x7e]+ (?!HTTP/1\\.[01]\\r)[^\\r\\n]+\\r\\n`);

/** Status line for what Node's parser refuses. */
export function refusal({ code, rawPacket }: NodeJS.ErrnoException & { rawPacket?: Buffer }): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return '408 Request Timeout';
  const text = rawPacket?.toString('latin1') ?? '';
  // A method that Node does not know is 404: no function can have one.
  if (code === 'HPE_INVALID_METHOD' && PLAIN_LINE.test(text)) return '404 Not Found';
  return OTHER_VERSION.test(text) ? '505 HTTP Version Not Supported' : '400 Bad Request';
}

const HOST = /^(?!:)(\[[0-9a-f:.]+\]|[A-Za-z0-9!$&'()._~-]*)(:\d+)?$/i;

/** False for a Host header that is none, or another one than a whole address as target has. */
function hasGoodHost(host: string, target: string): boolean {
  const address = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  if (address === undefined) return HOST.test(host);
  const url = URL.canParse(address) ? new URL(address) : undefined;
  return url?.host === host.toLowerCase() || (url?.port === '' && `${url.hostname}:80` === host.toLowerCase());
}

/** Status for a request that Kestrel refuses: without a name or with two, in an odd form, or beyond its limits. */
export function refusedStatus(request: IncomingMessage): number | undefined {
  const { url = '', method = '', headers, rawHeaders, httpVersion } = request;
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return httpVersion === '0.9' ? 400 : 505;
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
  if (hosts > 1 || (hosts === 0 && httpVersion === '1.1')) return 400;
  if (method.length + url.length + ' HTTP/1.1\r\n'.length + 1 > REQUEST_LINE) return 414;
  const bytes = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0);
  if (bytes > HEADER_BYTES || rawHeaders.length / 2 > HEADER_COUNT) return 431;
  if (url === '*' && method !== 'OPTIONS') return 405;
  const hasLength = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined;
  if (httpVersion === '1.0' && !hasLength && (method === 'POST' || method === 'PUT')) return 400;
  return headers.host === undefined || hasGoodHost(headers.host, url) ? undefined : 400;
}
