import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createWallClock } from '#local/azure/clock.ts';
import type { AzureForMachines, BootedMachine, MachineHost } from '#local/azure/machines.ts';

export const SUBSCRIPTION = '22222222-2222-4222-8222-222222222222';
export const IDENTITY_ID = `/subscriptions/${SUBSCRIPTION}/resourceGroups/platform/providers/Microsoft.ManagedIdentity/userAssignedIdentities/demo-capz`;

type Json = Record<string, any>;

/** A tiny ARM and metadata service over HTTP: keeps what is PUT, boots VMs, and logs every write. */
export interface FakeAzure extends AzureForMachines {
  /** Set by tests of a private API server. */
  isInternal?(fqdn: string, port: number): boolean;
  readonly resources: Map<string, Json>;
  readonly writes: string[];
  /** Zones of the region; empty for a region without zones. */
  zones: string[];
  /** Answers to writes whose path matches, instead of doing them. */
  deny: { path: RegExp; status: number; code: string; message: string } | undefined;
  /** Machine ids whose metadata service hands out no token. */
  readonly withoutIdentity: Set<string>;
  attach(machines: MachineHost): void;
  bootAgain(): void;
  bootOnly(id: string, vm: Json): void;
  deleteVm(path: string): void;
  close(): Promise<void>;
}

const group = `/subscriptions/${SUBSCRIPTION}/resourceGroups/platform`;
export const path = (type: string, name: string): string =>
  `${group}/providers/${type.includes('/') ? type : `Microsoft.Network/${type}`}/${name}`;

async function bodyOf(incoming: IncomingMessage): Promise<Json> {
  let text = '';
  for await (const chunk of incoming) text += String(chunk);
  return text === '' ? {} : (JSON.parse(text) as Json);
}

export async function startFakeAzure(timeScale: number): Promise<FakeAzure> {
  const resources = new Map<string, Json>();
  const writes: string[] = [];
  const withoutIdentity = new Set<string>();
  let machines: MachineHost | undefined;
  let addresses = 10;
  const clock = createWallClock(timeScale);

  const bootOf = (id: string, vm: Json): BootedMachine => ({
    id,
    name: id.split('/').at(-1)!,
    computerName: vm['properties'].osProfile.computerName,
    subscriptionId: SUBSCRIPTION,
    resourceGroup: 'platform',
    location: vm['location'],
    zone: vm['zones']?.[0],
    vmSize: vm['properties'].hardwareProfile.vmSize,
    cores: 2,
    memoryGiB: 8,
    customData: Buffer.from(vm['properties'].osProfile.customData ?? '', 'base64').toString(),
    imageReference: vm['properties'].storageProfile?.imageReference?.id ?? 'image',
    identityIds: Object.keys(vm['identity']?.userAssignedIdentities ?? {}),
    privateIp: `10.0.0.${addresses++}`,
    backendPoolIds: [],
    dataDisks: (vm['properties'].storageProfile?.dataDisks ?? []).map((disk: Json) => ({
      lun: disk['lun'],
      name: disk['name'],
      sizeGiB: disk['diskSizeGB'],
    })),
    tags: vm['tags'] ?? {},
  });

  const answer = (
    response: ServerResponse,
    status: number,
    body: unknown,
    headers: Record<string, string> = {},
  ): void => {
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
  const metadata = (incoming: IncomingMessage, response: ServerResponse): void => {
    const vm = Buffer.from((incoming.headers['proxy-authorization'] ?? '').replace('Basic ', ''), 'base64')
      .toString()
      .replace(/:$/, '')
      .toLowerCase();
    const stored = resources.get(vm);
    if (stored === undefined || withoutIdentity.has(vm) || stored['identity'] === undefined)
      answer(response, 400, { error: 'invalid_request', error_description: 'Identity not found' });
    else answer(response, 200, { access_token: 'token', expires_on: String(Math.floor(Date.now() / 1000) + 3600) });
  };
  const put = (key: string, url: URL, body: Json, response: ServerResponse): void => {
    if (fake.deny?.path.test(key) === true) {
      const { status, code, message } = fake.deny;
      answer(response, status, { error: { code, message } });
      return;
    }
    const isNew = !resources.has(key);
    const resource = {
      ...body,
      id: url.pathname,
      name: url.pathname.split('/').at(-1),
      etag: `W/"${writes.length}"`,
      properties: { ...body['properties'], provisioningState: 'Succeeded' },
    };
    resources.set(key, resource);
    if (/virtualmachines\/[^/]+$/.test(key) && isNew) {
      resource.properties.provisioningState = 'Creating';
      clock.after(40, () => {
        if (!resources.has(key)) return;
        resource.properties.provisioningState = 'Succeeded';
        machines?.start(bootOf(url.pathname, resource), { resumed: false });
      });
    }
    if (key.includes('/inboundnatrules/')) {
      const balancer = resources.get(key.replace(/\/inboundnatrules\/.*/, ''))!;
      (balancer['properties'].inboundNatRules ??= []).push(resource);
    }
    answer(response, isNew ? 201 : 200, resource);
  };
  const arm = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(incoming.url!, 'https://management.azure.com');
    const key = decodeURIComponent(url.pathname).toLowerCase();
    const { method } = incoming;
    if (incoming.headers.authorization !== 'Bearer token')
      return answer(response, 401, { error: { code: 'InvalidAuthenticationToken', message: 'no' } });
    if (method !== 'GET') writes.push(`${method} ${url.pathname}`);
    if (key.endsWith('/skus')) {
      return answer(response, 200, {
        value: [
          ...['Standard_D2s_v5', 'Standard_D4s_v5'].map((name) => ({
            resourceType: 'virtualMachines',
            name,
            locationInfo: [{ location: 'westeurope', zones: fake.zones }],
            capabilities: [{ name: 'AcceleratedNetworkingEnabled', value: 'True' }],
            restrictions: [],
          })),
          {
            resourceType: 'availabilitySets',
            name: 'Aligned',
            locationInfo: [{ location: 'westeurope', zones: [] }],
            capabilities: [{ name: 'MaximumPlatformFaultDomainCount', value: '3' }],
            restrictions: [],
          },
        ],
      });
    }
    if (method === 'PUT') return put(key, url, await bodyOf(incoming), response);
    if (method === 'PATCH' && key.endsWith('/tags/default')) {
      const tagged = resources.get(key.replace('/providers/microsoft.resources/tags/default', ''));
      const { operation, properties } = await bodyOf(incoming);
      if (tagged === undefined) return answer(response, 404, { error: { code: 'ResourceNotFound', message: key } });
      tagged['tags'] =
        operation === 'Merge'
          ? { ...tagged['tags'], ...properties.tags }
          : Object.fromEntries(Object.entries(tagged['tags']).filter(([name]) => !(name in properties.tags)));
      return answer(response, 200, { properties: { tags: tagged['tags'] } });
    }
    const existing = resources.get(key);
    if (method === 'DELETE') {
      fake.deleteVm(key);
      return answer(response, existing === undefined ? 204 : 200, {});
    }
    if (existing === undefined) return answer(response, 404, { error: { code: 'ResourceNotFound', message: key } });
    return answer(response, 200, existing);
  };
  const server = createServer((incoming, response) => {
    if (incoming.headers.host === '169.254.169.254') metadata(incoming, response);
    else void arm(incoming, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const fake: FakeAzure = {
    gatewayUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clock,
    resources,
    writes,
    zones: ['1', '2', '3'],
    deny: undefined,
    withoutIdentity,
    resolveLoadBalancer: () => {
      for (const key of resources.keys()) {
        const port = /virtualmachines\/[^/]+$/.test(key) ? machines?.listeningPort(key, 6443) : undefined;
        if (port !== undefined) return port;
      }
      return undefined;
    },
    attach: (host) => {
      machines = host;
    },
    bootOnly: (id, vm) => machines?.start(bootOf(id, vm), { resumed: true }),
    bootAgain: () => {
      for (const [key, vm] of resources) {
        if (/virtualmachines\/[^/]+$/.test(key) && vm['properties'].provisioningState === 'Succeeded')
          machines?.start(bootOf(vm['id'] ?? key, vm), { resumed: true });
      }
    },
    deleteVm: (key) => {
      resources.delete(key.toLowerCase());
      if (/virtualmachines\/[^/]+$/i.test(key)) machines?.stop(key, 'deleted');
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return fake;
}
