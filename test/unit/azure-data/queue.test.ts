import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  generateAccountSASQueryParameters,
  QueueServiceClient,
  SASProtocol,
  StorageSharedKeyCredential,
} from '@azure/storage-queue';
import { describe, expect, test } from 'vitest';
import type { Simulator } from '#local/simulator/compose.ts';
import {
  account,
  accountKey,
  appCredential,
  type FakeAzure,
  fakeAzure,
  rerouted,
  send,
  startSimulator,
  temporaryDirectory,
} from './helpers.ts';

const url = 'https://srcacct.queue.core.windows.net';
const sharedKey = new StorageSharedKeyCredential('srcacct', accountKey('srcacct'));
const options = (simulator: Simulator): any => ({ httpClient: rerouted(simulator), retryOptions: { maxTries: 1 } });

async function start(azure: FakeAzure = fakeAzure(), dataDirectory = temporaryDirectory()) {
  const simulator = await startSimulator(azure, { dataDirectory });
  return { simulator, client: new QueueServiceClient(url, sharedKey, options(simulator)) };
}

const sasUrl = (permissions: string, expiresOn: Date) =>
  `${url}?${generateAccountSASQueryParameters(
    {
      services: AccountSASServices.parse('q').toString(),
      resourceTypes: AccountSASResourceTypes.parse('sco').toString(),
      permissions: AccountSASPermissions.parse(permissions),
      protocol: SASProtocol.Https,
      expiresOn,
    },
    sharedKey,
  ).toString()}`;

describe('the real queue client', () => {
  test('makes, lists, describes and deletes queues', async () => {
    const { client } = await start();
    for (const name of ['one', 'other', 'two']) await client.createQueue(name, { metadata: { a: 'b' } });
    expect((await client.getQueueClient('one').createIfNotExists({ metadata: { a: 'b' } })).succeeded).toBe(false);
    await expect(client.createQueue('one', { metadata: { a: 'c' } })).rejects.toMatchObject({
      code: 'QueueAlreadyExists',
    });
    await expect(client.createQueue('No_Name')).rejects.toMatchObject({ code: 'InvalidResourceName' });
    const names: string[] = [];
    for await (const page of client.listQueues({ prefix: 'o', includeMetadata: true }).byPage({ maxPageSize: 1 }))
      for (const queue of page.queueItems ?? []) names.push(`${queue.name} ${queue.metadata?.['a']}`);
    expect(names).toEqual(['one b', 'other b']);
    await client.getQueueClient('two').setMetadata({ x: 'y' });
    expect(await client.getQueueClient('two').getProperties()).toMatchObject({
      metadata: { x: 'y' },
      approximateMessagesCount: 0,
    });
    await client.deleteQueue('two');
    await expect(client.deleteQueue('two')).rejects.toMatchObject({ code: 'QueueNotFound' });
  });

  test('sends, peeks, receives, changes and deletes messages; receipts and times hold, also after a restart', async () => {
    const dataDirectory = temporaryDirectory();
    const { client, simulator } = await start(fakeAzure(), dataDirectory);
    const queue = (await client.createQueue('work'), client.getQueueClient('work'));
    await queue.sendMessage('<a & "b">');
    await queue.sendMessage('later', { visibilityTimeout: 3600 });
    expect(
      (await queue.peekMessages({ numberOfMessages: 32 })).peekedMessageItems.map((item) => item.messageText),
    ).toEqual(['<a & "b">']);
    const [taken] = (await queue.receiveMessages({ visibilityTimeout: 3600 })).receivedMessageItems;
    expect(taken).toMatchObject({ messageText: '<a & "b">', dequeueCount: 1 });
    expect((await queue.receiveMessages()).receivedMessageItems).toEqual([]);
    const changed = await queue.updateMessage(taken!.messageId, taken!.popReceipt, 'new', 0);
    await expect(queue.deleteMessage(taken!.messageId, taken!.popReceipt)).rejects.toMatchObject({
      code: 'PopReceiptMismatch',
    });
    await queue.deleteMessage(taken!.messageId, changed.popReceipt!);
    await expect(queue.deleteMessage(taken!.messageId, changed.popReceipt!)).rejects.toMatchObject({
      code: 'MessageNotFound',
    });
    await simulator.close();
    const { client: again } = await start(fakeAzure(), dataDirectory);
    expect((await again.getQueueClient('work').getProperties()).approximateMessagesCount).toBe(1);
    await again.getQueueClient('work').clearMessages();
    expect((await again.getQueueClient('work').getProperties()).approximateMessagesCount).toBe(0);
    await expect(again.getQueueClient('work').receiveMessages({ numberOfMessages: 33 })).rejects.toMatchObject({
      code: 'OutOfRangeQueryParameterValue',
    });
  });
});

describe('who may use a queue', () => {
  test('the holder of a key, of an account SAS in its time and rights, or of a data role', async () => {
    const azure = fakeAzure();
    const { simulator, client } = await start(azure);
    await client.createQueue('work');
    const bySas = (permissions: string, ends = Date.now() + 600_000) =>
      new QueueServiceClient(sasUrl(permissions, new Date(ends)), undefined, options(simulator)).getQueueClient('work');
    await bySas('a').sendMessage('x');
    await expect(bySas('r').sendMessage('x')).rejects.toMatchObject({ code: 'AuthorizationPermissionMismatch' });
    await expect(bySas('a', Date.now() - 1000).sendMessage('x')).rejects.toMatchObject({
      code: 'AuthenticationFailed',
    });
    const byRole = new QueueServiceClient(url, appCredential(simulator), options(simulator)).getQueueClient('work');
    expect((await byRole.receiveMessages()).receivedMessageItems).toHaveLength(1);
    azure.denied = (_objectId, action) => action.endsWith('messages/write');
    await expect(byRole.sendMessage('x')).rejects.toMatchObject({ code: 'AuthorizationPermissionMismatch' });
    const wrong = new StorageSharedKeyCredential('srcacct', accountKey('other'));
    await expect(new QueueServiceClient(url, wrong, options(simulator)).createQueue('q-1')).rejects.toMatchObject({
      code: 'AuthenticationFailed',
    });
  });

  test('nobody without credentials, with keys that are denied, or from a network that is denied', async () => {
    const azure = fakeAzure();
    const { simulator, client } = await start(azure);
    const host = 'srcacct.queue.core.windows.net';
    expect((await send(simulator, host, 'GET', '/?comp=list')).status).toBe(401);
    azure.accounts.set('srcacct', account('srcacct', { allowSharedKeyAccess: false }));
    await expect(client.createQueue('work')).rejects.toMatchObject({ code: 'KeyBasedAuthenticationNotPermitted' });
    azure.accounts.set('srcacct', account('srcacct', { callerReaches: false }));
    await expect(client.createQueue('work')).rejects.toMatchObject({ code: 'AuthorizationFailure' });
    expect((await send(simulator, 'nobody.queue.core.windows.net', 'GET', '/?comp=list')).status).toBe(502);
  });
});
