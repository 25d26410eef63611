import { timingSafeEqual } from 'node:crypto';
import { jsonReply } from '../gateway/exchange.ts';
import type { AzureReply, AzureRequest, AzureService } from '../service.ts';
import { isKnownResource, resourceOfScope } from './resources.ts';
import type { TokenIssuer } from './tokens.ts';

/** An application of the tenant that signs in with a client secret. */
export interface ServicePrincipal {
  readonly clientId: string;
  readonly objectId: string;
  readonly clientSecret: string;
}

export interface LoginOptions {
  readonly tokens: TokenIssuer;
  readonly tenantId: string;
  readonly servicePrincipals: readonly ServicePrincipal[];
}

const origin = 'https://login.microsoftonline.com';

function refuse(status: number, error: string, description: string): AzureReply {
  const code = Number(/^AADSTS(\d+)/.exec(description)?.[1] ?? 0);
  return jsonReply(status, { error, error_description: description, error_codes: [code] });
}

function instanceDiscovery(tenantId: string): AzureReply {
  return jsonReply(200, {
    tenant_discovery_endpoint: `${origin}/${tenantId}/v2.0/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [
      {
        preferred_network: 'login.microsoftonline.com',
        preferred_cache: 'login.windows.net',
        aliases: ['login.microsoftonline.com', 'login.windows.net', 'login.microsoft.com', 'sts.windows.net'],
      },
    ],
  });
}

function openIdConfiguration(tenantId: string, v2: boolean): AzureReply {
  const base = `${origin}/${tenantId}`;
  return jsonReply(200, {
    token_endpoint: v2 ? `${base}/oauth2/v2.0/token` : `${base}/oauth2/token`,
    authorization_endpoint: v2 ? `${base}/oauth2/v2.0/authorize` : `${base}/oauth2/authorize`,
    jwks_uri: `${base}/discovery/v2.0/keys`,
    issuer: v2 ? `${base}/v2.0` : `https://sts.windows.net/${tenantId}/`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
    response_types_supported: ['code', 'token', 'id_token'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['RS256'],
    tenant_region_scope: 'EU',
    cloud_instance_name: 'microsoftonline.com',
  });
}

function sameSecret(given: string, wanted: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(wanted);
  return a.length === b.length && timingSafeEqual(a, b);
}

function issueToken(request: AzureRequest, v2: boolean, options: LoginOptions): AzureReply {
  const form = new URLSearchParams(request.body.toString('utf8'));
  const grant = form.get('grant_type');
  if (grant !== 'client_credentials') {
    return refuse(
      400,
      'unsupported_grant_type',
      `AADSTS70003: The app requested an unsupported grant type '${grant ?? ''}'. The simulated tenant knows client_credentials.`,
    );
  }
  const clientId = (form.get('client_id') ?? '').toLowerCase();
  const principal = options.servicePrincipals.find((known) => known.clientId === clientId);
  if (principal === undefined) {
    return refuse(
      400,
      'unauthorized_client',
      `AADSTS700016: Application with identifier '${clientId}' was not found in the directory 'Capstan simulation'.`,
    );
  }
  if (!sameSecret(form.get('client_secret') ?? '', principal.clientSecret)) {
    return refuse(
      401,
      'invalid_client',
      `AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, for app '${clientId}'.`,
    );
  }
  const resource = v2 ? resourceOfScope(form.get('scope') ?? '') : (form.get('resource') ?? undefined);
  if (resource === undefined) {
    return refuse(
      400,
      'invalid_scope',
      'AADSTS1002012: The provided value for scope is not valid; it ends with /.default.',
    );
  }
  if (!isKnownResource(resource)) {
    return refuse(
      400,
      'invalid_resource',
      `AADSTS500011: The resource principal named ${resource} was not found in the tenant named Capstan simulation.`,
    );
  }
  const { clientId: appId, objectId } = principal;
  const issued = options.tokens.issue(
    { objectId, clientId: appId, tenantId: options.tenantId, audience: resource },
    3599,
  );
  const common = { token_type: 'Bearer', access_token: issued.token };
  return jsonReply(
    200,
    v2
      ? { ...common, expires_in: issued.expiresIn, ext_expires_in: issued.expiresIn }
      : {
          ...common,
          expires_in: String(issued.expiresIn),
          ext_expires_in: String(issued.expiresIn),
          expires_on: String(issued.expiresOn),
          not_before: String(issued.notBefore),
          resource,
        },
  );
}

/** The token endpoint of the simulated tenant (login.microsoftonline.com): discovery, keys and client credentials. */
export function createLoginService(options: LoginOptions): AzureService {
  return async (request) => {
    const [, tenant = '', ...rest] = request.path.split('/');
    const path = `${request.method} ${rest.join('/')}`;
    if (tenant === 'common' && path === 'GET discovery/instance') return instanceDiscovery(options.tenantId);
    const shared = ['common', 'organizations'].includes(tenant);
    if (tenant !== options.tenantId && !shared) {
      return refuse(
        400,
        'invalid_tenant',
        `AADSTS90002: Tenant '${tenant}' not found. The simulated tenant is ${options.tenantId}.`,
      );
    }
    switch (path) {
      case 'GET v2.0/.well-known/openid-configuration':
        return openIdConfiguration(options.tenantId, true);
      case 'GET .well-known/openid-configuration':
        return openIdConfiguration(options.tenantId, false);
      case 'GET discovery/v2.0/keys':
      case 'GET discovery/keys':
        return jsonReply(200, { keys: [{ ...options.tokens.publicKey, use: 'sig', alg: 'RS256' }] });
      case 'POST oauth2/v2.0/token':
        return issueToken(request, true, options);
      case 'POST oauth2/token':
        return issueToken(request, false, options);
      default:
        return refuse(
          404,
          'not_modelled',
          `${request.method} ${request.path} is not modelled by the simulated tenant.`,
        );
    }
  };
}
