import { SecretClient } from '@azure/keyvault-secrets';
import { describe, expect, test } from 'vitest';
import type { Simulator } from '#local/simulator/compose.ts';
import { appCredential, fakeAzure, rerouted, send, startSimulator, temporaryDirectory } from './helpers.ts';

const url = 'https://capstan-kv.vault.azure.net';

function client(simulator: Simulator): SecretClient {
  return new SecretClient(url, appCredential(simulator), {
    httpClient: rerouted(simulator),
    retryOptions: { maxRetries: 0 },
  });
}

async function names(iterator: AsyncIterable<{ name: string }>): Promise<string[]> {
  const found: string[] = [];
  for await (const { name } of iterator) found.push(name);
  return found;
}

describe('the real Key Vault secrets client', () => {
  test('sets, reads, lists, updates versions', async () => {
    const secrets = client(await startSimulator(fakeAzure()));
    const first = await secrets.setSecret('demo-ca', 'one', {
      tags: { cluster: 'demo' },
      contentType: 'application/x-pem-file',
    });
    const second = await secrets.setSecret('demo-ca', 'two');
    expect((await secrets.getSecret('demo-ca')).value).toBe('two');
    expect((await secrets.getSecret('demo-ca', { version: first.properties.version! })).value).toBe('one');
    expect(await names(secrets.listPropertiesOfSecretVersions('demo-ca'))).toHaveLength(2);
    const updated = await secrets.updateSecretProperties('demo-ca', second.properties.version!, {
      tags: { a: 'b' },
      enabled: false,
    });
    expect(updated.tags).toEqual({ a: 'b' });
    await expect(secrets.getSecret('demo-ca')).rejects.toMatchObject({ statusCode: 403 });
    await expect(secrets.getSecret('absent')).rejects.toMatchObject({ statusCode: 404, code: 'SecretNotFound' });
    await expect(secrets.setSecret('under_score', 'x')).rejects.toMatchObject({
      statusCode: 400,
      code: 'BadParameter',
    });
  });

  test('lists more than one page', async () => {
    const secrets = client(await startSimulator(fakeAzure()));
    const wanted = Array.from({ length: 30 }, (_, i) => `s-${String(i).padStart(2, '0')}`);
    for (const name of wanted) await secrets.setSecret(name, 'x');
    expect(await names(secrets.listPropertiesOfSecrets())).toEqual(wanted);
  });

  test('a deleted secret keeps its name until it is recovered or purged', async () => {
    const dataDirectory = temporaryDirectory();
    const simulator = await startSimulator(fakeAzure(), { dataDirectory });
    const secrets = client(simulator);
    await secrets.setSecret('demo-ca', 'one');
    const poller = await secrets.beginDeleteSecret('demo-ca', { intervalInMs: 5 });
    await poller.pollUntilDone();
    await expect(secrets.setSecret('demo-ca', 'two')).rejects.toMatchObject({ statusCode: 409, code: 'Conflict' });
    const raw = await send(simulator, 'capstan-kv.vault.azure.net', 'PUT', '/secrets/demo-ca?api-version=7.6', {
      headers: {
        authorization: `Bearer ${(await appCredential(simulator).getToken('https://vault.azure.net/.default'))?.token}`,
        'content-type': 'application/json',
      },
      body: '{"value":"x"}',
    });
    expect(JSON.parse(raw.text).error.innererror.code).toBe('ObjectIsDeletedButRecoverable');
    await expect(secrets.getSecret('demo-ca')).rejects.toMatchObject({ statusCode: 404 });
    expect(await names(secrets.listDeletedSecrets())).toEqual(['demo-ca']);
    await simulator.close();

    const again = client(await startSimulator(fakeAzure(), { dataDirectory }));
    await (await again.beginRecoverDeletedSecret('demo-ca', { intervalInMs: 5 })).pollUntilDone();
    expect((await again.getSecret('demo-ca')).value).toBe('one');
    await (await again.beginDeleteSecret('demo-ca', { intervalInMs: 5 })).pollUntilDone();
    await again.purgeDeletedSecret('demo-ca');
    await again.setSecret('demo-ca', 'three');
    expect((await again.getSecret('demo-ca')).value).toBe('three');
  });

  test('refuses callers without the role by RBAC, and without a token by challenge', async () => {
    const azure = fakeAzure();
    const simulator = await startSimulator(azure);
    azure.denied = (_oid, action) => action === 'Microsoft.KeyVault/vaults/secrets/setSecret/action';
    await expect(client(simulator).setSecret('x', 'marked-secret')).rejects.toMatchObject({
      statusCode: 403,
      code: 'Forbidden',
    });
    const anonymous = await send(simulator, 'capstan-kv.vault.azure.net', 'GET', '/secrets?api-version=7.6');
    expect(anonymous.status).toBe(401);
    expect(anonymous.headers['www-authenticate']).toMatch(
      /^Bearer authorization="https:\/\/login\.microsoftonline\.com\/[0-9a-f-]+", resource="https:\/\/vault\.azure\.net"$/,
    );
    expect(JSON.parse(anonymous.text).error.message).toContain('AKV10000');
    expect(JSON.stringify(simulator.log.entries())).not.toContain('marked-secret');
  });
});
