import { builtInRoles } from '#azure/roleAssignment/roles.ts';
import { actionsOfCall, networkActionsOfCall, type RecordedCall, type ScopeClass } from './actions.ts';
import recorded from './calls.json' with { type: 'json' };

/** A role definition in the form that `az role definition create` takes. */
export interface RoleDefinition {
  readonly Name: string;
  readonly IsCustom: true;
  readonly Description: string;
  readonly Actions: readonly string[];
  readonly NotActions: readonly string[];
  readonly DataActions: readonly string[];
  readonly NotDataActions: readonly string[];
  readonly AssignableScopes: readonly string[];
}

/** What `calls.json` holds: the calls of whole lives of clusters, by placement, and the data actions of their requests. */
export interface Recording {
  readonly dynamic: readonly RecordedCall[];
  readonly static: readonly RecordedCall[];
  readonly data: { readonly blob: readonly string[]; readonly vault: readonly string[] };
}

export type RoleName = 'subscription' | 'dynamic' | 'static' | 'network' | 'account' | 'grant' | 'blobs' | 'secrets';

/** Private API servers: their tests run beside the recorded lives, which only reach public ones. */
const privateApi = ['GET', 'PUT', 'DELETE'].map((method) => `${method} Microsoft.Network/privateDnsZones/A`);

/** AKS clusters are written by the calls of their two kinds alone. */
const managed = [
  ...['managedClusters', 'managedClusters/agentPools'].flatMap((type) =>
    ['GET', 'PUT', 'DELETE'].map((method) => `${method} Microsoft.ContainerService/${type}`),
  ),
  'POST Microsoft.ContainerService/managedClusters/listClusterAdminCredential',
  'POST Microsoft.ContainerService/managedClusters/listClusterUserCredential',
];

/**
 * Calls that a cluster makes only in trouble or on request, beside the recorded ones: a zone without capacity, a disk that
 * was left, a container or a zone group that goes with what it is in, the whole of a gallery.
 */
const rare: Readonly<Record<'group' | 'subscription', readonly string[]>> = {
  group: [
    'DELETE Microsoft.Storage/storageAccounts/blobServices/containers',
    'DELETE Microsoft.Network/loadBalancers/inboundNatRules',
    'DELETE Microsoft.Network/privateEndpoints/privateDnsZoneGroups',
    'DELETE Microsoft.Compute/availabilitySets',
    'PUT Microsoft.Compute/availabilitySets',
    'GET Microsoft.Compute/availabilitySets',
    ...privateApi,
    ...managed,
  ],
  subscription: [
    'GET Microsoft.Authorization/policyDefinitions',
    'GET Microsoft.Authorization/policySetDefinitions',
    'GET Microsoft.Compute/locations/communityGalleries/images/versions',
    // The list of storage to choose from shows the containers of every account.
    'GET Microsoft.Storage/storageAccounts/blobServices/containers',
    'GET Microsoft.ContainerService/locations/operations',
    'GET Microsoft.ContainerService/locations/kubernetesVersions',
  ],
};

function actions(calls: readonly string[], needs = actionsOfCall): readonly string[] {
  return sorted(calls.flatMap(needs));
}

function sorted(list: readonly string[]): readonly string[] {
  return [...new Set(list)].sort((a, b) => (a.toLowerCase() < b.toLowerCase() ? -1 : 1));
}

/** Azure has the contents of blobs alone as data actions. */
const isData = (action: string) => action.includes('/containers/blobs/');

/** The role definitions, generated from the recorded calls. */
export function roleDefinitions(
  assignableScopes: readonly string[],
  recording: Recording = recorded as Recording,
): Readonly<Record<RoleName, RoleDefinition>> {
  const all = [...recording.dynamic, ...recording.static];
  // Storage and images are the same with either placement; the network is what differs.
  const beside = recording.dynamic.filter(({ call }) => !call.includes(' Microsoft.Network/'));
  const of = (calls: readonly RecordedCall[], scope: ScopeClass) =>
    calls.filter((call) => call.scope === scope).map(({ call }) => call);
  const role = (name: string, description: string, rest: Partial<RoleDefinition>): RoleDefinition => ({
    Name: `Capstan ${name}`,
    IsCustom: true,
    Description: description,
    Actions: [],
    NotActions: [],
    DataActions: [],
    NotDataActions: [],
    AssignableScopes: assignableScopes,
    ...rest,
  });
  return {
    subscription: role('Subscription Reader', 'Sizes, quotas, providers, policies and names; at the subscription.', {
      Actions: actions([...of(all, 'subscription'), ...rare.subscription]),
    }),
    dynamic: role('Clusters (dynamic placement)', 'Clusters in networks of their own; at their resource group.', {
      Actions: actions([...of(recording.dynamic, 'group'), ...rare.group], (call) => [
        ...actionsOfCall(call),
        ...networkActionsOfCall(call),
      ]),
    }),
    static: role('Clusters (static placement)', 'Clusters in a network of the user; at their resource group.', {
      Actions: actions([...of([...recording.static, ...beside], 'group'), ...rare.group]),
    }),
    network: role('Network User', 'Reads and joins a network of the user; at the virtual network.', {
      Actions: sorted([
        ...actions(of(recording.static, 'network')),
        'Microsoft.Network/virtualNetworks/subnets/join/action',
        ...of(recording.static, 'group').flatMap(networkActionsOfCall),
      ]),
    }),
    account: role('Storage User', 'Reads a storage account of the user; at the account.', {
      Actions: actions(of(all, 'account')),
    }),
    grant: role('Role Granter', 'Grants the roles of a cluster; assign it only with the condition beside it.', {
      Actions: actions(of(all, 'grant')),
    }),
    blobs: role('Blob Data', 'Reads and writes the copies of images; at their account or group.', {
      Actions: recording.data.blob.filter((action) => !isData(action)),
      DataActions: recording.data.blob.filter(isData),
    }),
    secrets: role('Secrets', 'The keys of clusters; at the Key Vault.', { DataActions: recording.data.vault }),
  };
}

/** Roles that the identity of a cluster gets, each at one scope. */
export const grantedRoles = ['Contributor', 'Reader', 'Network Contributor'] as const;
export type GrantedRole = (typeof grantedRoles)[number];

/** Name of the file with the condition for a role: a file, because shells take its exclamation marks for their own. */
export function conditionFile(role: GrantedRole): string {
  return `grant-${role.toLowerCase().replaceAll(' ', '-')}.txt`;
}

/**
 * The condition under which the right to grant is given: one role, for identities only, at the scope of the assignment
 * (Azure documentation, delegate role assignment management with conditions).
 *
 * @param role name of the one built-in role that may be granted and taken away
 */
export function grantCondition(role: GrantedRole): string {
  const guid = builtInRoles[role] ?? '';
  const assignments = 'Microsoft.Authorization/roleAssignments';
  const limited = (source: 'Request' | 'Resource') =>
    `@${source}[${assignments}:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals {${guid}} AND @${source}[${assignments}:PrincipalType] ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}`;
  return [
    `((!(ActionMatches{'${assignments}/write'})) OR (${limited('Request')}))`,
    `((!(ActionMatches{'${assignments}/delete'})) OR (${limited('Resource')}))`,
  ].join(' AND ');
}

/** Where the parts of an installation are; ids are ARM ids. */
export interface Scopes {
  readonly subscription: string;
  readonly group: string;
  readonly network?: { readonly virtualNetwork: string; readonly securityGroup?: string };
  readonly account?: string;
  readonly vault?: string;
}

export interface Assignment {
  readonly role: RoleName;
  readonly scope: string;
  /** The one role that may be granted there. */
  readonly grants?: GrantedRole;
}

/** Which role is assigned where. With a network the placement is static. */
export function assignments({ subscription, group, network, account, vault }: Scopes): readonly Assignment[] {
  const list: Assignment[] = [
    { role: 'subscription', scope: subscription },
    { role: network === undefined ? 'dynamic' : 'static', scope: group },
    { role: 'blobs', scope: group },
    { role: 'grant', scope: group, grants: 'Contributor' },
    { role: 'grant', scope: subscription, grants: 'Reader' },
  ];
  if (network !== undefined) {
    list.push(
      { role: 'network', scope: network.virtualNetwork },
      { role: 'grant', scope: network.virtualNetwork, grants: 'Network Contributor' },
    );
    if (network.securityGroup !== undefined)
      list.push({ role: 'grant', scope: network.securityGroup, grants: 'Network Contributor' });
  }
  if (account !== undefined) list.push({ role: 'account', scope: account }, { role: 'blobs', scope: account });
  if (vault !== undefined) list.push({ role: 'secrets', scope: vault });
  return list;
}
