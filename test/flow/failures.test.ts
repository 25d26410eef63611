import { QueueServiceClient } from '@azure/storage-queue';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '#config/config.ts';
import { applyCluster } from '#services/apply.ts';
import type { ServiceDependencies } from '#services/dependencies.ts';
import { createStore } from '#store/store.ts';
import { sampleDocument } from '../support/sample-plan.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** What people curse at elsewhere: found before anything is written, said with cause and remedy, and never blocking others. */
let stack: Stack;

beforeAll(async () => {
  stack = await startStack({ settings: { CAPSTAN_SWEEP_GRACE_SECONDS: '2' } });
});
afterAll(async () => {
  await stack.stop();
});

const writes = async () =>
  (await stack.requests()).filter(
    (entry) => entry.service === 'arm' && ['PUT', 'PATCH', 'DELETE'].includes(entry.method),
  );

describe('preflight stops before anything is written', () => {
  it('when the resource group does not exist', async () => {
    const azure = {
      subscriptionId: '22222222-2222-4222-8222-222222222222',
      location: 'westeurope',
      resourceGroup: 'nowhere',
    };
    await stack.post(sampleDocument({ azure }, 'no-group'));
    const { status } = await stack.settled('no-group');
    expect(status.phase).toBe('Failed');
    expect(JSON.stringify(status.error)).toContain('nowhere');
    expect(status.error?.remedy).toBeTruthy();
    expect(await writes()).toEqual([]);
  });

  it('when the VM size is not offered in any of the zones', async () => {
    await stack.post(
      sampleDocument(
        { workerPools: [{ name: 'general', replicas: 2, vmSize: 'Standard_D4as_v5', zones: ['3'] }] },
        'no-zone',
      ),
    );
    const { status } = await stack.settled('no-zone');
    expect(status.phase).toBe('Failed');
    expect(JSON.stringify(status.error)).toMatch(/general|Standard_D4as_v5/);
    expect(await writes()).toEqual([]);
  });

  it('when the image is nowhere', async () => {
    await stack.post(
      sampleDocument({ image: { vhd: 'https://capstanimages.blob.core.windows.net/images/nothing.vhd' } }, 'no-image'),
    );
    const { status } = await stack.settled('no-image');
    expect([status.phase, await writes()]).toEqual(['Failed', []]);
    expect(JSON.stringify(status.error)).toContain('nothing.vhd');
  });

  it('when the quota is too small, naming the quota', async () => {
    await stack.fault({ quota: { location: 'westeurope', family: 'standardDSv5Family', limit: 10 } });
    await stack.post(sampleDocument({}, 'no-quota'));
    const { status } = await stack.settled('no-quota');
    expect(status.phase).toBe('Failed');
    expect(JSON.stringify(status.error)).toMatch(/standardDSv5Family|DSv5/);
    expect(await writes()).toEqual([]);
    expect(status.steps.filter((step) => step.state !== 'pending').map((step) => step.id)).toEqual(['preflight']);
  });
});

describe('the queue', () => {
  const poison = async () => {
    const queue = QueueServiceClient.fromConnectionString(stack.connectionString).getQueueClient(
      'cluster-requests-poison',
    );
    await queue.createIfNotExists();
    return (await queue.peekMessages({ numberOfMessages: 32 })).peekedMessageItems.map((item) => item.messageText);
  };

  it('sets bad messages aside after the retries and goes on with the good ones', async () => {
    const bad = [
      'not json at all',
      '42',
      '{"schemaVersion":"7"}',
      JSON.stringify({
        schemaVersion: '1',
        operation: 'apply',
        requestId: 'hidden',
        dequeueCount: 77,
        id: 'x',
        cluster: {},
      }),
      '['.repeat(2000),
      '{"__proto__":{"x":1}}',
    ];
    for (const text of bad) await stack.send(text);
    await stack.post(
      sampleDocument(
        {
          azure: {
            subscriptionId: '22222222-2222-4222-8222-222222222222',
            location: 'westeurope',
            resourceGroup: 'nowhere',
          },
        },
        'after-poison',
      ),
      'good',
    );
    await stack.settled('after-poison');
    await expect.poll(async () => (await poison()).length, { timeout: 60_000, interval: 500 }).toBe(bad.length);
    expect(JSON.parse((await stack.request('GET', '/api/requests/hidden')).text)).toMatchObject({
      outcome: 'refused',
      error: { code: 'CAP-1014' },
    });
  });

  it('takes base64 as well', async () => {
    const document = sampleDocument(
      {
        azure: {
          subscriptionId: '22222222-2222-4222-8222-222222222222',
          location: 'westeurope',
          resourceGroup: 'nowhere',
        },
      },
      'base64',
    );
    await stack.send(
      Buffer.from(
        JSON.stringify({ schemaVersion: '1', operation: 'apply', requestId: 'b64', cluster: document }),
      ).toString('base64'),
    );
    expect((await stack.settled('base64')).status.phase).toBe('Failed');
  });
});

describe('a host that is killed', () => {
  it('between recording an operation and starting it leaves nothing lying: the timer starts it', async () => {
    const azure = {
      subscriptionId: '22222222-2222-4222-8222-222222222222',
      location: 'westeurope',
      resourceGroup: 'nowhere',
    };
    await stack.killHost();
    const config = readConfig({ AzureWebJobsStorage: stack.connectionString });
    // The first of the two writes by the app's own code; then the process is gone.
    const dying: ServiceDependencies = {
      config,
      store: createStore(config.storage),
      starter: {
        start: async () => {
          throw new Error('killed');
        },
        status: async () => undefined,
      },
    };
    await expect(applyCluster(dying, 'between', sampleDocument({ azure }, 'between'))).rejects.toThrow('killed');
    expect((await dying.store.clusters.head('between'))?.value.operation.state).toBe('recorded');
    await stack.startHost();
    const { status } = await stack.settled('between');
    expect([status.phase, status.operation.state]).toEqual(['Failed', 'finished']);
    expect(status.steps.find((step) => step.id === 'preflight')?.state).toBe('failed');
  });
});

describe('the HTTP API', () => {
  it('answers bad requests with problem documents: code, path and line', async () => {
    const yaml =
      'apiVersion: capstan.dev/v1\nkind: Cluster\nmetadata:\n  name: x\n  tags: { owner: MyAzureTeam }\nspec: {}\n';
    const answer = await stack.request('PUT', '/api/clusters/x', yaml);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([400, 'application/problem+json']);
    expect(JSON.parse(answer.text)).toMatchObject({
      code: 'CAP-1001',
      problems: expect.arrayContaining([expect.objectContaining({ path: 'spec.azure', line: 6 })]),
    });
    expect((await stack.request('PUT', '/api/clusters/x', '{{{')).status).toBe(400);
    expect(
      (await stack.request('PUT', '/api/clusters/other', JSON.stringify(sampleDocument({}, 'named')))).status,
    ).toBe(400);
    for (const route of [
      'clusters/none',
      'clusters/none/events',
      'clusters/none/kubeconfig',
      'requests/none',
      'operations/none',
      "clusters/x'%20or%20'1'%20eq%20'1",
    ]) {
      const missing = await stack.request('GET', `/api/${route}`);
      expect([route, missing.status, JSON.parse(missing.text).code]).toEqual([route, 404, 'CAP-1013']);
    }
  });

  it('lists clusters by tag', async () => {
    const names = async (query: string) =>
      (
        JSON.parse((await stack.request('GET', `/api/clusters${query}`)).text) as { items: { name: string }[] }
      ).items.map((item) => item.name);
    expect(await names('?tag=department:finance')).toContain('no-quota');
    expect(await names('?tag=department:other')).toEqual([]);
    expect((await stack.request('GET', '/api/clusters?tag=x')).status).toBe(400);
  });

  it('gives no kubeconfig before there is an API server', async () => {
    const answer = await stack.request('GET', '/api/clusters/no-quota/kubeconfig');
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([409, 'CAP-1017']);
  });

  it('keeps web pages of other hosts out', async () => {
    const { request } = await import('node:http');
    const status = await new Promise((resolve, reject) => {
      const call = request(`${stack.appUrl}/api/clusters`, { headers: { host: 'evil.example' } }, (answer) =>
        resolve(answer.statusCode),
      );
      call.on('error', reject);
      call.end();
    });
    expect([403, 421]).toContain(status);
  });
});
