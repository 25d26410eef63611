import { createHmac } from 'node:crypto';
import type { StorageAccountView } from '../service.ts';
import { StorageError } from './errors.ts';
import { sameSignature, signText } from './shared-key.ts';

/** What a valid shared access signature allows. */
export interface SasGrant {
  readonly kind: 'account' | 'service' | 'user-delegation';
  readonly permissions: string;
  /** Account SAS: letters of `srt`. */
  readonly resourceTypes: string | undefined;
  /** Service SAS: `c`, `b` or `bs`. */
  readonly resource: string | undefined;
  /** Object id whose delegation key signed it. */
  readonly delegatorObjectId: string | undefined;
  /** Response headers that the SAS overrides. */
  readonly responseHeaders: Readonly<Record<string, string>>;
}

export interface SasTarget {
  readonly container: string | undefined;
  readonly blob: string | undefined;
  readonly snapshot: string;
}

/** The fields of a user delegation key that are signed with it. */
export interface DelegationKeyFields {
  readonly skoid: string;
  readonly sktid: string;
  readonly skt: string;
  readonly ske: string;
  readonly sks: string;
  readonly skv: string;
}

/**
 * Value of a user delegation key (Base64). Keys are not stored: the value follows from the fields and a secret of the
 * simulator, so a key stays good over a restart.
 */
export function delegationKeyValue(secret: Buffer, account: string, fields: DelegationKeyFields): string {
  const text = [account, fields.skoid, fields.sktid, fields.skt, fields.ske, fields.sks, fields.skv].join('\n');
  return createHmac('sha256', secret).update(text).digest('base64');
}

function canonicalName(account: string, query: URLSearchParams, target: SasTarget): string {
  const container = `/blob/${account}/${target.container ?? ''}`;
  return query.get('sr') === 'c' ? container : `${container}/${target.blob ?? ''}`;
}

const overrides = ['rscc', 'rscd', 'rsce', 'rscl', 'rsct'] as const;
const overridden = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-type'];

function accountString(account: string, q: (name: string) => string): string {
  const version = q('sv');
  const fields = [account, q('sp'), q('ss'), q('srt'), q('st'), q('se'), q('sip'), q('spr'), version];
  return [...fields, ...(version >= '2020-12-06' ? [q('ses')] : []), ''].join('\n');
}

function serviceString(name: string, snapshot: string, q: (name: string) => string): string {
  const version = q('sv');
  const fields = [q('sp'), q('st'), q('se'), name, q('si'), q('sip'), q('spr'), version, q('sr'), snapshot];
  return [...fields, ...(version >= '2020-12-06' ? [q('ses')] : []), ...overrides.map(q)].join('\n');
}

function delegationString(name: string, snapshot: string, q: (name: string) => string): string {
  const version = q('sv');
  const agents = version >= '2020-02-10' ? [q('saoid'), q('suoid'), q('scid')] : [];
  const delegatedUser = version >= '2025-07-05' ? [q('skdutid'), q('sduoid')] : [];
  const key = [q('skoid'), q('sktid'), q('skt'), q('ske'), q('sks'), q('skv')];
  const resource = [q('sip'), q('spr'), version, q('sr'), snapshot];
  const scope = version >= '2020-12-06' ? [q('ses')] : [];
  const signedRequest = version >= '2026-04-06' ? ['', ''] : [];
  const head = [q('sp'), q('st'), q('se'), name, ...key, ...agents, ...delegatedUser];
  return [...head, ...resource, ...scope, ...signedRequest, ...overrides.map(q)].join('\n');
}

function wrongSignature(text: string): StorageError {
  return new StorageError('AuthenticationFailed', {
    authenticationDetail: `Signature did not match. String to sign used was ${text}`,
  });
}

function malformed(detail: string): StorageError {
  return new StorageError('AuthenticationFailed', { authenticationDetail: detail });
}

function checkTimes(query: URLSearchParams, now: number): void {
  const start = query.get('st');
  const expiry = query.get('se');
  const from = start === null ? 0 : Date.parse(start);
  const to = expiry === null ? Number.NaN : Date.parse(expiry);
  if (Number.isNaN(to) || Number.isNaN(from)) throw malformed('se or st is missing or not a valid time.');
  if (now >= from && now < to) return;
  const show = (at: number): string => new Date(at).toUTCString();
  const begin = start === null ? '' : `Start [${show(from)}] - `;
  throw malformed(
    `Signature not valid in the specified time frame: ${begin}Expiry [${show(to)}] - Current [${show(now)}]`,
  );
}

/** Seconds of a policy period `d.hh:mm:ss`. */
function periodSeconds(period: string): number {
  const match = /^(\d+)\.(\d{2}):(\d{2}):(\d{2})$/.exec(period);
  if (match === null) throw new Error(`Not a SAS expiration period: ${period}`);
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map(Number);
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

function checkPolicy(query: URLSearchParams, account: StorageAccountView): void {
  if (account.sasExpirationAction !== 'Block' || account.sasExpirationPeriod === undefined) return;
  const start = query.get('st');
  const expiry = query.get('se');
  const length = start === null || expiry === null ? Number.NaN : (Date.parse(expiry) - Date.parse(start)) / 1000;
  if (length <= periodSeconds(account.sasExpirationPeriod)) return;
  throw malformed(
    `The signed period is longer than the SAS expiration policy of the account allows (${account.sasExpirationPeriod}), or has no start.`,
  );
}

function checkDelegationKey(query: URLSearchParams, now: number): void {
  const from = Date.parse(query.get('skt') ?? '');
  const to = Date.parse(query.get('ske') ?? '');
  if (!(now >= from && now < to)) throw malformed('The user delegation key is not valid at this time.');
  if (Date.parse(query.get('se') ?? '') > to) throw malformed('The signature outlives its user delegation key.');
}

function loopbackAllowed(range: string): boolean {
  const [from = '', to = from] = range.split('-');
  return from <= '127.0.0.1' && '127.0.0.1' <= to;
}

/**
 * Verifies the shared access signature of a request: signature, times, policy, protocol and source address. Permissions
 * are the caller's to compare. (REST reference: "Create an account SAS", "Create a service SAS", "Create a user
 * delegation SAS"; refusals as in the storage table of the behaviour notes.)
 *
 * @throws StorageError when the signature does not hold
 */
export function verifySas(
  query: URLSearchParams,
  target: SasTarget,
  account: StorageAccountView,
  options: { readonly now: number; readonly delegationSecret: Buffer; readonly service?: 'b' | 'q' | 't' },
): SasGrant {
  const q = (name: string): string => query.get(name) ?? '';
  const signature = q('sig');
  if (!/^\d{4}-\d{2}-\d{2}$/.test(q('sv'))) throw malformed('sv is missing or not a version.');
  if (q('si') !== '' || q('srh') !== '' || q('srq') !== '' || q('sr') === 'd') {
    throw new StorageError('NotImplemented', {
      message: 'The simulated storage does not model SAS with stored access policies, signed headers or directories.',
    });
  }
  const kind = query.has('skoid') ? 'user-delegation' : query.has('ss') ? 'account' : 'service';
  if (kind !== 'user-delegation' && !account.allowSharedKeyAccess) {
    throw new StorageError('KeyBasedAuthenticationNotPermitted');
  }
  const name = canonicalName(account.name, query, target);
  const snapshot = q('sr') === 'bs' ? target.snapshot : '';
  let text: string;
  let keys = account.keys;
  if (kind === 'account') {
    text = accountString(account.name, q);
  } else if (kind === 'service') {
    text = serviceString(name, snapshot, q);
  } else {
    text = delegationString(name, snapshot, q);
    const fields = { skoid: q('skoid'), sktid: q('sktid'), skt: q('skt'), ske: q('ske'), sks: q('sks'), skv: q('skv') };
    keys = [delegationKeyValue(options.delegationSecret, account.name, fields)];
  }
  checkTimes(query, options.now);
  if (!keys.some((key) => sameSignature(signText(key, text), signature))) throw wrongSignature(text);
  if (kind === 'user-delegation') checkDelegationKey(query, options.now);
  checkPolicy(query, account);
  // Callers reach the front under production https names, so every request counts as https; it comes from this machine.
  if (q('spr') !== '' && !q('spr').split(',').includes('https'))
    throw new StorageError('AuthorizationProtocolMismatch');
  if (q('sip') !== '' && !loopbackAllowed(q('sip'))) throw new StorageError('AuthorizationSourceIPMismatch');
  if (kind === 'account' && !q('ss').includes(options.service ?? 'b'))
    throw new StorageError('AuthorizationServiceMismatch');
  const responseHeaders: Record<string, string> = {};
  for (const [index, parameter] of overrides.entries()) {
    if (query.has(parameter)) responseHeaders[overridden[index] ?? ''] = q(parameter);
  }
  return {
    kind,
    permissions: q('sp'),
    resourceTypes: kind === 'account' ? q('srt') : undefined,
    resource: kind === 'account' ? undefined : q('sr'),
    delegatorObjectId: kind === 'user-delegation' ? q('skoid') : undefined,
    responseHeaders,
  };
}

/** Query of a service SAS for one blob, as the owner of a key would sign it. Times are milliseconds since the epoch. */
export function signedBlobQuery(
  target: { readonly account: string; readonly container: string; readonly blob: string },
  key: string,
  grant: { readonly permissions: string; readonly from: number; readonly to: number },
): string {
  const time = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;
  const query = new URLSearchParams({
    sv: '2021-12-02',
    sr: 'b',
    sp: grant.permissions,
    st: time(grant.from),
    se: time(grant.to),
  });
  const text = serviceString(
    canonicalName(target.account, query, { ...target, snapshot: '' }),
    '',
    (name) => query.get(name) ?? '',
  );
  query.set('sig', signText(key, text));
  return query.toString();
}
