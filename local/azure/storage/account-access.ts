import type { TokenIssuer } from '../identity/tokens.ts';
import type { AzureDirectory, AzureRequest, StorageAccountView } from '../service.ts';
import { StorageError } from './errors.ts';
import { verifySas } from './sas.ts';
import { verifySharedKey, verifyTableKey } from './shared-key.ts';

/** What an operation on queues or tables needs of its caller. */
export interface AccessNeeds {
  /** Letters of an account SAS, one of which is enough. */
  readonly permissions: string;
  /** Resource type of an account SAS. */
  readonly level: 's' | 'c' | 'o';
  readonly dataAction: string;
}

/** Makes a service's operations: what each needs, under the service's own data actions. */
export function operationsUnder(actions: string) {
  return <Run>(level: AccessNeeds['level'], permissions: string, dataAction: string, run: Run) => ({
    level,
    permissions,
    dataAction: `${actions}/${dataAction}`,
    run,
  });
}

export interface AccessOptions {
  readonly directory: AzureDirectory;
  readonly tokens: TokenIssuer;
  readonly tenantId: string;
  readonly now: number;
  /** Letter of the service in an account SAS. */
  readonly service: 'q' | 't';
}

/** 401 with the challenge of the storage services. */
function unauthenticated(
  code: 'InvalidAuthenticationInfo' | 'NoAuthenticationInformation',
  tenantId: string,
  detail?: string,
) {
  return new StorageError(code, {
    ...(detail === undefined ? {} : { authenticationDetail: detail }),
    headers: {
      'www-authenticate': `Bearer authorization_uri=https://login.microsoftonline.com/${tenantId}/oauth2/authorize resource_id=https://storage.azure.com`,
    },
  });
}

/**
 * Lets a caller do an operation on a service of an account that is not the blob service, or refuses as Azure does: network
 * rules first, then the kind of credential, then the credential itself, then what it allows.
 *
 * @throws StorageError
 */
export function authorizeAccount(
  request: AzureRequest,
  account: StorageAccountView,
  needs: AccessNeeds,
  options: AccessOptions,
): void {
  if (!account.callerReaches) throw new StorageError('AuthorizationFailure');
  const header = request.headers['authorization'];
  if (header === undefined) {
    if (!request.query.has('sig')) throw unauthenticated('NoAuthenticationInformation', options.tenantId);
    checkSas(request, account, needs, options);
    return;
  }
  if (/^Bearer /i.test(header)) {
    const check = options.tokens.verifyBearer(header, ['https://storage.azure.com', 'https://storage.azure.com/']);
    if ('refusal' in check) throw unauthenticated('InvalidAuthenticationInfo', options.tenantId, check.detail);
    if (!options.directory.allowsDataAction(check.principal.objectId, needs.dataAction, account.id))
      throw new StorageError('AuthorizationPermissionMismatch');
    return;
  }
  if (!account.allowSharedKeyAccess) throw new StorageError('KeyBasedAuthenticationNotPermitted');
  const verify = options.service === 't' ? verifyTableKey : verifySharedKey;
  const check = verify(header, account.name, account.keys, request);
  if (!check.ok) throw new StorageError('AuthenticationFailed', { authenticationDetail: check.detail });
}

function checkSas(
  request: AzureRequest,
  account: StorageAccountView,
  needs: AccessNeeds,
  { now, service }: AccessOptions,
): void {
  if (!request.query.has('ss'))
    throw new StorageError('NotImplemented', {
      message:
        'The simulated queue and table services take account SAS, keys and bearer tokens; the SAS of a single queue or table is not modelled.',
    });
  const nowhere = { container: undefined, blob: undefined, snapshot: '' };
  const grant = verifySas(request.query, nowhere, account, { now, delegationSecret: Buffer.alloc(0), service });
  if (grant.resourceTypes?.includes(needs.level) !== true) throw new StorageError('AuthorizationResourceTypeMismatch');
  if (!needs.permissions.split('').some((letter) => grant.permissions.includes(letter)))
    throw new StorageError('AuthorizationPermissionMismatch');
}
