import { needsAccount } from '#domain/plan/storage-network.ts';
import { overlaps, parseCidr, type Range, usableAddresses } from '#domain/network/cidr.ts';
import type { ClusterPlan, PlanBasis } from '#domain/plan/types.ts';
import { call } from '../clients/capture.ts';
import type { Clients } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { found, need } from '../halt.ts';
import { parseArmId } from '../resource/arm-id.ts';
import { checkStorageAccount } from '../storageAccount/spec.ts';
import type { PreflightCheck, SecretVault } from '../types.ts';
import { passed, refused } from './rows.ts';
import { lacksPrivateEndpoint } from './storage-access.ts';

/** Whether the providers the plan needs are registered in the subscription. */
export async function providerChecks(clients: Clients, plan: PlanBasis): Promise<readonly PreflightCheck[]> {
  const namespaces = [...new Set(plan.resources.map((resource) => namespaceOf(resource.id)))]
    // Authorization is part of every subscription.
    .filter((namespace) => namespace !== 'Microsoft.Authorization')
    .sort();
  const { providers } = await clients.resources();
  const rows: PreflightCheck[] = [];
  for (const namespace of namespaces) {
    const read = await call(() => providers.get(namespace));
    const state = found(read, namespace, 'read the resource provider')?.registrationState ?? 'unknown';
    const id = `provider:${namespace}`;
    const title = `Provider ${namespace}`;
    const error = capstanError('CAP-2007', `The provider ${namespace} is not registered in the subscription.`, {
      where: `/subscriptions/${clients.subscriptionId}/providers/${namespace}`,
      cause: `its state is ${state}`,
      remedy: `Run az provider register --namespace ${namespace} --wait, then apply again.`,
    });
    rows.push(
      /^(Registered|Registering)$/i.test(state) ? passed(id, title, state.toLowerCase()) : refused(id, title, error),
    );
  }
  return rows;
}

/** `Microsoft.Network` of an id, by its last provider. */
function namespaceOf(id: string): string {
  const at = id.toLowerCase().lastIndexOf('/providers/');
  return id.slice(at + '/providers/'.length).split('/')[0] ?? '';
}

/** Room for all machines of the plan, with one more per pool. Pure. */
export function networkCheck(plan: ClusterPlan): PreflightCheck {
  const id = 'network';
  const title = 'Address space';
  const workers = plan.pools.reduce((sum, pool) => sum + pool.replicas + 1, 0);
  const demands = [
    { subnet: plan.network.controlPlaneSubnet, machines: plan.controlPlane.replicas + 1 },
    { subnet: plan.network.workerSubnet, machines: workers },
  ];
  for (const { subnet, machines } of demands) {
    const range = parseCidr(subnet.cidr);
    const room = range === undefined ? 0 : usableAddresses(range);
    if (room < machines) {
      const message = `The subnet ${subnet.name} has room for ${room} machines, the cluster needs ${machines}.`;
      const cause = `${subnet.cidr}; Azure keeps five addresses, and upgrades add one machine per pool`;
      return refused(id, title, capstanError('CAP-2009', message, { where: subnet.id, cause }));
    }
  }
  return passed(id, title, `${plan.network.controlPlaneSubnet.cidr} and ${plan.network.workerSubnet.cidr} have room`);
}

/** Ranges that must be apart: pods and services inside the cluster, the network and its peers outside. Pure. */
export function overlapCheck(plan: ClusterPlan, peers: readonly string[]): PreflightCheck {
  const id = 'overlap';
  const title = 'Overlap of address ranges';
  const { network } = plan;
  const inside = [
    { name: 'pods', cidr: network.podCidr },
    { name: 'services', cidr: network.serviceCidr },
  ];
  const outside = [
    ...network.virtualNetwork.cidrs.map((cidr) => ({ name: `the network ${network.virtualNetwork.name}`, cidr })),
    ...peers.map((cidr) => ({ name: 'a peered network', cidr })),
  ];
  const clashes = inside.flatMap((own) =>
    outside.filter((other) => rangesOverlap(own.cidr, other.cidr)).map((other) => ({ own, other })),
  );
  const [first] = clashes;
  if (first === undefined) {
    return passed(id, title, `${network.podCidr} and ${network.serviceCidr} lie apart from ${outside.length} ranges`);
  }
  const field = first.own.name === 'pods' ? 'podCidr' : 'serviceCidr';
  const message = `The range of the ${first.own.name} overlaps ${first.other.name}.`;
  const cause = clashes
    .map(({ own, other }) => `${own.cidr} (${own.name}) and ${other.cidr} (${other.name})`)
    .join('; ');
  const remedy = `Choose another range for spec.network.${field}, outside of ${outside.map(({ cidr }) => cidr).join(', ')}.`;
  return refused(id, title, capstanError('CAP-2009', message, { where: `spec.network.${field}`, cause, remedy }));
}

function rangesOverlap(a: string, b: string): boolean {
  const ranges: readonly (Range | undefined)[] = [parseCidr(a), parseCidr(b)];
  const [first, second] = ranges;
  return first !== undefined && second !== undefined && overlaps(first, second);
}

/** Whether the DNS label of the API server is free; of no matter when the address is there already. */
export async function labelCheck(clients: Clients, plan: ClusterPlan, exists: boolean): Promise<PreflightCheck> {
  const id = 'apiName';
  const title = 'Name of the API server';
  const { dnsLabel, host } = plan.network.api;
  if (exists) return passed(id, title, `${host} is there already`);
  const network = await clients.network();
  const asked = await call(() => network.checkDnsNameAvailability(plan.azure.location, dnsLabel));
  if (need(asked, host, 'check the name of the API server').available === true)
    return passed(id, title, `${host} is free`);
  return refused(id, title, capstanError('CAP-2022', `The name ${host} is taken.`, { where: host }));
}

/** Whether the vault of the cluster's keys answers and lets Capstan in. */
export async function vaultCheck(secrets: SecretVault): Promise<PreflightCheck> {
  const id = 'keyVault';
  const title = 'Key Vault';
  try {
    // A name that no cluster has: only the answer counts.
    await secrets.get('capstan-preflight');
    return passed(id, title, 'secrets can be read');
  } catch (error) {
    // A cut answer says nothing about the vault: it is asked again.
    if (!(error instanceof CapstanFailure) || error.passing) throw error;
    return refused(id, title, error.error);
  }
}

/** Checks of what belongs to the user: storage account, container, identity. */
export async function foreignChecks(clients: Clients, plan: ClusterPlan): Promise<readonly PreflightCheck[]> {
  const rows: PreflightCheck[] = [];
  if (needsAccount(plan) && !plan.storage.account.owned) rows.push(await accountCheck(clients, plan));
  if (plan.image.sourceUrl !== undefined && !plan.storage.container.owned)
    rows.push(await containerCheck(clients, plan));
  if (!plan.identity.owned) rows.push(await identityCheck(plan, clients));
  return rows;
}

async function accountCheck(clients: Clients, plan: ClusterPlan): Promise<PreflightCheck> {
  const id = 'ownAccount';
  const title = 'Storage account of yours';
  const { account } = plan.storage;
  const { storageAccounts } = await clients.storage();
  const read = await call(() => storageAccounts.getProperties(account.resourceGroup, account.name));
  const existing = found(read, account.id, 'read the storage account');
  if (existing === undefined) {
    const message = `The storage account ${account.name} does not exist.`;
    return refused(id, title, capstanError('CAP-2010', message, { where: account.id }));
  }
  const problem = checkStorageAccount(existing, { plan });
  if (problem !== undefined) return refused(id, title, problem);
  if (lacksPrivateEndpoint(plan, existing)) {
    const message = `No approved private endpoint leads to the storage account ${account.name}.`;
    const cause = 'spec.storage.networkAccess is private';
    const remedy = 'Create a private endpoint of the account for blob in the network of the cluster, or use open.';
    return refused(id, title, capstanError('CAP-2010', message, { where: account.id, cause, remedy }));
  }
  const keys = existing.allowSharedKeyAccess === false ? 'keys refused: Entra ID is used' : 'keys allowed';
  return passed(id, title, `${account.name} holds page blobs, ${keys}`);
}

async function containerCheck(clients: Clients, plan: ClusterPlan): Promise<PreflightCheck> {
  const { account, container } = plan.storage;
  const { blobContainers } = await clients.storage();
  const read = await call(() => blobContainers.get(account.resourceGroup, account.name, container.name));
  const existing = found(read, account.id, 'read the blob container');
  const title = 'Container of yours';
  if (existing !== undefined) return passed('ownContainer', title, `${container.name} exists`);
  const message = `The container ${container.name} does not exist in the account ${account.name}.`;
  return refused('ownContainer', title, capstanError('CAP-2010', message, { where: 'spec.storage.container' }));
}

/** Whether an identity of the user's exists. */
export async function identityCheck(plan: PlanBasis, clients: Clients): Promise<PreflightCheck> {
  const { resourceGroup, names } = parseArmId(plan.identity.id);
  const { userAssignedIdentities } = await clients.identities();
  const read = await call(() => userAssignedIdentities.get(resourceGroup, names[0] ?? ''));
  const title = 'Identity of yours';
  if (found(read, plan.identity.id, 'read the identity') !== undefined)
    return passed('ownIdentity', title, `${plan.identity.name} exists`);
  const message = `The identity ${plan.identity.name} does not exist.`;
  return refused('ownIdentity', title, capstanError('CAP-2014', message, { where: plan.identity.id }));
}
