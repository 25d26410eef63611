import { callOf, type RecordedCall, type ScopeClass, blobAction, vaultAction } from '../../scripts/role/actions.ts';
import type { Recording } from '../../scripts/role/definitions.ts';
import { sampleDocument } from '../support/sample-plan.ts';
import { type SimulatedRequest, type Stack, story } from '../support/stack.ts';

const small = { controlPlane: { replicas: 1, vmSize: 'Standard_D2s_v5' }, workerPools: [{ name: 'w', replicas: 1 }] };
const vhd = 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd';

/** Whole lives of clusters with dynamic placement: every kind of storage and image, and a zone without room. */
export const dynamicLives: Readonly<Record<string, Record<string, unknown>>> = {
  'role-usual': small,
  'role-entra': { ...small, storage: { authentication: 'entra', sharedKeyAccess: 'denied' } },
  'role-own': { ...small, storage: { account: 'corpimages0001', resourceGroup: 'storage', container: 'images' } },
  'role-gallery': { ...small, image: { vhd, as: 'galleryVersion' } },
  'role-zone': { ...small, controlPlane: { replicas: 1, vmSize: 'Standard_B2s' } },
};

export const staticLives: Readonly<Record<string, Record<string, unknown>>> = {
  'role-static': {
    ...small,
    network: {
      placement: 'static',
      resourceGroup: 'network',
      virtualNetwork: 'corp-vnet',
      controlPlaneSubnet: 'corp-control-plane',
      workerSubnet: 'corp-workers',
    },
  },
};

/** Plans, builds, lists storage, and deletes each cluster; fails with the story of the first that does not get there. */
export async function live(stack: Stack, lives: Readonly<Record<string, Record<string, unknown>>>): Promise<void> {
  await stack.fault({ capacity: { location: 'westeurope', size: 'Standard_B2s', zones: ['1'] } });
  const subscription = '22222222-2222-4222-8222-222222222222';
  for (const query of [`subscriptionId=${subscription}`, `subscriptionId=${subscription}&resourceGroup=platform`]) {
    const listed = await stack.request('GET', `/api/storage?${query}`);
    if (listed.status !== 200) throw new Error(`storage list: ${listed.status} ${listed.text}`);
  }
  for (const [name, patch] of Object.entries(lives)) {
    const document = sampleDocument(patch, name);
    const planned = await stack.request('POST', `/api/clusters/${name}/plan`, JSON.stringify(document));
    const plan = JSON.parse(planned.text) as { ok?: boolean; checks?: { ok: boolean }[] };
    if (plan.ok !== true)
      throw new Error(`${name}: ${JSON.stringify(plan.checks?.filter((check) => !check.ok) ?? plan)}`);
    await stack.post(document);
    const seen = await stack.settled(name);
    if (seen.status.phase !== 'Ready') throw new Error(`${name}: ${story(seen)}`);
    await stack.request('DELETE', `/api/clusters/${name}`);
    const gone = await stack.until(name, ({ status }) => ['Deleted', 'Failed'].includes(status.phase));
    if (gone.status.phase !== 'Deleted') throw new Error(`${name}: ${story(gone)}`);
  }
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
