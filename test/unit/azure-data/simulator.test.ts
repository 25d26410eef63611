import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ResourceManagementClient } from '@azure/arm-resources';
import { SecretClient } from '@azure/keyvault-secrets';
import { BlobServiceClient } from '@azure/storage-blob';
import { expect, onTestFinished, test } from 'vitest';
import { createSimulator } from '#local/simulator/simulator.ts';
import { appCredential, rerouted, send, temporaryDirectory } from './helpers.ts';

const subscription = '22222222-2222-4222-8222-222222222222';

async function start() {
  const simulator = await createSimulator({ port: 0, dataDirectory: temporaryDirectory(), timeScale: 1000 });
  onTestFinished(() => simulator.close());
  return simulator;
}

test('control plane, storage and vault answer the same identity under production names', async () => {
  const simulator = await start();
  const credential = appCredential(simulator);
  const options: any = { httpClient: rerouted(simulator), retryOptions: { maxRetries: 0, maxTries: 1 } };
  const groups: string[] = [];
  for await (const group of new ResourceManagementClient(credential, subscription, options).resourceGroups.list())
    groups.push(group.name ?? '');
  expect(groups).toEqual(expect.arrayContaining(['platform', 'network', 'storage', 'nozones', 'platform-admin']));
  const service = new BlobServiceClient('https://corpimages0001.blob.core.windows.net', credential, options);
  await service.getContainerClient('images').getBlockBlobClient('readme.txt').upload('x', 1);
  await service.getUserDelegationKey(new Date(Date.now() - 60_000), new Date(Date.now() + 60_000));
  await new SecretClient('https://capstan-kv.vault.azure.net', credential, options).setSecret('demo', 'x');
  const door = `127.0.0.1:${simulator.port}`;
  const log = JSON.parse((await send(simulator, door, 'GET', '/_simulator/requests')).text);
  expect(log.filter((entry: any) => entry.status >= 400 && entry.service !== 'vault')).toEqual([]);
  const quota = await send(simulator, door, 'POST', '/_simulator/faults', {
    body: '{"quota":{"location":"westeurope","limit":4}}',
  });
  expect(quota.status).toBe(201);
  expect(JSON.parse((await send(simulator, door, 'GET', '/_simulator/faults')).text).controlPlane.quotas).toEqual({
    westeurope: { cores: 4 },
  });
  await send(simulator, door, 'DELETE', '/_simulator/faults');
  expect(JSON.parse((await send(simulator, door, 'GET', '/_simulator/unmodelled')).text)).toEqual([]);
  expect((await send(simulator, door, 'POST', '/_simulator/reset')).status).toBe(204);
});

async function listening(child: ChildProcess): Promise<number> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const port = /listening on http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1];
    if (port !== undefined) return Number(port);
  }
  throw new Error(`The simulator ended without listening: ${text}`);
}

test('the process answers after kill -9 with what it held, and ends on SIGTERM', async () => {
  const data = temporaryDirectory();
  const main = join(import.meta.dirname, '../../../local/simulator/main.ts');
  const launch = async () => {
    const child = spawn(process.execPath, [main, '--port', '0', '--data', data, '--time-scale', '1000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    return { child, port: await listening(child) };
  };
  const secrets = (port: number) => {
    const simulator = { port, url: `http://127.0.0.1:${port}` };
    return new SecretClient('https://capstan-kv.vault.azure.net', appCredential(simulator), {
      httpClient: rerouted(simulator),
    });
  };
  const first = await launch();
  await secrets(first.port).setSecret('demo', 'kept');
  first.child.kill('SIGKILL');
  await once(first.child, 'exit');
  const second = await launch();
  expect((await secrets(second.port).getSecret('demo')).value).toBe('kept');
  second.child.kill('SIGTERM');
  const [code] = await once(second.child, 'exit');
  expect(code).toBe(0);
});
