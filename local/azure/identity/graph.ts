import type { AzureDirectory, AzureReply, AzureRequest, AzureService, UnmodelledRequest } from '../service.ts';
import type { ServicePrincipal } from './login.ts';

/** A service principal as Microsoft Graph shows it. */
interface DirectoryObject {
  readonly '@odata.type': '#microsoft.graph.servicePrincipal';
  readonly id: string;
  readonly appId: string;
  readonly displayName: string;
  readonly servicePrincipalType: 'Application' | 'ManagedIdentity';
  readonly servicePrincipalNames: readonly string[];
}

export interface GraphService {
  readonly service: AzureService;
  unmodelled(): readonly UnmodelledRequest[];
  clear(): void;
}

function reply(status: number, body: unknown): AzureReply {
  return {
    status,
    headers: { 'content-type': 'application/json; odata.metadata=minimal' },
    body: JSON.stringify(body),
  };
}

function failure(status: number, code: string, message: string): AzureReply {
  return reply(status, { error: { code, message } });
}

function objectOf(id: string, appId: string, displayName: string, isManaged: boolean): DirectoryObject {
  return {
    '@odata.type': '#microsoft.graph.servicePrincipal',
    id,
    appId,
    displayName,
    servicePrincipalType: isManaged ? 'ManagedIdentity' : 'Application',
    servicePrincipalNames: [appId],
  };
}

function listed(values: readonly DirectoryObject[], filter: string): AzureReply {
  if (filter === '') return reply(200, { value: values });
  const names = /^servicePrincipalNames\/any\(\w+:\w+ eq '(?<value>[^']*)'\)$/iu.exec(filter)?.groups?.['value'];
  const { field, value } = /^(?<field>appId|id|displayName) eq '(?<value>[^']*)'$/iu.exec(filter)?.groups ?? {};
  const wanted = (names ?? value)?.toLowerCase();
  if (wanted === undefined)
    return failure(
      400,
      'Request_UnsupportedQuery',
      `The $filter '${filter}' is not modelled by the simulated directory.`,
    );
  const read = (item: DirectoryObject): string =>
    names !== undefined || field?.toLowerCase() === 'appid'
      ? item.appId
      : field?.toLowerCase() === 'id'
        ? item.id
        : item.displayName;
  return reply(200, { value: values.filter((item) => read(item).toLowerCase() === wanted) });
}

function byIds(values: readonly DirectoryObject[], body: Buffer): AzureReply {
  let ids: unknown;
  try {
    ids = (JSON.parse(body.toString('utf8')) as { ids?: unknown }).ids;
  } catch {
    return failure(400, 'BadRequest', 'Unable to read JSON request payload.');
  }
  if (!Array.isArray(ids)) return failure(400, 'Request_BadRequest', "The property 'ids' is missing.");
  const wanted = new Set(ids.map((id) => String(id).toLowerCase()));
  return reply(200, { value: values.filter(({ id }) => wanted.has(id.toLowerCase())) });
}

/**
 * The part of Microsoft Graph that the az CLI reads while it works with role assignments: service principals and managed
 * identities. There are no users and groups; nothing can be written.
 */
export function createGraphService(options: {
  readonly directory: () => AzureDirectory;
  readonly servicePrincipals: readonly ServicePrincipal[];
  isSignedIn(header: string | undefined): boolean;
}): GraphService {
  const refused: UnmodelledRequest[] = [];
  const values = (): DirectoryObject[] => [
    ...options.servicePrincipals.map(({ clientId, objectId }) =>
      objectOf(objectId, clientId, 'capstan-simulation', false),
    ),
    ...options
      .directory()
      .identities()
      .map(({ id, clientId, principalId }) => objectOf(principalId, clientId, id.split('/').at(-1) ?? '', true)),
  ];
  const answer = (request: AzureRequest): AzureReply | undefined => {
    const path = decodeURIComponent(request.path)
      .replace(/^\/(?:v1\.0|beta)/u, '')
      .replace(/\/$/u, '');
    const one = /^\/(?:servicePrincipals|directoryObjects)(?:\/(?<id>[^/()]+)|\(appId='(?<appId>[^']+)'\))$/iu.exec(
      path,
    )?.groups;
    if (request.method === 'POST' && /^\/directoryObjects\/(?:microsoft\.graph\.)?getByIds$/iu.test(path))
      return byIds(values(), request.body);
    if (request.method !== 'GET') return undefined;
    if (/^\/servicePrincipals$/iu.test(path)) return listed(values(), request.query.get('$filter') ?? '');
    if (/^\/(?:users|groups)$/iu.test(path)) return reply(200, { value: [] });
    if (one === undefined) return undefined;
    const found = values().find(
      ({ id, appId }) => id === one['id']?.toLowerCase() || appId === one['appId']?.toLowerCase(),
    );
    if (found !== undefined) return reply(200, found);
    return failure(
      404,
      'Request_ResourceNotFound',
      `Resource '${one['id'] ?? one['appId'] ?? ''}' does not exist or one of its queried reference-property objects are not present.`,
    );
  };
  return {
    service: async (request) => {
      if (!options.isSignedIn(request.headers['authorization']))
        return failure(
          401,
          'InvalidAuthenticationToken',
          'The access token is missing, expired or not issued for https://graph.microsoft.com.',
        );
      const found = answer(request);
      if (found !== undefined) return found;
      const message = `The simulated directory does not model ${request.method} ${request.path}: it has service principals and managed identities, and they can be read only.`;
      refused.push({ method: request.method, host: request.host, path: request.path, message });
      return failure(501, 'NotModelledBySimulator', message);
    },
    unmodelled: () => refused,
    clear: () => refused.splice(0),
  };
}
