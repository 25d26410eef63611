import { rootCertificates } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleDocument } from '../../support/sample-plan.ts';
import { type Stack, startStack, story } from '../../support/stack.ts';
import { askAzure, givePrivateEndpoint, management } from './azure-door.ts';
import { subscription } from './harness.ts';

/** Clusters in a network that has one way out: what a stored gateway lends them, and what is refused beside it. */
let stack: Stack;
beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack.stop());

const subnet = `${subscription}/resourceGroups/network/providers/Microsoft.Network/virtualNetworks/corp-vnet/subnets/corp-workers`;
const account = `${subscription}/resourceGroups/storage/providers/Microsoft.Storage/storageAccounts/corpimages0001`;
const trustedCa = `${rootCertificates[0] ?? ''}\n`;
const gateway = {
  virtualNetwork: { resourceGroup: 'network', name: 'corp-vnet' },
  httpsProxy: 'http://proxy.corp.example:3128',
  noProxy: ['.corp.example'],
  trustedCa,
};
const network = { placement: 'static', controlPlaneSubnet: 'corp-control-plane', workerSubnet: 'corp-workers' };
const storage = { account: 'corpimages0001', resourceGroup: 'storage', container: 'images', networkAccess: 'private' };
const small = { controlPlane: { replicas: 1 }, workerPools: [] };

async function write(path: string, body: object, method = 'PUT'): Promise<void> {
  const { status, text } = await askAzure(stack, management, method, path, body);
  expect(status, text).toBeLessThan(300);
  for (;;) {
    const read = await askAzure(stack, management, 'GET', path);
    if (/"provisioningState":"Succeeded"/.test(read.text)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const apply = (name: string, patch: Record<string, unknown>) =>
  stack.request('PUT', `/api/clusters/${name}`, JSON.stringify(sampleDocument({ ...small, ...patch }, name)));

describe('a private gateway', () => {
  it('is stored, read and listed, and one that is wrong is told where', async () => {
    const wrong = await stack.request('PUT', '/api/gateways/corp', 'virtualNetwork: { name: corp-vnet }\nproxy: x\n');
    expect([wrong.status, JSON.parse(wrong.text)]).toMatchObject([
      400,
      {
        code: 'CAP-1001',
        problems: [
          { path: 'virtualNetwork.resourceGroup', line: 1 },
          { path: 'proxy', line: 2 },
        ],
      },
    ]);
    expect((await stack.request('GET', '/api/gateways/corp')).status).toBe(404);
    expect((await stack.request('PUT', '/api/gateways/Corp_1', JSON.stringify(gateway))).status).toBe(400);
    expect((await stack.request('PUT', '/api/gateways/corp', JSON.stringify(gateway))).status).toBe(200);
    expect(JSON.parse((await stack.request('GET', '/api/gateways/corp')).text)).toMatchObject({
      name: 'corp',
      gateway,
    });
    expect(JSON.parse((await stack.request('GET', '/api/gateways')).text).items).toHaveLength(1);
  });

  it.each([
    ['dynamic placement', { storage, network: {} }, 'CAP-1006', 'spec.gateway'],
    [
      'another network',
      { storage, network: { ...network, virtualNetwork: 'x' } },
      'CAP-1021',
      'spec.network.virtualNetwork',
    ],
    ['an account of Capstan', { network, storage: { networkAccess: 'private' } }, 'CAP-1021', 'spec.storage.account'],
    [
      'an open account',
      { network, storage: { ...storage, networkAccess: 'open' } },
      'CAP-1021',
      'spec.storage.networkAccess',
    ],
    ['no such gateway', { network, storage, gateway: 'other' }, 'CAP-1021', 'spec.gateway'],
  ])('is refused with %s, naming the field', async (_, patch, code, path) => {
    const answer = await apply('refused', { gateway: 'corp', ...patch });
    const { problems, remedy } = JSON.parse(answer.text) as { problems: { path: string }[]; remedy: string };
    expect([answer.status, JSON.parse(answer.text)]).toMatchObject([400, { code }]);
    expect(problems.map((problem) => problem.path)).toEqual([path]);
    expect(remedy.length).toBeGreaterThan(20);
  });

  it('lends a cluster its network, proxy and certificates, and the image comes through the private endpoint', async () => {
    await givePrivateEndpoint(write, subnet, account);
    await write(`${account}?api-version=2026-09-01`, { properties: { publicNetworkAccess: 'Disabled' } }, 'PATCH');
    const document = { gateway: 'corp', network, storage };
    const plan = await stack.request(
      'POST',
      '/api/clusters/inside/plan',
      JSON.stringify(sampleDocument({ ...small, ...document }, 'inside')),
    );
    expect(JSON.parse(plan.text).checks.filter(({ ok }: { ok: boolean }) => !ok)).toMatchObject([
      { id: 'storageAccess', error: { code: 'CAP-2015' } },
    ]);
    await stack.fault({ caller: { subnet } });
    expect((await apply('inside', document)).status).toBe(202);
    const seen = await stack.settled('inside');
    expect(seen.status.phase, story(seen)).toBe('Ready');
    const { spec } = JSON.parse((await stack.request('GET', '/api/clusters/inside')).text);
    expect(spec).toMatchObject({
      gateway: 'corp',
      network: { resourceGroup: 'network', virtualNetwork: 'corp-vnet' },
      proxy: { httpsProxy: 'http://proxy.corp.example:3128', noProxy: ['.corp.example'] },
      trustedCa,
    });
    const bundle = (await stack.request('GET', '/api/clusters/inside/bundle')).text;
    expect(bundle).toContain('/usr/local/share/ca-certificates/capstan-1.crt');
    expect(bundle).toContain('update-ca-certificates');
  });

  it('that changes later changes no running cluster, and cannot go while one names it', async () => {
    const changed = { ...gateway, httpsProxy: 'http://other.corp.example:3128' };
    expect((await stack.request('PUT', '/api/gateways/corp', JSON.stringify(changed))).status).toBe(200);
    expect((await apply('inside', { gateway: 'corp', network, storage })).status).toBe(200);
    const refused = await stack.request('DELETE', '/api/gateways/corp');
    expect([refused.status, refused.text]).toMatchObject([409, expect.stringMatching(/CAP-1022.*inside/)]);
    await stack.request('DELETE', '/api/clusters/inside');
    await stack.until('inside', ({ status }) => status.phase === 'Deleted');
    expect((await stack.request('DELETE', '/api/gateways/corp')).status).toBe(204);
    expect((await stack.request('DELETE', '/api/gateways/corp')).status).toBe(404);
  });
});
