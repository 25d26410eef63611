import { expect, test } from 'vitest';
import { readStaticNetwork } from '#azure/facts/static-network.ts';
import { sampleDocument } from '#test/support/sample-plan.ts';

const group = (name: string) => `/subscriptions/s/resourceGroups/${name}/providers/Microsoft.Network`;

/** The user's network, with the worker subnet's security group in the given resource group. */
function networkIn(securityGroupIn: string): any {
  const subnet = (name: string, more: object) => ({
    id: `${group('network')}/virtualNetworks/v/subnets/${name}`,
    name,
    addressPrefix: '10.60.0.0/24',
    ...more,
  });
  const existing = {
    id: `${group('network')}/virtualNetworks/v`,
    location: 'westeurope',
    addressSpace: { addressPrefixes: ['10.60.0.0/16'] },
    subnets: [
      subnet('cp', {}),
      subnet('w', {
        networkSecurityGroup: { id: `${group(securityGroupIn)}/networkSecurityGroups/w-nsg` },
        routeTable: { id: `${group('network')}/routeTables/r` },
        natGateway: { id: `${group('network')}/natGateways/n` },
      }),
    ],
  };
  return { network: async () => ({ virtualNetworks: { get: async () => existing } }) };
}

const document = sampleDocument({
  network: {
    placement: 'static',
    resourceGroup: 'network',
    virtualNetwork: 'v',
    controlPlaneSubnet: 'cp',
    workerSubnet: 'w',
  },
});

test('reads what the user attached to the subnets', async () => {
  const found = await readStaticNetwork(networkIn('network'), document);
  expect(found?.controlPlaneSubnet.attached).toEqual({});
  expect(found?.workerSubnet.attached).toEqual({
    networkSecurityGroup: `${group('network')}/networkSecurityGroups/w-nsg`,
    routeTable: `${group('network')}/routeTables/r`,
    natGateway: `${group('network')}/natGateways/n`,
  });
  expect(await readStaticNetwork(networkIn('Network'), document)).toBeDefined();
});

test('refuses a security group where the cloud provider would not find it', async () => {
  await expect(readStaticNetwork(networkIn('elsewhere'), document)).rejects.toMatchObject({
    outcome: { error: { code: 'CAP-2009', cause: expect.stringContaining('it is in elsewhere') } },
  });
});
