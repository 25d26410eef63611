/** The request line as Kestrel and ASP.NET Core read it: path, query and the address that a function sees. */

/** A request target, read once. */
export interface Target {
  /** Decoded path with dot segments resolved; `%2F` and broken escapes stay. */
  readonly path: string;
  /** Segments of the path; a trailing slash leaves an empty one at the end. */
  readonly segments: readonly string[];
  /** Keys as they came first, compared without case; repeated values are joined with a comma. */
  readonly query: ReadonlyMap<string, string>;
  /** Path and query of the address that a function sees: the path encoded anew, the query as sent. */
  readonly shown: string;
}

/** A request line that Kestrel answers with 400. */
export class BadTargetError extends Error {
  override readonly name = 'BadTargetError';
}

const ESCAPES = /(?:%[0-9a-f]{2})+/gi;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes of the UTF-8 character that begins here, by its first byte. */
function lengthOf(first: number): number {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  return first >= 0xf0 && first < 0xf5 ? 4 : 0;
}

/** Decodes escapes character by character: those that are no UTF-8 stay as they were sent. */
function unescapeText(text: string, keepSlash: boolean): string {
  return text.replace(ESCAPES, (run) => {
    const bytes = Buffer.from(run.replaceAll('%', ''), 'hex');
    let result = '';
    for (let at = 0; at < bytes.length; ) {
      const length = lengthOf(bytes[at] ?? 0);
      let decoded: string | undefined;
      try {
        if (length > 0 && at + length <= bytes.length) decoded = utf8.decode(bytes.subarray(at, at + length));
      } catch {
        // Not a character; its first byte stays escaped.
      }
      const isKept = decoded === undefined || (keepSlash && decoded === '/');
      result += isKept ? run.slice(at * 3, at * 3 + 3) : decoded;
      at += isKept ? 1 : length;
    }
    return result;
  });
}

/** Removes `.` and `..` the way RFC 3986 does. */
function withoutDots(path: string): string[] {
  const result: string[] = [];
  const segments = path.slice(1).split('/');
  for (const [index, segment] of segments.entries()) {
    const isDots = segment === '.' || segment === '..';
    if (segment === '..') result.pop();
    if (!isDots) result.push(segment);
    else if (index === segments.length - 1) result.push('');
  }
  return result;
}

/** Encodes a path for an address; what looks like an escape stays. */
function encodePath(path: string): string {
  return path.replace(/%[0-9a-f]{2}|[^A-Za-z0-9\-._~!$&'()*+,;=:@/]+?/giu, (part) =>
    /^%[0-9a-f]{2}$/i.test(part) ? part : encodeURIComponent(part.isWellFormed() ? part : '\ufffd'),
  );
}

function readQuery(raw: string): Map<string, string> {
  const spelling = new Map<string, string>();
  const values = new Map<string, string>();
  for (const pair of raw.slice(1).split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const decode = (text: string): string => unescapeText(text.replaceAll('+', ' '), false);
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    const key = spelling.get(name.toLowerCase()) ?? name;
    spelling.set(name.toLowerCase(), key);
    const known = values.get(key);
    values.set(key, known === undefined ? value : `${known},${value}`);
  }
  return values;
}

/** Reads a request target: a path, or a whole address as proxies send it. Throws BadTargetError. */
export function readTarget(target: string): Target {
  const absolute = /^https?:\/\/[^/?#]*/i.exec(target)?.[0];
  const local = absolute === undefined ? target : target.slice(absolute.length);
  const at = local.indexOf('?');
  const rawPath = (at < 0 ? local : local.slice(0, at)) || '/';
  const rawQuery = at < 0 ? '' : local.slice(at);
  // oxlint-disable-next-line no-control-regex -- exactly these characters are meant
  if (/%00/.test(rawPath) || /[^\x21-\x7e]/.test(local)) throw new BadTargetError('Invalid request target.');
  const decoded = unescapeText(rawPath, true);
  const segments = rawPath.startsWith('/') ? withoutDots(decoded) : [];
  const path = rawPath.startsWith('/') ? `/${segments.join('/')}` : '';
  const shown = `${encodePath(path)}${rawQuery.replaceAll('#', '%23')}`;
  return { path, segments, query: readQuery(rawQuery), shown };
}
