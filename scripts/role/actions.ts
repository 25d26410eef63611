import { linksOf, networkLinksOf } from '#azure/preflight/actions.ts';

/** Where a call goes: each is a role of its own, assigned at its own scope. */
export type ScopeClass = 'subscription' | 'group' | 'network' | 'account' | 'grant';

/** One kind of call, without names: `PUT Microsoft.Network/virtualNetworks`. */
export interface RecordedCall {
  readonly scope: ScopeClass;
  readonly call: string;
}

const verbs: Readonly<Record<string, string>> = { GET: 'read', HEAD: 'read', DELETE: 'delete' };

/**
 * Calls whose action is not `<type>/<verb>` (Azure documentation, resource provider operations). `undefined`: everyone may
 * make them, Azure has no action for them.
 */
const special: Readonly<Record<string, string | undefined>> = {
  'GET resourceGroups': 'Microsoft.Resources/subscriptions/resourceGroups/read',
  'GET resourceGroups/resources': 'Microsoft.Resources/subscriptions/resourceGroups/resources/read',
  'GET provider': 'Microsoft.Resources/subscriptions/providers/read',
  'POST Microsoft.Storage/checkNameAvailability': 'Microsoft.Storage/checknameavailability/read',
  'GET Microsoft.Storage/locations/asyncoperations': undefined,
  'GET Microsoft.Compute/locations/DiskOperations': 'Microsoft.Compute/locations/diskOperations/read',
  'GET Microsoft.Network/locations/CheckDnsNameAvailability':
    'Microsoft.Network/locations/checkDnsNameAvailability/read',
};

/** The call of a request, without names and ids. */
export function callOf(method: string, path: string): string {
  const last = path.toLowerCase().lastIndexOf('/providers/');
  if (last === -1) {
    const parts = path.split('/').slice(3);
    const types = parts.filter((_, index) => index % 2 === 0).join('/');
    return `${method} ${types.replace(/^resourcegroups/i, 'resourceGroups')}`;
  }
  const [namespace = '', ...rest] = path.slice(last + '/providers/'.length).split('/');
  const types = rest.filter((_, index) => index % 2 === 0);
  return types.length === 0 ? `${method} provider` : `${method} ${[namespace, ...types].join('/')}`;
}

/** Actions that a call needs: its own, and for a write those at the resources that it refers to. */
export function actionsOfCall(call: string): readonly string[] {
  if (call in special) return special[call] === undefined ? [] : [special[call]];
  const [method = '', type = ''] = call.split(' ');
  if (method === 'POST') return [`${type}/action`];
  const own = `${type}/${verbs[method] ?? 'write'}`;
  return method === 'PUT' ? [own, ...linksOf(type)] : [own];
}

/** Actions that a call needs at a virtual network that it refers to. */
export function networkActionsOfCall(call: string): readonly string[] {
  const [method, type = ''] = call.split(' ');
  return method === 'PUT' ? networkLinksOf(type) : [];
}

const blobs = 'Microsoft.Storage/storageAccounts/blobServices/containers/blobs';

/** Action of a request to a blob with Entra ID; the only POST asks for a user delegation key, which is no data action. */
export function blobAction(method: string): string {
  if (method === 'POST') return 'Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action';
  return `${blobs}/${verbs[method] ?? 'write'}`;
}

const vaultActions: readonly (readonly [RegExp, string])[] = [
  [/^GET \/deletedsecrets/, 'readMetadata/action'],
  [/^DELETE \/deletedsecrets/, 'purge/action'],
  [/^GET \/secrets\/[^/]+\/versions\/?$/, 'readMetadata/action'],
  [/^GET /, 'getSecret/action'],
  [/^PUT /, 'setSecret/action'],
  [/^DELETE /, 'delete'],
];

/** Data action of a request to a Key Vault. */
export function vaultAction(method: string, path: string): string {
  const text = `${method} ${path.replaceAll(/\/{2,}/g, '/')}`;
  const found = vaultActions.find(([pattern]) => pattern.test(text));
  if (found === undefined) throw new Error(`${text} has no data action`);
  return `Microsoft.KeyVault/vaults/secrets/${found[1]}`;
}
