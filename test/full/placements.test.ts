import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownedTag } from '#domain/names/tags.ts';
import { type Stack, startStack, story } from '../support/stack.ts';
import { corporateNetwork, sampleDocument } from '../support/sample-plan.ts';

/** The matrix of placements, storage and regions: each cell is a whole cluster, and each must become Ready. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(async () => {
  await stack.stop();
});

const small = { controlPlane: { replicas: 1 }, workerPools: [{ name: 'general', replicas: 3 }] };

async function ready(name: string, patch: Record<string, unknown>) {
  await stack.post(sampleDocument({ ...small, ...patch }, name));
  const seen = await stack.settled(name);
  expect(seen.status.phase, story(seen)).toBe('Ready');
  return seen;
}

describe('a cluster becomes Ready', () => {
  it('in a network of the user, which is read and never written', async () => {
    const before = await networkOf(stack);
    const { status } = await ready('static', {
      network: corporateNetwork,
    });
    expect(await networkOf(stack)).toEqual(before);
    const writes = (await stack.requests()).filter(
      (entry) => /resourceGroups\/network\//i.test(entry.path) && ['PUT', 'PATCH', 'DELETE'].includes(entry.method),
    );
    expect(writes.filter((entry) => !/roleAssignments/.test(entry.path))).toEqual([]);
    expect(status.inventory.find((item) => item.kind === 'virtualNetwork')).toMatchObject({
      owned: false,
      state: 'exists',
    });
  });

  it('in a container of the user’s own account, which keeps its settings', async () => {
    const account = async () =>
      (await stack.resources()).find((resource) => /storageAccounts\/corpimages0001$/i.test(resource.id));
    const before = await account();
    const { status } = await ready('own-container', {
      storage: { account: 'corpimages0001', resourceGroup: 'storage', container: 'images' },
    });
    expect(await account()).toEqual(before);
    expect(
      status.inventory.filter((item) => /storageAccount|blobContainer/.test(item.kind)).map((item) => item.owned),
    ).toEqual([false, false]);
  });

  it('with a gallery image version made from the VHD, on request', async () => {
    await ready('gallery', {
      image: {
        vhd: 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd',
        as: 'galleryVersion',
      },
    });
    const versions = (await stack.resources()).filter((resource) =>
      /galleries\/images\/versions$/i.test(resource.type),
    );
    expect(versions).toHaveLength(1);
  });

  it.each(['managedImage', 'galleryVersion'])(
    'with a %s made from a disk that the VHD was written into',
    async (as) => {
      const name = `disk-${as.slice(0, 7).toLowerCase()}`;
      const { status } = await ready(name, {
        controlPlane: { replicas: 1 },
        workerPools: [],
        image: {
          vhd: 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd',
          as,
          through: 'disk',
        },
      });
      expect(status.inventory.find((item) => item.kind === 'imageDisk')?.state).toBe('created');
    },
  );

  it('in a region without availability zones, with availability sets as CAPZ makes them', async () => {
    await ready('nozones', {
      azure: {
        subscriptionId: '22222222-2222-4222-8222-222222222222',
        location: 'northcentralus',
        resourceGroup: 'nozones',
      },
      controlPlane: { replicas: 3 },
    });
    const sets = (await stack.resources())
      .filter((resource) => /availabilitySets/i.test(resource.type))
      .map((resource) => resource.id.split('/').slice(-1)[0]);
    expect(sets).toContain('nozones_control-plane-as');
    const machines = (await stack.resources()).filter(
      (resource) => /virtualMachines$/i.test(resource.type) && /\/nozones-/.test(resource.id),
    );
    expect(machines).toHaveLength(6);
    expect(machines.every((machine) => (machine.zones ?? []).length === 0)).toBe(true);
  });

  it('around a zone in which the VM size is restricted, and says so', async () => {
    const { status } = await ready('restricted', {
      workerPools: [{ name: 'general', replicas: 4, vmSize: 'Standard_D4as_v5', zones: ['1', '2', '3'] }],
    });
    const zones = status.nodes.filter((node) => node.role === 'worker').map((node) => node.zone ?? '');
    expect(zones.toSorted((a, b) => a.localeCompare(b))).toEqual(['1', '1', '2', '2']);
    expect(status.steps.find((step) => step.id === 'preflight')?.sentence).toContain('avoids zone 3');
  });

  it('in the next zone when the first has no capacity, and hands that zone over', async () => {
    await stack.fault({ capacity: { location: 'westeurope', size: 'Standard_B2s', zones: ['1'] } });
    const { status } = await ready('capacity', {
      controlPlane: { replicas: 1, vmSize: 'Standard_B2s' },
      workerPools: [],
    });
    expect(status.nodes.map((node) => node.zone)).toEqual(['2']);
    const bundle = await stack.request('GET', '/api/clusters/capacity/bundle');
    const machine = (
      JSON.parse(bundle.text) as { items: { kind: string; spec: { failureDomain?: string } }[] }
    ).items.find((item) => item.kind === 'Machine');
    expect(machine?.spec.failureDomain).toBe('2');
  });

  it('when the account refuses keys: Entra ID takes over, as an event that people can read', async () => {
    // Another group and region, so that the account is made anew under the policy.
    await stack.fault({
      policy: {
        name: 'no-keys',
        effect: 'modify',
        type: 'Microsoft.Storage/storageAccounts',
        property: 'properties.allowSharedKeyAccess',
        set: false,
      },
    });
    const { status } = await ready('nokeys', {
      azure: {
        subscriptionId: '22222222-2222-4222-8222-222222222222',
        location: 'westeurope',
        resourceGroup: 'storage',
      },
    });
    expect(status.steps.find((step) => step.id === 'image')?.sentence).toContain('used Entra ID');
    const event = (await stack.events('nokeys')).find((entry) => entry.type === 'storage.credential');
    expect(event?.sentence).toContain('KeyBasedAuthenticationNotPermitted');
  });

  it('beside the others, each with its own tag and nothing that is not modelled', async () => {
    const resources = await stack.resources();
    for (const name of ['static', 'restricted']) {
      const own = resources.filter((resource) => resource.tags?.[ownedTag(name)] === 'owned');
      expect(own.length, name).toBeGreaterThan(5);
    }
    expect(await stack.unmodelled()).toEqual([]);
  });
});

async function networkOf(from: Stack) {
  // The cluster's identity is granted the use of the network; the network itself stays as it was.
  return (await from.resources()).filter(
    (resource) => /resourceGroups\/network\//i.test(resource.id) && !/roleAssignments/i.test(resource.type),
  );
}
