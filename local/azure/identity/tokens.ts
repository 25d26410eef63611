import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IdentityView, Principal } from '../service.ts';

/** Whom and what a token is for. */
interface TokenSubject {
  readonly objectId: string;
  readonly clientId: string;
  readonly tenantId: string;
  /** Value of `aud`, exactly as the caller asked for it: services compare it literally. */
  readonly audience: string;
  /** ARM id of the managed identity, for `xms_mirid`. */
  readonly resourceId?: string;
}

/** The subject of a token that a managed identity gets for a resource. */
export function subjectOf(identity: IdentityView, audience: string): TokenSubject {
  const { principalId: objectId, clientId, tenantId, id: resourceId } = identity;
  return { objectId, clientId, tenantId, audience, resourceId };
}

interface IssuedToken {
  readonly token: string;
  /** Seconds since the epoch. */
  readonly expiresOn: number;
  readonly notBefore: number;
  /** Seconds. */
  readonly expiresIn: number;
}

/** What became of an Authorization header. */
type BearerCheck =
  | { readonly principal: Principal }
  | { readonly refusal: 'missing' | 'malformed' | 'signature' | 'expired' | 'audience'; readonly detail: string };

export interface TokenIssuer {
  issue(subject: TokenSubject, lifetimeSeconds?: number): IssuedToken;
  /** Checks signature, times and audience of `Bearer …`. */
  verifyBearer(header: string | undefined, expectedAudiences: readonly string[]): BearerCheck;
  /** Object id of a header whose token is ours, whatever its audience; for logs. */
  callerOf(header: string | undefined): string | undefined;
  /** The signing key as a JSON Web Key. */
  readonly publicKey: JsonWebKey & { readonly kid: string };
}

interface Claims {
  readonly aud: string;
  readonly iss: string;
  readonly iat: number;
  readonly nbf: number;
  readonly exp: number;
  readonly oid: string;
  readonly tid: string;
  readonly appid: string;
}

const keyId = 'capstan-simulation';

function openKey(directory: string): KeyObject {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, 'signing-key.pem');
  if (!existsSync(file)) {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    writeFileSync(file, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  }
  return createPrivateKey(readFileSync(file));
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** Signature check with a small cache: the same token comes with hundreds of requests. */
function createReader(publicKey: KeyObject): (token: string) => Claims | 'malformed' | 'signature' {
  const cache = new Map<string, Claims>();
  return (token) => {
    const known = cache.get(token);
    if (known !== undefined) return known;
    const [header, payload, signature, more] = token.split('.');
    if (header === undefined || payload === undefined || signature === undefined || more !== undefined)
      return 'malformed';
    const signed = Buffer.from(`${header}.${payload}`);
    if (!verify('RSA-SHA256', signed, publicKey, Buffer.from(signature, 'base64url'))) return 'signature';
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Claims;
    if (cache.size >= 500) cache.clear();
    cache.set(token, claims);
    return claims;
  };
}

function bearerOf(header: string): string | undefined {
  return /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(header)?.[1];
}

/**
 * Issues and checks the access tokens of the simulated Entra ID: JWTs signed with RS256 under a key kept in the state
 * folder, so tokens stay good over a restart.
 */
export function createTokenIssuer(directory: string, now: () => number, newId: () => string): TokenIssuer {
  const privateKey = openKey(directory);
  const publicKey = createPublicKey(privateKey);
  const read = createReader(publicKey);
  return {
    publicKey: { ...publicKey.export({ format: 'jwk' }), kid: keyId },
    issue(subject, lifetimeSeconds = 86_400) {
      const at = Math.floor(now() / 1000);
      const claims = {
        aud: subject.audience,
        iss: `https://sts.windows.net/${subject.tenantId}/`,
        iat: at,
        nbf: at - 300,
        exp: at + lifetimeSeconds,
        appid: subject.clientId,
        oid: subject.objectId,
        sub: subject.objectId,
        tid: subject.tenantId,
        idtyp: 'app',
        uti: newId(),
        ver: '1.0',
        ...(subject.resourceId === undefined ? {} : { xms_mirid: subject.resourceId }),
      };
      const signed = `${encode({ typ: 'JWT', alg: 'RS256', kid: keyId })}.${encode(claims)}`;
      const signature = sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url');
      return {
        token: `${signed}.${signature}`,
        expiresOn: claims.exp,
        notBefore: claims.nbf,
        expiresIn: lifetimeSeconds,
      };
    },
    verifyBearer(header, expectedAudiences) {
      if (header === undefined) return { refusal: 'missing', detail: 'There is no Authorization header.' };
      const token = bearerOf(header);
      if (token === undefined)
        return { refusal: 'malformed', detail: 'The Authorization header is not a bearer token.' };
      const claims = read(token);
      if (claims === 'malformed') return { refusal: 'malformed', detail: 'The token is not a JWT.' };
      if (claims === 'signature') return { refusal: 'signature', detail: 'The token was not signed by this tenant.' };
      const at = now() / 1000;
      if (claims.exp <= at) return { refusal: 'expired', detail: 'Lifetime validation failed. The token is expired.' };
      if (!expectedAudiences.includes(claims.aud)) {
        return { refusal: 'audience', detail: `Expected ${expectedAudiences[0] ?? ''}, found: ${claims.aud}` };
      }
      const { oid, appid, tid, aud, exp } = claims;
      return {
        principal: { objectId: oid, clientId: appid, tenantId: tid, audience: aud, expiresAt: exp * 1000 },
      };
    },
    callerOf(header) {
      const token = header === undefined ? undefined : bearerOf(header);
      const claims = token === undefined ? 'malformed' : read(token);
      return typeof claims === 'string' ? undefined : claims.oid;
    },
  };
}
