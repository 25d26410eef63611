import { randomUUID } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import type { RequestLogEntry } from '#local/azure/service.ts';
import { createSimulator } from '#local/simulator/simulator.ts';
import { virtualClock } from '../azure-arm/harness.ts';
import { appCredential, send, temporaryDirectory } from './helpers.ts';

const group = '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform/providers';
const account = 'corpimages0001.blob.core.windows.net';
const secrets = new Set(['www-authenticate', 'date', 'connection', 'keep-alive', 'x-ms-client-request-id']);

interface Told {
  readonly log: readonly RequestLogEntry[];
  readonly answers: readonly string[];
}

/** A mixed script against every plane: writes, polls, copies, leases, faults by chance, refusals. */
async function script(seed: string): Promise<Told> {
  const clock = virtualClock();
  const dataDirectory = temporaryDirectory();
  const simulator = await createSimulator({ port: 0, dataDirectory, timeScale: 1, clock, seed, seedImages: false });
  onTestFinished(() => simulator.close());
  const answers: string[] = [];
  const bearer = async (resource: string) =>
    `Bearer ${(await appCredential(simulator).getToken(`${resource}/.default`))?.token}`;
  const arm = await bearer('https://management.azure.com');
  const storage = await bearer('https://storage.azure.com');
  const vault = await bearer('https://vault.azure.net');
  const ask = async (
    host: string,
    authorization: string,
    method: string,
    path: string,
    more: object = {},
    body = '',
  ) => {
    const headers = { authorization, 'x-ms-version': '2025-11-05', ...more };
    try {
      const { status, headers: own, text } = await send(simulator, host, method, path, { headers, body });
      const shown = Object.entries(own)
        .filter(([name]) => !secrets.has(name))
        .sort(([a], [b]) => (a < b ? -1 : 1));
      answers.push(JSON.stringify([method, path.slice(0, 120), status, shown, text]));
      return own;
    } catch {
      answers.push(`${method} ${path} broken`);
      return {};
    }
  };
  const manage = async (method: string, path: string, body?: object) =>
    ask('management.azure.com', arm, method, path, {}, body === undefined ? '' : JSON.stringify(body));
  const door = async (rule: object) =>
    send(simulator, `127.0.0.1:${simulator.port}`, 'POST', '/_simulator/faults', { body: JSON.stringify(rule) });
  await door({
    match: { probability: 0.3 },
    times: 0,
    action: { kind: 'status', status: 503, code: 'ServiceUnavailable' },
  });
  await door({ service: 'blob', match: { probability: 0.3 }, times: 0, action: { kind: 'reset-after' } });
  await ask(account, storage, 'PUT', '/images?restype=container');
  for (const index of [1, 2, 3, 4, 5, 6]) {
    const network = `${group}/Microsoft.Network/virtualNetworks/v${index}?api-version=2025-03-01`;
    const made = await manage('PUT', network, {
      location: 'westeurope',
      properties: { addressSpace: { addressPrefixes: ['10.0.0.0/16'] } },
    });
    const poll = String(made['azure-asyncoperation'] ?? '').replace('https://management.azure.com', '');
    clock.advance(2);
    if (poll !== '') await manage('GET', poll);
    await manage('PUT', `${group}/Microsoft.ManagedIdentity/userAssignedIdentities/i${index}?api-version=2023-01-31`, {
      location: 'westeurope',
    });
    await manage('PUT', `${group}/Microsoft.Network/virtualNetworks/v${index}/nothing/x?api-version=1`, {});
    clock.advance(20);
    await manage('DELETE', network);
    const path = `/images/b${index}`;
    await ask(account, storage, 'PUT', path, { 'x-ms-blob-type': 'PageBlob', 'x-ms-blob-content-length': '1024' });
    await ask(account, storage, 'PUT', `${path}?comp=lease`, {
      'x-ms-lease-action': 'acquire',
      'x-ms-lease-duration': '15',
    });
    await ask(account, storage, 'PUT', `${path}copy`, { 'x-ms-copy-source': `https://${account}${path}` });
    await ask(account, storage, 'HEAD', `${path}copy`);
    await ask(account, storage, 'GET', '/images?restype=container&comp=list');
    const kept = `/secrets/s${index}?api-version=7.6`;
    await ask('capstan-kv.vault.azure.net', vault, 'PUT', kept, {}, '{"value":"x"}');
    await ask('capstan-kv.vault.azure.net', vault, 'DELETE', kept);
    clock.advance(60);
  }
  return { log: simulator.log.entries(), answers };
}

test('the same seed and requests give the same log and the same answers, ids, etags and faults by chance included', async () => {
  const one = await script('a');
  const other = await script('a');
  expect(one.log.length).toBeGreaterThan(60);
  expect(one.log).toEqual(other.log);
  expect(one.answers).toEqual(other.answers);
});

test('another seed gives other ids', async () => {
  const [one, other] = [await script('a'), await script(randomUUID())];
  const ids = ({ log }: Told) => log.map((entry) => entry.correlationId).filter((id) => id !== undefined);
  expect(ids(one)).not.toEqual(ids(other));
});
