import type { TLSSocket } from 'node:tls';
import type { Core } from '../core.ts';
import { ANONYMOUS, type UserInfo } from '../authorize.ts';
import { unauthorized } from '../errors.ts';
import { asString, at } from '../json.ts';

/**
 * Who a connection or a request is: client certificate of the cluster CA (common name is the user, organizations are
 * the groups), a bootstrap token (Kubernetes documentation, "Authenticating"), or anonymous. Throws 401 for a
 * certificate of another CA and for an unknown token.
 */
export function authenticate(core: Core, socket: TLSSocket, authorization: string | undefined): UserInfo {
  let peer = peers.get(socket);
  if (peer === undefined) {
    peer = peerOf(socket);
    peers.set(socket, peer);
  }
  if (peer === 'stranger') throw unauthorized();
  if (peer !== 'none') return peer;
  if (authorization === undefined) return ANONYMOUS;
  const token = /^Bearer ([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(authorization);
  if (token === null) throw unauthorized();
  const [, id = '', secret = ''] = token;
  return bootstrapUser(core, id, secret);
}

/** A connection shows its certificate once, at its beginning; decoding it for every request would cost more than the rest. */
const peers = new WeakMap<TLSSocket, UserInfo | 'none' | 'stranger'>();

function peerOf(socket: TLSSocket): UserInfo | 'none' | 'stranger' {
  const certificate = socket.getPeerCertificate();
  if (Object.keys(certificate).length === 0) return 'none';
  if (!socket.authorized) return 'stranger';
  const { CN: name, O: organizations } = certificate.subject as { CN?: string | string[]; O?: string | string[] };
  const groups = organizations === undefined ? [] : [organizations].flat();
  return { name: [name ?? ''].flat()[0] ?? '', groups: [...groups, 'system:authenticated'] };
}

function bootstrapUser(core: Core, id: string, secret: string): UserInfo {
  const stored = core.store.get('/secrets', 'kube-system', `bootstrap-token-${id}`);
  const field = (name: string): string => Buffer.from(asString(at(stored, 'data', name)) ?? '', 'base64').toString();
  const expiration = field('expiration');
  const isExpired = expiration !== '' && Date.parse(expiration) <= core.now();
  const usable =
    stored?.['type'] === 'bootstrap.kubernetes.io/token' && field('usage-bootstrap-authentication') === 'true';
  if (!usable || isExpired || field('token-secret') !== secret) throw unauthorized();
  const extra = field('auth-extra-groups')
    .split(',')
    .filter((group) => group !== '');
  return { name: `system:bootstrap:${id}`, groups: ['system:bootstrappers', ...extra, 'system:authenticated'] };
}
