import { callOf, type RecordedCall, type ScopeClass, blobAction, vaultAction } from '../../scripts/role/actions.ts';
import type { Recording } from '../../scripts/role/definitions.ts';
import { simulatedSubscription } from '../support/arm.ts';
import { sampleDocument } from '../support/sample-plan.ts';
import { type ClusterStatus, type SimulatedRequest, type Stack, story } from '../support/stack.ts';
import { askAzure, management } from './storage/azure-door.ts';

const small = { controlPlane: { replicas: 1, vmSize: 'Standard_D2s_v5' }, workerPools: [{ name: 'w', replicas: 1 }] };
const vhd = 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd';
const privateVhd = 'https://corpimages0001.blob.core.windows.net/images/private-v1.33.4.vhd';
const blobs = { host: 'corpimages0001.blob.core.windows.net', resource: 'https://storage.azure.com/' };
const corporate = {
  placement: 'static',
  resourceGroup: 'network',
  virtualNetwork: 'corp-vnet',
  controlPlaneSubnet: 'corp-control-plane',
  workerSubnet: 'corp-workers',
};

/** Patches of `spec` by name of the cluster. All live at the same time. */
export type Lives = Readonly<Record<string, Record<string, unknown>>>;

/** Milliseconds until a cluster that does not get there is given up; several share the machine. */
const patience = 200_000;

/** Clusters that are changed in the middle of their lives. */
const changing = new Set(['role-usual', 'role-static']);

/** Whole lives with dynamic placement: every kind of storage and image, a private source, and a zone without room. */
export const dynamicLives: Lives = {
  'role-usual': small,
  'role-gallery': { ...small, image: { vhd, as: 'galleryVersion' } },
  'role-zone': {
    ...small,
    controlPlane: { replicas: 1, vmSize: 'Standard_B2s' },
    image: { vhd: privateVhd, copy: 'service' },
  },
  'role-entra': {
    ...small,
    storage: { authentication: 'entra', sharedKeyAccess: 'denied', networkAccess: 'selectedNetworks' },
  },
  'role-private': { ...small, storage: { networkAccess: 'private' } },
  'role-own': {
    ...small,
    storage: { account: 'corpimages0001', resourceGroup: 'storage', container: 'images' },
    image: { vhd, through: 'disk' },
  },
};

/** The same in a network of the user's, for what differs there. */
export const staticLives: Lives = {
  'role-static': { ...small, network: corporate, storage: { networkAccess: 'selectedNetworks' } },
  'role-inside': { ...small, network: corporate, storage: { networkAccess: 'private' } },
};

/** What the owner of the subscription gives: a private image source, and subnets that rules of an account can name. */
export async function prepare(stack: Stack): Promise<void> {
  const ask = async (...request: Tail<Parameters<typeof askAzure>>) => {
    const answer = await askAzure(stack, ...request);
    if (answer.status >= 300) throw new Error(`${request[2]}: ${answer.status} ${answer.text}`);
    return answer.text;
  };
  const copied = new URL(privateVhd).pathname;
  await ask(blobs, 'PUT', copied, undefined, { 'x-ms-version': '2021-12-02', 'x-ms-copy-source': vhd });
  const network = `${simulatedSubscription}/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/corp-vnet`;
  for (const name of [corporate.controlPlaneSubnet, corporate.workerSubnet]) {
    const id = `${network}/subnets/${name}?api-version=2025-03-01`;
    const subnet = JSON.parse(await ask(management, 'GET', id)) as { properties: object };
    const serviceEndpoints = [{ service: 'Microsoft.Storage' }];
    await ask(management, 'PUT', id, { properties: { ...subnet.properties, serviceEndpoints } });
    while (!(await ask(management, 'GET', id)).includes('"provisioningState":"Succeeded"'))
      await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await stack.fault({ capacity: { location: 'westeurope', size: 'Standard_B2s', zones: ['1'] } });
}

type Tail<List extends readonly unknown[]> = List extends [unknown, ...infer Rest] ? Rest : never;

/** Lists storage, then plans, builds, changes, checks and deletes each cluster; fails with the story of one that does not get there. */
export async function live(stack: Stack, lives: Lives): Promise<void> {
  const subscription = simulatedSubscription.split('/').at(-1) ?? '';
  for (const query of [`subscriptionId=${subscription}`, `subscriptionId=${subscription}&resourceGroup=platform`]) {
    const listed = await stack.request('GET', `/api/storage?${query}`);
    if (listed.status !== 200) throw new Error(`storage list: ${listed.status} ${listed.text}`);
  }
  await Promise.all(Object.entries(lives).map(async ([name, patch]) => lifeOf(stack, name, patch)));
}

async function lifeOf(stack: Stack, name: string, patch: Record<string, unknown>): Promise<void> {
  const document = sampleDocument(patch, name);
  const planned = await stack.request('POST', `/api/clusters/${name}/plan`, JSON.stringify(document));
  const plan = JSON.parse(planned.text) as { ok?: boolean; checks?: { ok: boolean }[] };
  if (plan.ok !== true)
    throw new Error(`${name}: ${JSON.stringify(plan.checks?.filter((check) => !check.ok) ?? plan)}`);
  const becomes = (phase: string, seen: ClusterStatus) => {
    if (seen.status.phase !== phase) throw new Error(`${name}: ${story(seen)}`);
  };
  await stack.post(document);
  becomes('Ready', await stack.settled(name, patience));
  if (changing.has(name)) {
    const later = { ...document, metadata: { ...document.metadata, tags: { department: 'sales' } } };
    const changed = await stack.request('PUT', `/api/clusters/${name}`, JSON.stringify(later));
    if (changed.status !== 202) throw new Error(`${name}: ${changed.status} ${changed.text}`);
    becomes('Ready', await stack.settled(name, patience));
    const checked = await stack.request('POST', `/api/clusters/${name}/actions/reconcile`);
    if (checked.status !== 200 || !checked.text.includes('"findings":[]')) throw new Error(`${name}: ${checked.text}`);
  }
  await stack.request('DELETE', `/api/clusters/${name}`);
  becomes('Deleted', await stack.until(name, ({ status }) => ['Deleted', 'Failed'].includes(status.phase), patience));
}

function scopeOf(path: string): ScopeClass {
  if (/\/providers\/Microsoft\.Authorization\/roleAssignments/i.test(path)) return 'grant';
  const group = /^\/subscriptions\/[^/]+\/resourceGroups\/([^/]+)/i.exec(path)?.[1];
  if (group === undefined) return 'subscription';
  if (group === 'network') return 'network';
  return group === 'storage' ? 'account' : 'group';
}

/** The kinds of calls that an identity made, each once. */
export function callsOf(requests: readonly SimulatedRequest[], principalId: string): readonly RecordedCall[] {
  const seen = new Map<string, RecordedCall>();
  for (const { service, method, path, caller } of requests) {
    if (service !== 'arm' || caller !== principalId) continue;
    const entry = { scope: scopeOf(path), call: callOf(method, path) };
    seen.set(`${entry.scope} ${entry.call}`, entry);
  }
  return [...seen.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

/** Data actions of the requests to the data planes. Who asked is not known of a signature, so all blobs of the copy count. */
export function dataOf(requests: readonly SimulatedRequest[], principalId: string): Recording['data'] {
  const sorted = (actions: readonly string[]) => [...new Set(actions)].sort();
  const blob = requests.filter((entry) => entry.service === 'blob').map(({ method }) => blobAction(method));
  const vault = requests
    .filter(({ service, caller }) => service === 'vault' && caller === principalId)
    .map(({ method, path }) => vaultAction(method, path));
  return { blob: sorted(blob), vault: sorted(vault) };
}
