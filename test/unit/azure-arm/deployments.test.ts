import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Bench, createBench, NET, PLATFORM } from './harness.ts';

let bench: Bench;

beforeEach(() => {
  bench = createBench();
});

afterEach(() => {
  bench.close();
});

const at = (name: string) => `${PLATFORM}/providers/Microsoft.Resources/deployments/${name}`;
const VERSION = 'api-version=2024-11-01';

const template = (resources: unknown, rest: object = {}) => ({
  $schema: 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#',
  contentVersion: '1.0.0.0',
  resources,
  ...rest,
});

const network = {
  type: 'Microsoft.Network/virtualNetworks',
  apiVersion: '2024-05-01',
  name: 'v',
  location: '[resourceGroup().location]',
  properties: {
    addressSpace: { addressPrefixes: ['10.0.0.0/16'] },
    subnets: [{ name: 's', properties: { addressPrefix: '10.0.0.0/24' } }],
  },
};

const nic = {
  type: 'Microsoft.Network/networkInterfaces',
  apiVersion: '2024-05-01',
  name: "[concat(parameters('name'), copyIndex())]",
  location: 'westeurope',
  copy: { name: 'nics', count: 2 },
  dependsOn: ['v'],
  properties: {
    ipConfigurations: [
      {
        name: 'c',
        properties: { subnet: { id: "[resourceId('Microsoft.Network/virtualNetworks/subnets', 'v', 's')]" } },
      },
    ],
  },
};

async function deploy(name: string, body: object, parameters: object = {}) {
  return bench.call('PUT', `${at(name)}?${VERSION}`, {
    properties: { mode: 'Incremental', template: body, parameters },
  });
}

describe('Microsoft.Resources/deployments', () => {
  test('resources are made in the order of their dependencies, and outputs read what was made', async () => {
    const body = template([nic, network], {
      parameters: { name: { type: 'string' }, secret: { type: 'securestring', defaultValue: '[newGuid()]' } },
      outputs: { id: { type: 'string', value: "[reference('v').subnets[0].id]" } },
    });
    const first = await deploy('d', body, { name: { value: 'n' } });
    expect(first.status).toBe(201);
    expect(first.body.properties.provisioningState).toBe('Accepted');
    expect(first.headers['azure-asyncoperation']).toContain('/operationStatuses/');
    bench.settle();
    const done = await bench.call('GET', `${at('d')}?${VERSION}`);
    expect(done.body.properties.provisioningState).toBe('Succeeded');
    expect(done.body.properties.outputs.id.value).toMatch(/virtualNetworks\/v\/subnets\/s$/u);
    expect(done.body.properties.parameters).toEqual({
      name: { type: 'string', value: 'n' },
      secret: { type: 'securestring' },
    });
    expect(done.body.properties.outputResources).toHaveLength(3);
    for (const name of ['n0', 'n1']) {
      const made = await bench.call('GET', `${NET}/networkInterfaces/${name}?api-version=2024-05-01`);
      expect(made.body.properties.provisioningState).toBe('Succeeded');
    }
    const operations = await bench.call('GET', `${at('d')}/operations?${VERSION}`);
    expect(operations.body.value.map((item: any) => item.properties.provisioningState)).toEqual(
      Array(3).fill('Succeeded'),
    );
  });

  test('a refused resource fails the deployment with the inner error; what depends on it is not begun', async () => {
    const bad = { ...network, properties: { addressSpace: { addressPrefixes: ['not-a-prefix'] } } };
    const dependent = { ...network, name: 'w', dependsOn: ["[resourceId('Microsoft.Network/virtualNetworks', 'v')]"] };
    const first = await deploy('d', template([bad, dependent]));
    bench.settle();
    const status = await bench.call('GET', first.headers['azure-asyncoperation'] ?? '');
    expect(status.body.status).toBe('Failed');
    expect(status.body.error.code).toBe('DeploymentFailed');
    expect(status.body.error.details[0].code).not.toBe('');
    expect((await bench.call('GET', `${NET}/virtualNetworks/w?api-version=2024-05-01`)).status).toBe(404);
  });

  test('a deployment goes on after the process was killed', async () => {
    await deploy('d', template([network, nic], { parameters: { name: { type: 'string', defaultValue: 'n' } } }));
    bench.clock.advance(2);
    bench = bench.restart();
    bench.arm.start();
    bench.settle();
    const done = await bench.call('GET', `${at('d')}?${VERSION}`);
    expect(done.body.properties.provisioningState).toBe('Succeeded');
  });

  test('what was deployed can be deleted: the record of the deployment does not hold it', async () => {
    const address = {
      type: 'Microsoft.Network/publicIPAddresses',
      apiVersion: '2024-05-01',
      name: 'p',
      location: 'westeurope',
      sku: { name: 'Standard' },
      properties: { publicIPAllocationMethod: 'Static' },
    };
    await deploy('d', template([address]));
    bench.settle();
    const answer = await bench.call('DELETE', `${NET}/publicIPAddresses/p?api-version=2024-05-01`);
    expect(answer.status).toBe(202);
  });

  test('validation writes nothing', async () => {
    const answer = await bench.call('POST', `${at('d')}/validate?${VERSION}`, {
      properties: { mode: 'Incremental', template: template([network]) },
    });
    expect(answer.status).toBe(200);
    expect(answer.body.properties.validatedResources).toHaveLength(1);
    expect((await bench.call('GET', `${at('d')}?${VERSION}`)).status).toBe(404);
  });

  test.each([
    [
      'a circle',
      template([
        { ...network, dependsOn: ['w'] },
        { ...network, name: 'w', dependsOn: ['v'] },
      ]),
      'InvalidTemplate',
    ],
    ['an expression that does not parse', template([{ ...network, name: '[concat(]' }]), 'InvalidTemplate'],
    ['an unknown function', template([{ ...network, name: "[frobnicate('x')]" }]), 'InvalidTemplate'],
    ['a parameter without a value', template([network], { parameters: { p: { type: 'int' } } }), 'InvalidTemplate'],
    ['an unknown type', template([{ ...network, type: 'Microsoft.Warp/drives' }]), 'InvalidTemplateDeployment'],
    ['an unknown api-version', template([{ ...network, apiVersion: '1999-01-01' }]), 'InvalidTemplateDeployment'],
    ['the same resource twice', template([network, network]), 'InvalidTemplate'],
    ['no resources', { ...template([]), resources: undefined }, 'InvalidTemplate'],
    [
      'nesting without end',
      template([{ ...network, name: `[${'concat('.repeat(5000)}'x'${')'.repeat(5000)}]` }]),
      'InvalidTemplate',
    ],
  ])('%s is refused before anything is written', async (_what, body, code) => {
    const answer = await deploy('d', body);
    expect(answer.status).toBe(400);
    expect(answer.body.error.code).toBe(code);
    expect((await bench.call('GET', `${at('d')}?${VERSION}`)).status).toBe(404);
  });

  test('what Azure has and the simulation has not is a loud 501 and counted', async () => {
    const answer = await deploy('d', template([{ ...network, name: "[cidrSubnet('10.0.0.0/16', 24, 0)]" }]));
    expect(answer.status).toBe(501);
    expect(answer.body.error.message).toContain('cidrSubnet');
    expect(bench.arm.control.unmodelled()).toHaveLength(1);
  });

  test.each([
    ["[format('{0}-{1}', 'a', 1)]", 'a-1'],
    ["[if(equals(1, 2), 'yes', toLower('NO'))]", 'no'],
    ["[substring('abcdef', 1, 3)]", 'bcd'],
    ["[last(split('a/b/c', '/'))]", 'c'],
    ["[string(length(union(createArray('a'), createArray('a', 'b'))))]", '2'],
    ['[[not an expression]', '[not an expression]'],
    ["[guid('x')]", expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-5/u)],
    ["[createObject('a', createArray('x')).a[0]]", 'x'],
  ])('the expression %s', async (value, expected) => {
    await deploy('d', template([], { outputs: { o: { type: 'string', value } } }));
    bench.settle();
    const done = await bench.call('GET', `${at('d')}?${VERSION}`);
    expect(done.body.properties.outputs.o.value).toEqual(expected);
  });
});
