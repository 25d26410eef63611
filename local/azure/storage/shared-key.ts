import { createHmac, timingSafeEqual } from 'node:crypto';
import type { AzureRequest } from '../service.ts';

/** HMAC-SHA256 of a text under a Base64 key, in Base64: the signature of the storage service. */
export function signText(base64Key: string, text: string): string {
  return createHmac('sha256', Buffer.from(base64Key, 'base64')).update(text, 'utf8').digest('base64');
}

/** Compares two signatures without telling by time where they differ. */
export function sameSignature(a: string, b: string): boolean {
  const left = Buffer.from(a, 'base64');
  const right = Buffer.from(b, 'base64');
  return left.length === right.length && left.length > 0 && timingSafeEqual(left, right);
}

const signedHeaders = [
  'content-encoding',
  'content-language',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
] as const;

function canonicalResource(account: string, request: AzureRequest): string {
  const values = new Map<string, string[]>();
  for (const [name, value] of request.query) {
    const key = name.toLowerCase();
    values.set(key, [...(values.get(key) ?? []), value]);
  }
  const lines = [...values.keys()].sort().map((key) => `\n${key}:${(values.get(key) ?? []).sort().join(',')}`);
  return `/${account}${request.path}${lines.join('')}`;
}

/**
 * The string that a Shared Key signature covers (REST reference, "Authorize with Shared Key", version 2015-02-21 and
 * later: a content length of zero is signed as an empty string).
 */
function stringToSign(account: string, request: AzureRequest): string {
  const value = (name: string): string => {
    const text = request.headers[name] ?? '';
    return name === 'content-length' && text === '0' ? '' : text;
  };
  // The order of names is that of a dictionary, in which '-' and '_' weigh less than letters, not that of code units.
  const names = Object.keys(request.headers).filter((name) => name.startsWith('x-ms-'));
  const sorted = names.sort((a, b) => a.localeCompare(b, 'en'));
  const lines = [request.method, ...signedHeaders.map(value)];
  const headers = sorted.map((name) => `${name}:${(request.headers[name] ?? '').trim()}\n`).join('');
  return `${lines.join('\n')}\n${headers}${canonicalResource(account, request)}`;
}

type Verdict = { readonly ok: true } | { readonly ok: false; readonly detail: string };

/**
 * Checks `Authorization: SharedKey` or `SharedKeyLite` of the table service, which signs less than the others (REST
 * reference, "Authorize with Shared Key", Table service).
 */
export function verifyTableKey(
  header: string,
  account: string,
  keys: readonly string[],
  { method, headers, path, query }: AzureRequest,
): Verdict {
  const match = /^(SharedKey(?:Lite)?) ([a-z0-9]{3,24}):([A-Za-z0-9+/=]+)$/.exec(header);
  const [, scheme, name, signature] = match ?? [];
  if (name !== account || signature === undefined)
    return {
      ok: false,
      detail: 'The Authorization header names another account or is not of the form SharedKey account:signature.',
    };
  const date = headers['x-ms-date'] ?? headers['date'] ?? '';
  const comp = query.get('comp');
  const resource = `/${account}${path}${comp === null ? '' : `?comp=${comp}`}`;
  const whole = [method, headers['content-md5'] ?? '', headers['content-type'] ?? '', date, resource];
  const text = (scheme === 'SharedKey' ? whole : [date, resource]).join('\n');
  if (keys.some((key) => sameSignature(signText(key, text), signature))) return { ok: true };
  return {
    ok: false,
    detail: `The MAC signature found in the HTTP request is not the same as any computed signature. Server used following string to sign: '${text}'.`,
  };
}

/** Checks `Authorization: SharedKey <account>:<signature>` against the keys of the account. */
export function verifySharedKey(
  header: string,
  account: string,
  keys: readonly string[],
  request: AzureRequest,
): Verdict {
  const match = /^SharedKey ([a-z0-9]{3,24}):([A-Za-z0-9+/=]+)$/.exec(header);
  const signature = match?.[2];
  if (match?.[1] !== account || signature === undefined) {
    return {
      ok: false,
      detail: 'The Authorization header names another account or is not of the form SharedKey account:signature.',
    };
  }
  const text = stringToSign(account, request);
  if (keys.some((key) => sameSignature(signText(key, text), signature))) return { ok: true };
  return {
    ok: false,
    detail: `The MAC signature found in the HTTP request '${signature}' is not the same as any computed signature. Server used following string to sign: '${text}'.`,
  };
}
