import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { explain } from '../gateway/exchange.ts';
import type { TokenIssuer } from '../identity/tokens.ts';
import type {
  AzureDirectory,
  AzureReply,
  AzureRequest,
  AzureService,
  Principal,
  UnmodelledRequest,
} from '../service.ts';
import { openDatabase } from '../storage/database.ts';
import { createUndo } from '../storage/undo.ts';
import { badParameter, forbidden, unauthorized, VaultError } from './errors.ts';
import * as secrets from './secret-operations.ts';
import { openSecretStore } from './secret-store.ts';

export interface VaultOptions {
  /** State folder; secrets are kept in `vault.db` (the folder is readable by its owner only). */
  readonly directory: string;
  readonly clock: Clock;
  readonly tokens: TokenIssuer;
  readonly tenantId: string;
  /** Gives out the ids of requests and the versions of secrets. */
  readonly ids: () => string;
  readonly azure: () => AzureDirectory;
}

export interface VaultDataPlane {
  readonly service: AzureService;
  unmodelled(): readonly UnmodelledRequest[];
  /** Begins or ends remembering how things were before the last write, for reads that are to be stale. */
  remember(on: boolean): void;
  reset(): void;
  close(): void;
}

const resource = 'https://vault.azure.net';
const actions = 'Microsoft.KeyVault/vaults/secrets';

interface Route {
  readonly method: string;
  readonly path: RegExp;
  /** RBAC data action. */
  readonly action: string;
  readonly run: (context: secrets.VaultContext) => AzureReply;
}

const routes: readonly Route[] = [
  { method: 'GET', path: /^\/secrets\/?$/, action: 'readMetadata/action', run: secrets.listSecrets },
  {
    method: 'GET',
    path: /^\/secrets\/([^/]+)\/versions\/?$/,
    action: 'readMetadata/action',
    run: secrets.listVersions,
  },
  { method: 'PUT', path: /^\/secrets\/([^/]+)\/?$/, action: 'setSecret/action', run: secrets.setSecret },
  { method: 'DELETE', path: /^\/secrets\/([^/]+)\/?$/, action: 'delete', run: secrets.deleteSecret },
  { method: 'GET', path: /^\/secrets\/([^/]+)(?:\/([^/]*))?\/?$/, action: 'getSecret/action', run: secrets.getSecret },
  { method: 'PATCH', path: /^\/secrets\/([^/]+)\/([^/]*)$/, action: 'setSecret/action', run: secrets.updateSecret },
  { method: 'GET', path: /^\/deletedsecrets\/?$/, action: 'readMetadata/action', run: secrets.listDeletedSecrets },
  {
    method: 'GET',
    path: /^\/deletedsecrets\/([^/]+)\/?$/,
    action: 'readMetadata/action',
    run: secrets.getDeletedSecret,
  },
  { method: 'DELETE', path: /^\/deletedsecrets\/([^/]+)\/?$/, action: 'purge/action', run: secrets.purgeSecret },
  {
    method: 'POST',
    path: /^\/deletedsecrets\/([^/]+)\/recover\/?$/,
    action: 'recover/action',
    run: secrets.recoverSecret,
  },
];

/** Vault, and below it the name of the secret, whether active or deleted. */
function resourceOf({ host, path }: AzureRequest): string {
  const [, , name = ''] = path.split('/');
  return name === '' ? host : `${host}/${name.toLowerCase()}`;
}

function authenticate(request: AzureRequest, options: VaultOptions): Principal {
  const check = options.tokens.verifyBearer(request.headers['authorization'], [resource]);
  if ('principal' in check) return check.principal;
  const { tenantId } = options;
  if (check.refusal === 'missing') throw unauthorized(tenantId, 'AKV10000: Request is missing a Bearer or PoP token.');
  if (check.refusal === 'audience') throw unauthorized(tenantId, `AKV10022: Invalid audience. ${check.detail}.`);
  throw unauthorized(tenantId, `Error validating token: ${check.detail}`);
}

/**
 * The data plane of Key Vault for secrets: challenge, RBAC by data action, versions, soft delete with names that stay
 * taken, recovery and purge. Vaults themselves belong to the control plane.
 */
export function createVaultDataPlane(options: VaultOptions): VaultDataPlane {
  const database = openDatabase(join(options.directory, 'vault.db'), '');
  const store = openSecretStore(database);
  const undo = createUndo(database, ['secrets', 'states']);
  const unmodelled: UnmodelledRequest[] = [];

  const answer = (request: AzureRequest): AzureReply => {
    const name = request.host.split('.')[0] ?? '';
    const vault = options.azure().vault(name);
    if (vault === undefined) {
      return explain(
        502,
        'VaultNotFound',
        `${request.host} does not resolve: there is no key vault ${name} in the simulated Azure.`,
      );
    }
    const principal = authenticate(request, options);
    const path = request.path.replace(/^\/+/, '/');
    const route = routes.find((entry) => entry.method === request.method && entry.path.test(path));
    if (route === undefined) {
      const message = `The simulated Key Vault does not model ${request.method} ${path}; it models secrets.`;
      unmodelled.push({ method: request.method, host: request.host, path, message });
      throw new VaultError(501, 'NotImplemented', message);
    }
    const version = request.query.get('api-version') ?? '';
    if (!/^(?:7\.\d|20\d{2}-\d{2}-\d{2}(?:-preview)?)$/.test(version)) {
      throw badParameter(`The specified version (${version}) is not recognized.`);
    }
    const [, secretName = '', secretVersion = ''] = route.path.exec(path) ?? [];
    const decoded = decodeURIComponent(secretName);
    const scope = decoded === '' ? vault.id : `${vault.id}/secrets/${decoded}`;
    const action = `${actions}/${route.action}`;
    if (!options.azure().allowsDataAction(principal.objectId, action, scope)) {
      throw forbidden(principal, action, name, vault.location, scope);
    }
    return route.run({
      store,
      clock: options.clock,
      newId: options.ids,
      request,
      vault: name,
      name: decoded,
      version: secretVersion,
    });
  };

  return {
    unmodelled: () => unmodelled,
    remember: (on) => undo.remember(on),
    reset() {
      store.clear();
      unmodelled.length = 0;
    },
    close() {
      if (database.isOpen) database.close();
    },
    service: async (request) => {
      const common = {
        'x-ms-request-id': options.ids(),
        'x-ms-keyvault-region': options.azure().vault(request.host.split('.')[0] ?? '')?.location ?? '',
        'x-ms-keyvault-network-info': 'conn_type=Ipv4;addr=127.0.0.1;act_addr_fam=InterNetwork;',
        'cache-control': 'no-cache',
        'x-content-type-options': 'nosniff',
      };
      try {
        const resource = resourceOf(request);
        const isRead = request.method === 'GET';
        if (!isRead) undo.writing(resource);
        const stale = isRead && request.fault?.kind === 'stale';
        const reply = stale ? undo.before(resource, () => answer(request)) : answer(request);
        return { ...reply, headers: { ...common, ...reply.headers } };
      } catch (error) {
        if (!(error instanceof VaultError)) throw error;
        const reply = error.toReply();
        return { ...reply, headers: { ...common, ...reply.headers } };
      }
    },
  };
}
