import { jsonReply } from '../gateway/exchange.ts';
import type { BootedMachine } from '../machines.ts';
import type { AzureDirectory, AzureReply, AzureRequest, AzureService, IdentityView } from '../service.ts';
import { isKnownResource } from './resources.ts';
import { subjectOf, type TokenIssuer } from './tokens.ts';

export interface MetadataOptions {
  readonly directory: () => AzureDirectory;
  readonly tokens: TokenIssuer;
  /** A running machine by its resource id (compared without case), or undefined. */
  machine(vmId: string): BootedMachine | undefined;
}

function refuse(status: number, error: string, description: string): AzureReply {
  return jsonReply(status, { error, error_description: description });
}

/** A proxy user as tools send it, with its slashes written as %2F. */
function unescaped(user: string): string | undefined {
  try {
    const id = decodeURIComponent(user);
    return id.startsWith('/subscriptions/') ? id : undefined;
  } catch {
    return undefined;
  }
}

/** The machine that asks: on the real service the network tells, here the proxy user does. */
function callingMachine(request: AzureRequest): string | undefined {
  const basic = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(request.headers['proxy-authorization'] ?? '')?.[1];
  if (basic === undefined) return undefined;
  const user = Buffer.from(basic, 'base64').toString('utf8');
  const colon = user.lastIndexOf(':');
  return unescaped(colon < 0 ? user : user.slice(0, colon));
}

function selectIdentity(
  request: AzureRequest,
  ids: readonly string[],
  directory: AzureDirectory,
): IdentityView | AzureReply {
  const clientId = request.query.get('client_id');
  const objectId = request.query.get('object_id') ?? request.query.get('principal_id');
  const resourceId = request.query.get('msi_res_id') ?? request.query.get('mi_res_id');
  const own = ids.map((id) => directory.identity({ resourceId: id })).filter((view) => view !== undefined);
  if (clientId === null && objectId === null && resourceId === null) {
    const [only, more] = own;
    if (only === undefined) return refuse(400, 'invalid_request', 'Identity not found');
    if (more === undefined) return only;
    return refuse(
      400,
      'invalid_request',
      'Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in the token request',
    );
  }
  const found = own.find(
    (view) =>
      view.clientId === clientId?.toLowerCase() ||
      view.principalId === objectId?.toLowerCase() ||
      view.id.toLowerCase() === resourceId?.toLowerCase(),
  );
  return found ?? refuse(400, 'invalid_request', 'Identity not found');
}

function tokenReply(request: AzureRequest, vmId: string, options: MetadataOptions): AzureReply {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(request.query.get('api-version') ?? '')) {
    return refuse(400, 'invalid_request', "Required query variable 'api-version' is missing");
  }
  const resource = request.query.get('resource');
  if (resource === null) return refuse(400, 'invalid_request', 'Required audience parameter not specified');
  if (!isKnownResource(resource)) {
    return refuse(
      400,
      'invalid_resource',
      `AADSTS500011: The resource principal named '${resource}' was not found in the tenant.`,
    );
  }
  const directory = options.directory();
  const ids = directory.machineIdentityIds(vmId);
  if (ids === undefined) return refuse(400, 'invalid_request', 'Identity not found');
  const identity = selectIdentity(request, ids, directory);
  if ('status' in identity) return identity;
  const issued = options.tokens.issue(subjectOf(identity, resource));
  return jsonReply(200, {
    access_token: issued.token,
    client_id: identity.clientId,
    expires_in: String(issued.expiresIn),
    expires_on: String(issued.expiresOn),
    ext_expires_in: String(issued.expiresIn),
    not_before: String(issued.notBefore),
    resource,
    token_type: 'Bearer',
  });
}

function instanceReply(machine: BootedMachine): AzureReply {
  const tags = Object.entries(machine.tags).map(([name, value]) => ({ name, value }));
  return jsonReply(200, {
    compute: {
      azEnvironment: 'AzurePublicCloud',
      location: machine.location,
      name: machine.name,
      osProfile: { computerName: machine.computerName },
      osType: 'Linux',
      provider: 'Microsoft.Compute',
      resourceGroupName: machine.resourceGroup,
      resourceId: machine.id,
      subscriptionId: machine.subscriptionId,
      tags: tags.map(({ name, value }) => `${name}:${value}`).join(';'),
      tagsList: tags,
      vmSize: machine.vmSize,
      zone: machine.zone ?? '',
    },
    network: {
      interface: [
        {
          ipv4: { ipAddress: [{ privateIpAddress: machine.privateIp, publicIpAddress: '' }] },
          ipv6: { ipAddress: [] },
        },
      ],
    },
  });
}

/**
 * The instance metadata service (169.254.169.254): managed identity tokens and `/metadata/instance` of one machine.
 * The machine is named by `Proxy-Authorization: Basic base64("<vm resource id>:")`.
 */
export function createMetadataService(options: MetadataOptions): AzureService {
  return async (request) => {
    if (request.headers['metadata']?.toLowerCase() !== 'true') {
      return refuse(400, 'Bad Request', 'Required metadata header not specified');
    }
    if (request.headers['x-forwarded-for'] !== undefined) {
      return refuse(400, 'Bad Request', 'Requests with an X-Forwarded-For header are not answered');
    }
    if (request.method !== 'GET') return refuse(405, 'Method Not Allowed', 'The metadata service answers GET only');
    const vmId = callingMachine(request);
    if (vmId === undefined) {
      return refuse(
        400,
        'invalid_request',
        'The simulated metadata service must be told which machine asks: Proxy-Authorization: Basic base64("<vm resource id>:")',
      );
    }
    if (request.path === '/metadata/identity/oauth2/token') return tokenReply(request, vmId, options);
    if (request.path === '/metadata/instance') {
      const machine = options.machine(vmId);
      return machine === undefined
        ? refuse(404, 'Not Found', `No running machine has the id ${vmId}`)
        : instanceReply(machine);
    }
    return refuse(404, 'Not Found', `${request.path} is not modelled by the simulated metadata service`);
  };
}
