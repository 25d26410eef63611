/** The rules of the queue listener, with a queue in memory. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { QueueListener } from '../../../local/host/queue/listener.ts';

interface Seen {
  readonly called: string[];
  readonly poison: string[];
  readonly deleted: number;
  readonly hiddenFor: number[];
  readonly log: string[];
}

/** Gives one message to a listener whose function fails, and tells what became of it. */
async function deliver(message: { text: string; dequeueCount?: number }, hasPoison = true, outage = 0): Promise<Seen> {
  const seen = {
    called: [] as string[],
    poison: [] as string[],
    deleted: 0,
    hiddenFor: [] as number[],
    log: [] as string[],
  };
  let left = outage;
  const item = {
    messageId: 'm',
    popReceipt: 'p',
    messageText: message.text,
    dequeueCount: message.dequeueCount ?? 1,
    expiresOn: new Date(),
    insertedOn: new Date(),
    nextVisibleOn: new Date(),
  };
  const waiting = [item];
  const queue: any = {
    name: 'q',
    receiveMessages: async () => {
      if (left-- > 0) throw new Error('connect ECONNREFUSED');
      return { receivedMessageItems: waiting.splice(0) };
    },
    deleteMessage: async () => void seen.deleted++,
    updateMessage: async (_id: string, _receipt: string, _text: string, seconds: number) => {
      seen.hiddenFor.push(seconds);
      return { popReceipt: 'p' };
    },
  };
  const poisonQueue: any = {
    name: 'q-poison',
    createIfNotExists: async () => {},
    sendMessage: async (text: string) => void seen.poison.push(text),
  };
  const options: any = {
    fn: { name: 'f', metadata: { bindings: {} }, trigger: { type: 'queueTrigger', direction: 'in' } },
    queue,
    poisonQueue: hasPoison ? poisonQueue : undefined,
    settings: {
      batchSize: 16,
      maxDequeueCount: 5,
      maxPollingIntervalMs: 5,
      visibilityTimeoutMs: 3000,
      messageEncoding: 'base64',
    },
    newBatchThreshold: 16,
    invoker: {
      invoke: async (_fn: unknown, input: any) => {
        seen.called.push(input.triggerData.string);
        throw new Error('fails');
      },
    },
    log: { write: (record: any) => void seen.log.push(record.message), enabled: () => true },
    extraInputs: () => [],
  };
  const listener = new QueueListener(options);
  listener.start();
  const isDone = (): boolean => seen.deleted + seen.hiddenFor.length > 0;
  for (let tries = 0; tries < 200 && !isDone(); tries++) await sleep(5);
  await listener.stop();
  return seen;
}

const packed = (bytes: string | Uint8Array): string => Buffer.from(bytes as string).toString('base64');

describe('a queue message', () => {
  test('that fails comes again after the visibility time, the last time it goes to the poison queue', async () => {
    expect(await deliver({ text: packed('x') })).toMatchObject({ called: ['x'], hiddenFor: [3], poison: [] });
    expect(await deliver({ text: packed('x'), dequeueCount: 5 })).toMatchObject({
      called: ['x'],
      poison: [packed('x')],
      deleted: 1,
    });
  });

  test('that is not base64, or was taken too often without an end, goes there without a call', async () => {
    expect(await deliver({ text: '{"plain":1}' })).toMatchObject({ called: [], poison: ['{"plain":1}'], deleted: 1 });
    expect(await deliver({ text: packed('x'), dequeueCount: 6 })).toMatchObject({
      called: [],
      poison: [packed('x')],
      deleted: 1,
    });
  });

  test('that is not UTF-8 fails without a call', async () => {
    expect(await deliver({ text: packed(new Uint8Array([0xff, 0xfe])) })).toMatchObject({ called: [], hiddenFor: [3] });
  });

  test('of a poison queue stays out of sight for ten minutes when it fails', async () => {
    expect(await deliver({ text: packed('x'), dequeueCount: 9 }, false)).toMatchObject({
      called: ['x'],
      hiddenFor: [600],
      poison: [],
    });
  });

  test('arrives after an outage of the storage account, which is reported once and so is its end', async () => {
    const { called, log } = await deliver({ text: packed('x') }, true, 3);
    expect(called).toEqual(['x']);
    expect(log.filter((line) => line.includes('cannot be read'))).toHaveLength(1);
    expect(log.filter((line) => line.includes('can be reached again'))).toHaveLength(1);
  });
});
