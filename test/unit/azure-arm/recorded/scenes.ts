import { SEED } from '#local/azure/azure.ts';
import type { ArmAnswer, Bench } from '../harness.ts';
import type { Exchange } from './exchanges.ts';
import { ensure, newest, withPrincipal } from './prepare.ts';

/** What happens just before a request that is then refused, and how the request is sent. */
type Scene = (bench: Bench, exchange: Exchange) => Promise<ArmAnswer>;

const send = async (
  bench: Bench,
  { method, url, body, path, response }: Exchange,
  headers: Record<string, string> = {},
) => bench.call(method, url, response.status === 400 ? body : withPrincipal(body, path), headers);
const put = async (bench: Bench, id: string, body: object) =>
  bench.call('PUT', `${id}?api-version=${newest(id)}`, body);
const location = 'westus2';
const groupOf = ({ path }: Exchange): string => path.split('/').slice(0, 5).join('/');
const interfaceIn = (subnet: string) => ({
  location,
  properties: { ipConfigurations: [{ name: 'c', properties: { subnet: { id: subnet } } }] },
});

const inUse: Scene = async (bench, exchange) => {
  const subnet = `${exchange.path}/subnets/used`;
  await ensure(bench, subnet);
  await put(bench, `${groupOf(exchange)}/providers/Microsoft.Network/networkInterfaces/user`, interfaceIn(subnet));
  return send(bench, exchange);
};

const addressInUse: Scene = async (bench, exchange) => {
  await ensure(bench, exchange.path);
  await put(bench, `${groupOf(exchange)}/providers/Microsoft.Network/loadBalancers/user`, {
    location,
    sku: { name: 'Standard' },
    properties: {
      frontendIPConfigurations: [{ name: 'f', properties: { publicIPAddress: { id: exchange.path } } }],
    },
  });
  bench.settle();
  return send(bench, exchange);
};

const zoneWithLink: Scene = async (bench, exchange) => {
  const network = `${groupOf(exchange)}/providers/Microsoft.Network/virtualNetworks/linked`;
  await ensure(bench, exchange.path);
  await ensure(bench, network);
  await put(bench, `${exchange.path}/virtualNetworkLinks/l`, {
    location: 'global',
    properties: { virtualNetwork: { id: network }, registrationEnabled: false },
  });
  bench.settle();
  return send(bench, exchange);
};

const groupGoes: Scene = async (bench, exchange) => {
  await ensure(bench, `${groupOf(exchange)}/providers/Microsoft.Network/virtualNetworks/slow`);
  await bench.call('DELETE', `${groupOf(exchange)}?api-version=2025-04-01`);
  return send(bench, exchange);
};

const accountIsMade: Scene = async (bench, exchange) => {
  const id = exchange.path.split('/').slice(0, -1).join('/');
  await bench.call('DELETE', `${id}?api-version=${newest(id)}`);
  await put(bench, id, { location, kind: 'StorageV2', sku: { name: 'Standard_LRS' } });
  return send(bench, exchange);
};

const sameAssignment: Scene = async (bench, exchange) => {
  const other = exchange.path.replace(/[^/]+$/u, '00000000-0000-4000-8000-00000000000a');
  const body = withPrincipal(exchange.body, exchange.path);
  body.properties.roleDefinitionId = `/subscriptions/${SEED.subscriptionId}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7`;
  await put(bench, other, body);
  return bench.call('PUT', exchange.url, body);
};

/** The network, its subnet or the route table is being written. */
const busy: Scene = async (bench, exchange) => {
  const { path, body } = exchange;
  const parent = path.split('/').slice(0, 9).join('/');
  if (/\/(?:subnets|virtualNetworkPeerings)\//iu.test(path)) {
    await ensure(bench, parent);
    const remote = body?.properties?.remoteVirtualNetwork?.id;
    if (remote !== undefined) await ensure(bench, remote);
    await put(bench, `${remote ?? parent}/subnets/other`, { properties: { addressPrefix: '10.99.0.0/24' } });
  } else if (/\/routes\//iu.test(path)) {
    await ensure(bench, path);
    await put(bench, `${parent}/routes/other`, { properties: { addressPrefix: '10.8.0.0/16', nextHopType: 'None' } });
  } else {
    const subnet = body.properties.ipConfigurations[0].properties.subnet.id;
    const network = subnet.split('/').slice(0, 9).join('/');
    if (!(await bench.call('GET', `${network}?api-version=${newest(network)}`).then(({ status }) => status === 200)))
      await put(bench, network, {
        location: body.location,
        properties: { addressSpace: { addressPrefixes: ['10.0.0.0/8'] } },
      });
    bench.settle();
    await put(bench, subnet, { properties: { addressPrefix: '10.98.0.0/24' } });
  }
  return send(bench, exchange);
};

const clusterIsMade: Scene = async (bench, exchange) => {
  await put(bench, exchange.path, {
    location,
    identity: { type: 'SystemAssigned' },
    properties: {
      dnsPrefix: 'busy',
      agentPoolProfiles: [{ name: 'system', mode: 'System', count: 1, vmSize: 'Standard_D2s_v5' }],
    },
  });
  return send(bench, exchange);
};

const deletedVault: Scene = async (bench, exchange) => {
  const name = exchange.path.split('/').at(-1) ?? '';
  const id = `/subscriptions/${SEED.subscriptionId}/resourceGroups/platform/providers/Microsoft.KeyVault/vaults/${name}`;
  await put(bench, id, {
    location,
    properties: { tenantId: SEED.tenantId, sku: { family: 'A', name: 'standard' }, enableRbacAuthorization: true },
  });
  await bench.call('DELETE', `${id}?api-version=${newest(id)}`);
  return send(bench, exchange);
};

const exists: Scene = async (bench, exchange) => {
  await ensure(bench, exchange.path.split('/').slice(0, -2).join('/'));
  await send(bench, exchange);
  return send(bench, exchange, { 'if-none-match': '*' });
};

/** What Azure answers now and then, and the simulated one when a fault rule says so. */
const injected: Scene = async (bench, exchange) => {
  const { code, message, details } = exchange.response.body?.error ?? {};
  const retryAfter = exchange.response.headers['retry-after'];
  bench.arm.control.faults.add({
    action: {
      kind: 'status',
      status: exchange.response.status,
      code: code ?? 'InternalServerError',
      ...(message === undefined ? {} : { message }),
      ...(Array.isArray(details)
        ? { details: details.map((item) => ({ code: item.code, message: item.message })) }
        : {}),
      ...(retryAfter === undefined ? {} : { retryAfter: Number(retryAfter) }),
      ...(exchange.response.headers['x-ms-failure-cause'] === undefined
        ? {}
        : { cause: exchange.response.headers['x-ms-failure-cause'] }),
    },
  });
  return send(bench, exchange);
};

/** A long operation that ends Failed with the recorded error. */
const operationFails: Scene = async (bench, { path, response }) => {
  const { code, message, details } = response.body.error;
  const providers = `/subscriptions/${SEED.subscriptionId}/resourceGroups/platform/providers`;
  const isCompute = path.includes('/Microsoft.Compute/');
  const id = isCompute
    ? `${providers}/Microsoft.Compute/galleries/fails`
    : path.includes('privateDns')
      ? `${providers}/Microsoft.Network/privateDnsZones/fails.example`
      : `${providers}/Microsoft.Network/virtualNetworks/fails`;
  bench.arm.control.faults.add({
    match: { method: 'PUT' },
    action: { kind: 'operation-fails', code, message, ...(details === undefined ? {} : { details }) },
  });
  const body = id.includes('virtualNetworks')
    ? { properties: { addressSpace: { addressPrefixes: ['10.0.0.0/8'] } } }
    : {};
  const answer = await put(bench, id, { location: id.includes('Zones') ? 'global' : location, ...body });
  bench.settle();
  return bench.call('GET', (answer.headers['azure-asyncoperation'] ?? '').replace('https://management.azure.com', ''));
};

const byCode: Readonly<Record<string, Scene>> = {
  InUseSubnetCannotBeDeleted: inUse,
  PublicIPAddressCannotBeDeleted: addressInUse,
  ResourceGroupBeingDeleted: groupGoes,
  StorageAccountIsNotProvisioned: accountIsMade,
  RoleAssignmentExists: sameAssignment,
  RetryableError: busy,
  ReferencedResourceNotProvisioned: busy,
  AnotherOperationInProgress: busy,
  EtagMismatch: clusterIsMade,
  PreconditionFailed: exists,
  ServiceUnavailable: injected,
  ResourceReadFailed: injected,
  GatewayTimeout: injected,
  '429': injected,
};

/** The scene of an exchange; most need none. */
export function sceneOf(exchange: Exchange): Scene {
  const { path, response, method } = exchange;
  const code = response.body?.error?.code ?? response.body?.code;
  if (response.body?.status === 'Failed') return operationFails;
  if (code === 'CannotDeleteResource' && path.includes('privateDnsZones')) return zoneWithLink;
  if (response.status === 401 || code === 'AuthorizationFailed') {
    const stranger = { authorization: response.status === 401 ? 'Bearer expired' : `Bearer ${SEED.tenantId}` };
    return async (bench) => {
      if (response.status === 401) bench.arm.control.faults.add({ action: { kind: 'token-expired' } });
      return send(bench, exchange, stranger);
    };
  }
  if (method === 'GET' && path.includes('/deletedVaults/') && response.status === 200) return deletedVault;
  return byCode[code] ?? send;
}
