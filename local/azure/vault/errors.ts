import { jsonReply } from '../gateway/exchange.ts';
import type { AzureReply, Principal } from '../service.ts';

/** A refusal of the vault, in the service's JSON form. */
export class VaultError extends Error {
  readonly status: number;
  readonly code: string;
  readonly inner: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  constructor(
    status: number,
    code: string,
    message: string,
    more: { readonly inner?: string; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.inner = more.inner;
    this.headers = more.headers ?? {};
  }

  toReply(): AzureReply {
    const inner = this.inner === undefined ? {} : { innererror: { code: this.inner } };
    return jsonReply(this.status, { error: { code: this.code, message: this.message, ...inner } }, this.headers);
  }
}

/** 401 with the challenge that names tenant and audience (azure-recordings/README.md, Key Vault data plane). */
export function unauthorized(tenantId: string, message: string): VaultError {
  const challenge = `Bearer authorization="https://login.microsoftonline.com/${tenantId}", resource="https://vault.azure.net"`;
  return new VaultError(401, 'Unauthorized', message, { headers: { 'www-authenticate': challenge } });
}

/** 403 of the RBAC permission model. */
export function forbidden(
  principal: Principal,
  action: string,
  vault: string,
  location: string,
  resource: string,
): VaultError {
  const lines = [
    'Caller is not authorized to perform action on resource.',
    'If role assignments, deny assignments or role definitions were changed recently, please observe propagation time.',
    `Caller: appid=${principal.clientId};oid=${principal.objectId};iss=https://sts.windows.net/${principal.tenantId}/`,
    `Action: '${action}'`,
    `Resource: '${resource}'`,
    'Assignment: (not found)',
    'DenyAssignmentId: null',
    'DecisionReason: null',
    `Vault: ${vault};location=${location}`,
  ];
  return new VaultError(403, 'Forbidden', lines.join('\r\n'), { inner: 'ForbiddenByRbac' });
}

export function secretNotFound(name: string): VaultError {
  return new VaultError(
    404,
    'SecretNotFound',
    `A secret with (name/id) ${name} was not found in this key vault. If you recently deleted this secret you may be able to recover it using the correct recovery command.`,
  );
}

export function conflict(
  name: string,
  inner: 'ObjectIsDeletedButRecoverable' | 'ObjectIsBeingDeleted' | 'ObjectIsBeingRecovered',
): VaultError {
  const reasons = {
    ObjectIsDeletedButRecoverable:
      'is currently in a deleted but recoverable state, and its name cannot be reused; in this state, the secret can only be recovered or purged.',
    ObjectIsBeingDeleted: 'is currently being deleted and cannot be re-created; retry later.',
    ObjectIsBeingRecovered: 'is currently being recovered; retry later.',
  } as const;
  return new VaultError(409, 'Conflict', `Secret ${name} ${reasons[inner]}`, { inner });
}

export function badParameter(message: string): VaultError {
  return new VaultError(400, 'BadParameter', message);
}
