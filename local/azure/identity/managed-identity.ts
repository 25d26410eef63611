import { jsonReply } from '../gateway/exchange.ts';
import type { AzureDirectory, AzureReply, AzureRequest, AzureService } from '../service.ts';
import { isKnownResource } from './resources.ts';
import { subjectOf, type TokenIssuer } from './tokens.ts';

const apiVersion = '2019-08-01';

export interface ManagedIdentityOptions {
  readonly directory: () => AzureDirectory;
  readonly tokens: TokenIssuer;
  /** Client id of the identity used when the caller names none. */
  readonly defaultClientId: string;
  /** Value that `X-IDENTITY-HEADER` must have; when it is not set, any value will do, but one must be sent. */
  readonly secret?: string;
}

function refuse(status: number, message: string): AzureReply {
  return jsonReply(status, { statusCode: status, message });
}

/**
 * The managed identity endpoint of App Service and Functions (`IDENTITY_ENDPOINT`), protocol version 2019-08-01, as
 * `@azure/identity` speaks it.
 */
export function createManagedIdentityEndpoint(options: ManagedIdentityOptions): AzureService {
  return async (request: AzureRequest) => {
    const header = request.headers['x-identity-header'];
    if (header === undefined || (options.secret !== undefined && header !== options.secret)) {
      return refuse(401, 'The X-IDENTITY-HEADER header is missing or is not the value of IDENTITY_HEADER.');
    }
    if (request.method !== 'GET') return refuse(405, 'The managed identity endpoint answers GET only.');
    if (request.query.get('api-version') !== apiVersion) {
      return refuse(400, `The api-version must be ${apiVersion}.`);
    }
    const resource = request.query.get('resource') ?? '';
    if (!isKnownResource(resource)) {
      return refuse(400, `AADSTS500011: The resource principal named '${resource}' was not found in the tenant.`);
    }
    const resourceId = request.query.get('mi_res_id') ?? request.query.get('msi_res_id');
    const clientId = request.query.get('client_id') ?? options.defaultClientId;
    const identity = options.directory().identity(resourceId === null ? { clientId } : { resourceId });
    if (identity === undefined) {
      return refuse(
        400,
        'No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.',
      );
    }
    const issued = options.tokens.issue(subjectOf(identity, resource));
    return jsonReply(200, {
      access_token: issued.token,
      expires_on: String(issued.expiresOn),
      not_before: String(issued.notBefore),
      resource,
      token_type: 'Bearer',
      client_id: identity.clientId,
    });
  };
}
