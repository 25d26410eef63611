import type { TokenIssuer } from '../identity/tokens.ts';
import type { AzureDirectory, AzureRequest, StorageAccountView } from '../service.ts';
import { StorageError } from './errors.ts';
import type { OperationName, OperationNeeds, Target } from './operations.ts';
import type { PublicAccess } from './records.ts';
import { verifySas } from './sas.ts';
import { verifySharedKey } from './shared-key.ts';

/** Who made a storage request, after all checks. */
export interface StorageCaller {
  readonly kind: 'key' | 'account' | 'service' | 'user-delegation' | 'bearer' | 'anonymous';
  readonly objectId: string | undefined;
  readonly tenantId: string | undefined;
  /** False when the credential may create but not replace a blob (SAS with `c` and without `w`). */
  readonly mayOverwrite: boolean;
  /** Response headers that a SAS overrides. */
  readonly responseHeaders: Readonly<Record<string, string>>;
}

export interface AuthorizeOptions {
  readonly directory: AzureDirectory;
  readonly tokens: TokenIssuer;
  readonly delegationSecret: Buffer;
  readonly tenantId: string;
  readonly now: number;
  readonly operation: OperationName;
  /** Public access of the addressed container, undefined when it does not exist. */
  readonly publicAccess: PublicAccess | undefined;
}

function challenge(tenantId: string): Readonly<Record<string, string>> {
  return {
    'www-authenticate': `Bearer authorization_uri=https://login.microsoftonline.com/${tenantId}/oauth2/authorize resource_id=https://storage.azure.com`,
  };
}

function scopeOf(account: StorageAccountView, target: Target): string {
  return target.container === undefined
    ? account.id
    : `${account.id}/blobServices/default/containers/${target.container}`;
}

function checkRole(
  objectId: string,
  needs: OperationNeeds,
  account: StorageAccountView,
  target: Target,
  directory: AzureDirectory,
): void {
  if (!directory.allowsDataAction(objectId, needs.dataAction, scopeOf(account, target))) {
    throw new StorageError('AuthorizationPermissionMismatch');
  }
}

function withBearer(
  request: AzureRequest,
  needs: OperationNeeds,
  account: StorageAccountView,
  target: Target,
  options: AuthorizeOptions,
): StorageCaller {
  const audiences = ['https://storage.azure.com', 'https://storage.azure.com/'];
  const own = `https://${account.name}.blob.core.windows.net`;
  const check = options.tokens.verifyBearer(request.headers['authorization'], [...audiences, own, `${own}/`]);
  if ('refusal' in check) {
    throw new StorageError('InvalidAuthenticationInfo', {
      authenticationDetail: check.refusal === 'audience' ? `Audience validation failed. ${check.detail}` : check.detail,
      headers: challenge(options.tenantId),
    });
  }
  checkRole(check.principal.objectId, needs, account, target, options.directory);
  const { objectId, tenantId } = check.principal;
  return { kind: 'bearer', objectId, tenantId, mayOverwrite: true, responseHeaders: {} };
}

function withSas(
  request: AzureRequest,
  needs: OperationNeeds,
  account: StorageAccountView,
  target: Target,
  options: AuthorizeOptions,
): StorageCaller {
  const sasTarget = { container: target.container, blob: target.blob, snapshot: target.snapshot };
  const grant = verifySas(request.query, sasTarget, account, {
    now: options.now,
    delegationSecret: options.delegationSecret,
  });
  if (grant.resourceTypes === undefined) {
    if (!needs.serviceSas) throw new StorageError('AuthorizationFailure');
    if (needs.level === 'c' && grant.resource !== 'c') throw new StorageError('AuthorizationFailure');
  } else if (!grant.resourceTypes.includes(needs.level)) {
    throw new StorageError('AuthorizationResourceTypeMismatch');
  }
  if (!needs.permissions.split('').some((letter) => grant.permissions.includes(letter))) {
    throw new StorageError('AuthorizationPermissionMismatch');
  }
  if (grant.delegatorObjectId !== undefined) {
    checkRole(grant.delegatorObjectId, needs, account, target, options.directory);
  }
  return {
    kind: grant.kind,
    objectId: grant.delegatorObjectId,
    tenantId: undefined,
    mayOverwrite: grant.permissions.includes('w'),
    responseHeaders: grant.responseHeaders,
  };
}

function anonymous(needs: OperationNeeds, account: StorageAccountView, options: AuthorizeOptions): StorageCaller {
  if (needs.anonymous === undefined) {
    throw new StorageError('NoAuthenticationInformation', { headers: challenge(options.tenantId) });
  }
  if (!account.allowBlobPublicAccess) throw new StorageError('PublicAccessNotPermitted');
  const level = options.publicAccess ?? 'None';
  const allowed = level === 'Container' || (level === 'Blob' && needs.anonymous === 'Blob');
  if (!allowed) throw new StorageError('ResourceNotFound');
  return { kind: 'anonymous', objectId: undefined, tenantId: undefined, mayOverwrite: false, responseHeaders: {} };
}

/**
 * Decides whether a request may do an operation, and refuses as the real service does: network rules first, then the
 * kind of credential, then the credential itself, then what it allows.
 *
 * @throws StorageError
 */
export function authorize(
  request: AzureRequest,
  needs: OperationNeeds,
  account: StorageAccountView,
  target: Target,
  options: AuthorizeOptions,
): StorageCaller {
  const onPages = ['Page', 'Properties', 'getBlob'].some((part) => options.operation.includes(part));
  if (account.isDisk === true && !onPages) {
    throw new StorageError('NotImplemented', { message: 'The storage of a disk takes page writes and reads only.' });
  }
  if (!account.callerReaches) throw new StorageError('AuthorizationFailure');
  const header = request.headers['authorization'];
  if (header === undefined) {
    return request.query.has('sig')
      ? withSas(request, needs, account, target, options)
      : anonymous(needs, account, options);
  }
  if (/^Bearer /i.test(header)) return withBearer(request, needs, account, target, options);
  if (!account.allowSharedKeyAccess) throw new StorageError('KeyBasedAuthenticationNotPermitted');
  if (needs.permissions === '') {
    // Only Entra ID may ask for a delegation key (REST reference, "Get User Delegation Key").
    throw new StorageError('AuthenticationFailed', {
      authenticationDetail: 'Only authentication scheme Bearer is supported.',
    });
  }
  if (header.startsWith('SharedKeyLite ')) {
    throw new StorageError('NotImplemented', { message: 'The simulated storage does not model Shared Key Lite.' });
  }
  const check = verifySharedKey(header, account.name, account.keys, request);
  if (!check.ok) throw new StorageError('AuthenticationFailed', { authenticationDetail: check.detail });
  return { kind: 'key', objectId: undefined, tenantId: undefined, mayOverwrite: true, responseHeaders: {} };
}
