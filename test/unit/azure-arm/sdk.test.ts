import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SEED } from '#local/azure/azure.ts';
import { type Bench, createBench, fast, NET, PLATFORM, sdk, SUB } from './harness.ts';

let bench: Bench;
let azure: Awaited<ReturnType<typeof sdk>>;

beforeAll(async () => {
  bench = createBench();
  azure = await sdk(bench);
});

afterAll(async () => {
  await azure.close();
  bench.close();
});

const location = 'westeurope';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe('a whole cluster is built with the real SDK clients', () => {
  test('network kinds', async () => {
    const { network } = azure;
    const nsg = await network.networkSecurityGroups.createOrUpdate(
      'platform',
      'c1-controlplane-nsg',
      {
        location,
        securityRules: [
          {
            name: 'allow_apiserver',
            priority: 2201,
            direction: 'Inbound',
            access: 'Allow',
            protocol: 'Tcp',
            sourceAddressPrefix: '*',
            sourcePortRange: '*',
            destinationAddressPrefix: '*',
            destinationPortRange: '6443',
          },
        ],
      },
      fast,
    );
    expect(nsg.provisioningState).toBe('Succeeded');
    expect(nsg.defaultSecurityRules).toHaveLength(6);
    const table = await network.routeTables.createOrUpdate('platform', 'c1-node-routetable', { location }, fast);
    const natIp = await network.publicIPAddresses.createOrUpdate(
      'platform',
      'pip-c1-nat',
      { location, sku: { name: 'Standard' }, publicIPAllocationMethod: 'Static' },
      fast,
    );
    expect(natIp.ipAddress).toMatch(/^20\./u);
    const nat = await network.natGateways.createOrUpdate(
      'platform',
      'c1-natgw',
      { location, sku: { name: 'Standard' }, publicIpAddresses: [{ id: natIp.id! }] },
      fast,
    );
    const vnet = await network.virtualNetworks.createOrUpdate(
      'platform',
      'c1-vnet',
      {
        location,
        addressSpace: { addressPrefixes: ['10.0.0.0/8'] },
        subnets: [
          {
            name: 'cp',
            addressPrefix: '10.0.0.0/16',
            networkSecurityGroup: { id: nsg.id! },
            routeTable: { id: table.id! },
          },
          { name: 'nodes', addressPrefix: '10.1.0.0/16', natGateway: { id: nat.id! } },
        ],
      },
      fast,
    );
    expect(vnet.subnets?.map((subnet) => subnet.name)).toEqual(['cp', 'nodes']);
    const subnet = await network.subnets.createOrUpdate(
      'platform',
      'c1-vnet',
      'extra',
      { addressPrefix: '10.2.0.0/16' },
      fast,
    );
    expect(subnet.provisioningState).toBe('Succeeded');
    expect((await network.networkSecurityGroups.get('platform', 'c1-controlplane-nsg')).subnets?.[0]?.id).toContain(
      '/subnets/cp',
    );
    await network.subnets.delete('platform', 'c1-vnet', 'extra', fast);
    expect((await network.virtualNetworks.get('platform', 'c1-vnet')).subnets).toHaveLength(2);
    expect((await collect(network.virtualNetworks.listAll())).map((item) => item.name)).toEqual([
      'corp-vnet',
      'c1-vnet',
    ]);
  });

  test('load balancer with public name, network interface in its pool', async () => {
    const { network } = azure;
    const ip = await network.publicIPAddresses.createOrUpdate(
      'platform',
      'pip-c1-apiserver',
      {
        location,
        sku: { name: 'Standard' },
        publicIPAllocationMethod: 'Static',
        zones: ['1', '2', '3'],
        dnsSettings: { domainNameLabel: 'c1-abc' },
      },
      fast,
    );
    expect(ip.dnsSettings?.fqdn).toBe('c1-abc.westeurope.cloudapp.azure.com');
    const id = `${NET}/loadBalancers/c1-public-lb`;
    const lb = await network.loadBalancers.createOrUpdate(
      'platform',
      'c1-public-lb',
      {
        location,
        sku: { name: 'Standard' },
        frontendIPConfigurations: [{ name: 'c1-public-lb-frontEnd', publicIPAddress: { id: ip.id! } }],
        backendAddressPools: [{ name: 'c1-public-lb-backendPool' }],
        probes: [{ name: 'HTTPSProbe', protocol: 'Https', port: 6443, requestPath: '/readyz', intervalInSeconds: 15 }],
        loadBalancingRules: [
          {
            name: 'LBRuleHTTPS',
            protocol: 'Tcp',
            frontendPort: 6443,
            backendPort: 6443,
            disableOutboundSnat: true,
            frontendIPConfiguration: { id: `${id}/frontendIPConfigurations/c1-public-lb-frontEnd` },
            backendAddressPool: { id: `${id}/backendAddressPools/c1-public-lb-backendPool` },
            probe: { id: `${id}/probes/HTTPSProbe` },
          },
        ],
        outboundRules: [
          {
            name: 'OutboundNATAllProtocols',
            protocol: 'All',
            frontendIPConfigurations: [{ id: `${id}/frontendIPConfigurations/c1-public-lb-frontEnd` }],
            backendAddressPool: { id: `${id}/backendAddressPools/c1-public-lb-backendPool` },
          },
        ],
      },
      fast,
    );
    expect(lb.provisioningState).toBe('Succeeded');
    const rule = await network.inboundNatRules.createOrUpdate(
      'platform',
      'c1-public-lb',
      'c1-cp-a',
      {
        protocol: 'Tcp',
        frontendPort: 2201,
        backendPort: 22,
        frontendIPConfiguration: { id: `${id}/frontendIPConfigurations/c1-public-lb-frontEnd` },
      },
      fast,
    );
    const nic = await network.networkInterfaces.createOrUpdate(
      'platform',
      'c1-cp-a-nic',
      {
        location,
        ipConfigurations: [
          {
            name: 'pipConfig',
            subnet: { id: `${NET}/virtualNetworks/c1-vnet/subnets/cp` },
            loadBalancerBackendAddressPools: [{ id: `${id}/backendAddressPools/c1-public-lb-backendPool` }],
            loadBalancerInboundNatRules: [{ id: rule.id! }],
          },
        ],
      },
      fast,
    );
    expect(nic.ipConfigurations?.[0]?.privateIPAddress).toBe('10.0.0.4');
    const pool = await network.loadBalancerBackendAddressPools.get(
      'platform',
      'c1-public-lb',
      'c1-public-lb-backendPool',
    );
    expect(pool.backendIPConfigurations?.[0]?.id).toBe(`${nic.id}/ipConfigurations/pipConfig`);
  });

  test('identity, role assignment that takes effect later, permissions', async () => {
    const { identity, authorization } = azure;
    const made = await identity.userAssignedIdentities.createOrUpdate('platform', 'c1-identity', { location });
    expect(made.id).toContain('/resourcegroups/');
    const contributor = `${SUB}/providers/Microsoft.Authorization/roleDefinitions/b24988ac-6180-42a0-ab88-20f7382dd24c`;
    const body = { principalId: made.principalId!, roleDefinitionId: contributor, principalType: 'ServicePrincipal' };
    await authorization.roleAssignments.create(PLATFORM, '77777777-7777-4777-8777-777777777777', body);
    expect(
      bench.arm.directory.allowsDataAction(
        made.principalId!,
        'Microsoft.Storage/storageAccounts/blobServices/containers/read',
        PLATFORM,
      ),
    ).toBe(false);
    bench.clock.advance(60);
    expect(
      bench.arm.directory.allowsDataAction(
        made.principalId!,
        'Microsoft.Storage/storageAccounts/blobServices/containers/read',
        PLATFORM,
      ),
    ).toBe(true);
    await expect(
      authorization.roleAssignments.create(PLATFORM, '88888888-7777-4777-8777-777777777777', body),
    ).rejects.toMatchObject({ code: 'RoleAssignmentExists' });
    const permissions = await collect(authorization.permissions.listForResourceGroup('platform'));
    expect(permissions.some((permission) => permission.actions?.includes('*'))).toBe(true);
    const roles = await collect(authorization.roleDefinitions.list(SUB, { filter: "roleName eq 'Contributor'" }));
    expect(roles.map((role) => role.roleName)).toEqual(['Contributor']);
  });

  test('image from a VHD, machine that boots, instance view, serial console', async () => {
    const { compute } = azure;
    bench.storage.blobs.set('corpimages0001/images/base.vhd', {
      blobType: 'PageBlob',
      size: 1024 ** 3 + 512,
      etag: '"1"',
      endsWithVhdFooter: true,
    });
    const image = await compute.images.createOrUpdate(
      'platform',
      'c1-image',
      {
        location,
        hyperVGeneration: 'V2',
        storageProfile: {
          osDisk: {
            osType: 'Linux',
            osState: 'Generalized',
            blobUri: 'https://corpimages0001.blob.core.windows.net/images/base.vhd',
          },
        },
      },
      fast,
    );
    const identityId = `${PLATFORM}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/c1-identity`;
    const vm = await compute.virtualMachines.createOrUpdate(
      'platform',
      'c1-cp-a',
      {
        location,
        zones: ['1'],
        tags: { Name: 'c1-cp-a' },
        identity: { type: 'UserAssigned', userAssignedIdentities: { [identityId]: {} } },
        hardwareProfile: { vmSize: 'Standard_D2s_v5' },
        storageProfile: {
          imageReference: { id: image.id! },
          osDisk: {
            name: 'c1-cp-a_OSDisk',
            createOption: 'FromImage',
            diskSizeGB: 128,
            managedDisk: { storageAccountType: 'Premium_LRS' },
            deleteOption: 'Delete',
          },
          dataDisks: [
            { lun: 0, name: 'c1-cp-a_etcddisk', createOption: 'Empty', diskSizeGB: 256, deleteOption: 'Delete' },
          ],
        },
        osProfile: {
          computerName: 'c1-cp-a',
          adminUsername: 'capi',
          customData: Buffer.from('#cloud-config').toString('base64'),
          linuxConfiguration: {
            disablePasswordAuthentication: true,
            ssh: { publicKeys: [{ path: '/home/capi/.ssh/authorized_keys', keyData: 'ssh-ed25519 AAAA' }] },
          },
        },
        networkProfile: { networkInterfaces: [{ id: `${NET}/networkInterfaces/c1-cp-a-nic`, primary: true }] },
        diagnosticsProfile: { bootDiagnostics: { enabled: true } },
      },
      fast,
    );
    expect(vm.provisioningState).toBe('Succeeded');
    expect(vm.osProfile?.customData).toBeUndefined();
    const [booted] = [...bench.machines.running.values()];
    expect(booted).toMatchObject({
      name: 'c1-cp-a',
      zone: '1',
      cores: 2,
      memoryGiB: 8,
      customData: '#cloud-config',
      privateIp: '10.0.0.4',
      identityIds: [identityId],
      dataDisks: [{ lun: 0, name: 'c1-cp-a_etcddisk', sizeGiB: 256 }],
    });
    expect(bench.arm.directory.backendsOf('c1-abc.westeurope.cloudapp.azure.com', 6443)).toEqual([
      { vmId: vm.id, guestPort: 6443 },
    ]);
    expect(bench.arm.directory.backendsOf('c1-abc.westeurope.cloudapp.azure.com', 2201)).toEqual([
      { vmId: vm.id, guestPort: 22 },
    ]);
    const view = await compute.virtualMachines.instanceView('platform', 'c1-cp-a');
    expect(view.statuses?.map((status) => status.code)).toEqual(['ProvisioningState/succeeded', 'PowerState/running']);
    const disk = await compute.disks.get('platform', 'c1-cp-a_etcddisk');
    expect(disk.managedBy).toBe(vm.id);
    const usages = await collect(compute.usage.list(location));
    expect(usages.find((usage) => usage.name.value === 'standardDSv5Family')?.currentValue).toBe(2);
    const boot = await compute.virtualMachines.retrieveBootDiagnosticsData('platform', 'c1-cp-a');
    const url = new URL(boot.serialConsoleLogBlobUri!);
    const log = await bench.arm.bootDiagnostics({
      method: 'GET',
      host: url.host,
      path: url.pathname,
      query: url.searchParams,
      rawUrl: url.pathname + url.search,
      headers: {},
      body: Buffer.alloc(0),
    });
    expect(log.body).toBe('console of c1-cp-a');
    await compute.virtualMachines.deallocate('platform', 'c1-cp-a', fast);
    expect(bench.arm.directory.machineIdentityIds(vm.id!)).toBeUndefined();
    await compute.virtualMachines.start('platform', 'c1-cp-a', fast);
    expect(bench.machines.log.slice(-2)).toEqual(['stop c1-cp-a deallocated', 'start c1-cp-a resumed']);
  });

  test('sizes with zones and restrictions', async () => {
    const skus = await collect(azure.compute.resourceSkus.list({ filter: `location eq '${location}'` }));
    expect(skus.find((sku) => sku.name === 'Standard_D2s_v5')?.locationInfo?.[0]?.zones).toEqual(['1', '2', '3']);
    expect(skus.find((sku) => sku.name === 'Standard_D4as_v5')?.restrictions?.[0]?.restrictionInfo?.zones).toEqual([
      '3',
    ]);
    const none = await collect(azure.compute.resourceSkus.list({ filter: "location eq 'northcentralus'" }));
    expect(none.every((sku) => sku.locationInfo?.[0]?.zones?.length === 0)).toBe(true);
  });

  test('gallery, image definition, version', async () => {
    const { compute } = azure;
    await compute.galleries.createOrUpdate('platform', 'c1gallery', { location }, fast);
    await compute.galleryImages.createOrUpdate(
      'platform',
      'c1gallery',
      'ubuntu',
      { location, osType: 'Linux', osState: 'Generalized', identifier: { publisher: 'c', offer: 'o', sku: 's' } },
      fast,
    );
    const version = await compute.galleryImageVersions.createOrUpdate(
      'platform',
      'c1gallery',
      'ubuntu',
      '1.0.0',
      {
        location,
        storageProfile: { source: { id: `${PLATFORM}/providers/Microsoft.Compute/images/c1-image` } },
        publishingProfile: { targetRegions: [{ name: location }] },
      },
      fast,
    );
    expect(version.publishingProfile?.targetRegions?.[0]?.name).toBe('West Europe');
    await compute.galleryImageVersions.delete('platform', 'c1gallery', 'ubuntu', '1.0.0', fast);
  });

  test('storage account: 202 and Location, keys, containers, patch, delete', async () => {
    const { storage } = azure;
    expect(
      await storage.storageAccounts.checkNameAvailability({
        name: 'c1images01',
        type: 'Microsoft.Storage/storageAccounts',
      }),
    ).toMatchObject({ nameAvailable: true });
    const account = await storage.storageAccounts.create(
      'platform',
      'c1images01',
      { location, kind: 'StorageV2', sku: { name: 'Standard_LRS' }, allowSharedKeyAccess: false },
      fast,
    );
    expect(account.provisioningState).toBe('Succeeded');
    expect((await storage.storageAccounts.listKeys('platform', 'c1images01')).keys).toHaveLength(2);
    expect(bench.arm.directory.storageAccount('c1images01')).toMatchObject({
      allowSharedKeyAccess: false,
      allowBlobPublicAccess: false,
    });
    await storage.blobContainers.create('platform', 'c1images01', 'images', {});
    expect((await collect(storage.blobContainers.list('platform', 'c1images01'))).map((item) => item.name)).toEqual([
      'images',
    ]);
    const patched = await storage.storageAccounts.update('platform', 'c1images01', {
      tags: { a: 'b' },
      allowSharedKeyAccess: true,
    });
    expect(patched.allowSharedKeyAccess).toBe(true);
    await storage.blobContainers.delete('platform', 'c1images01', 'images');
    await storage.storageAccounts.delete('platform', 'c1images01');
    expect(bench.storage.containers.has('c1images01/images')).toBe(false);
    expect(
      await storage.storageAccounts.checkNameAvailability({
        name: 'corpimages0001',
        type: 'Microsoft.Storage/storageAccounts',
      }),
    ).toMatchObject({ nameAvailable: false, reason: 'AlreadyExists' });
  });

  test('availability set, disk, tags, resource lists, providers', async () => {
    const { compute, resources } = azure;
    const set = await compute.availabilitySets.createOrUpdate('platform', 'c1-as', {
      location,
      sku: { name: 'Aligned' },
    });
    expect(set.platformFaultDomainCount).toBe(3);
    await compute.disks.createOrUpdate(
      'platform',
      'c1-disk',
      { location, creationData: { createOption: 'Empty' }, diskSizeGB: 8 },
      fast,
    );
    const tags = await resources.tagsOperations.updateAtScope(`${PLATFORM}/providers/Microsoft.Compute/disks/c1-disk`, {
      operation: 'Merge',
      properties: { tags: { cluster: 'c1' } },
    });
    expect(tags).toBeDefined();
    const found = await collect(resources.resources.list({ filter: "tagName eq 'cluster' and tagValue eq 'c1'" }));
    expect(found.map((item) => item.name)).toEqual(['c1-disk']);
    expect((await collect(resources.resources.listByResourceGroup('platform'))).length).toBeGreaterThan(8);
    expect((await resources.providers.get('Microsoft.Compute')).registrationState).toBe('Registered');
    await compute.disks.delete('platform', 'c1-disk', fast);
    await expect(compute.disks.get('platform', 'c1-disk')).rejects.toMatchObject({ statusCode: 404, code: 'NotFound' });
  });

  test('deleting the machine takes its disks along and frees its interface; the group goes with everything', async () => {
    const { compute, network, resources } = azure;
    await expect(network.networkInterfaces.delete('platform', 'c1-cp-a-nic', fast)).rejects.toMatchObject({
      code: 'NicInUse',
    });
    await compute.virtualMachines.delete('platform', 'c1-cp-a', fast);
    await expect(compute.disks.get('platform', 'c1-cp-a_OSDisk')).rejects.toMatchObject({ statusCode: 404 });
    await network.networkInterfaces.delete('platform', 'c1-cp-a-nic', fast);
    await resources.resourceGroups.createOrUpdate('temporary', { location });
    expect(await resources.resourceGroups.checkExistence('temporary')).toMatchObject({ body: true });
    await network.routeTables.createOrUpdate('temporary', 'rt', { location }, fast);
    await resources.resourceGroups.delete('temporary', fast);
    expect(bench.arm.control.resources().some((item) => item.id.includes('/temporary'))).toBe(false);
    await expect(resources.resourceGroups.get('temporary')).rejects.toMatchObject({ code: 'ResourceGroupNotFound' });
  });

  test('nothing of it was outside the model', () => {
    expect(bench.arm.control.unmodelled()).toEqual([]);
    expect(
      bench.arm.control.resources().every((item) => item.id.startsWith(`/subscriptions/${SEED.subscriptionId}`)),
    ).toBe(true);
  });
});
