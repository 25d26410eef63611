import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readQueueMessage } from '#domain/message.ts';
import { Secret } from '#domain/secret.ts';
import { inspect } from 'node:util';

const good = { schemaVersion: '1', operation: 'apply', requestId: 'r-1', cluster: { kind: 'Cluster' } };

describe('a message on cluster-requests', () => {
  it.each<[string, unknown]>([
    ['an object', good],
    ['JSON text', JSON.stringify(good)],
    ['base64 text', Buffer.from(JSON.stringify(good)).toString('base64')],
  ])('is read from %s', (_form, delivered) => {
    expect(readQueueMessage(delivered)).toEqual({ message: good });
  });

  it('may name a blob instead', () => {
    const message = {
      schemaVersion: '1',
      operation: 'apply',
      requestId: 'r',
      clusterBlob: { name: 'big.yaml', sha256: 'a'.repeat(64) },
    };
    expect(readQueueMessage(message)).toEqual({ message });
  });

  it.each<[string, unknown, string | undefined]>([
    ['text that is not JSON', 'hello', undefined],
    ['a number', 42, undefined],
    ['an array', [good], undefined],
    ['null', null, undefined],
    ['an unknown version', { ...good, schemaVersion: '2' }, 'r-1'],
    ['an unknown operation', { ...good, operation: 'explode' }, 'r-1'],
    ['an unknown field', { ...good, dequeueCount: 77 }, 'r-1'],
    ['a body key named id', { ...good, id: 'x' }, 'r-1'],
    ['a request id with blanks', { ...good, requestId: 'a b' }, undefined],
    ['a missing cluster', { schemaVersion: '1', operation: 'apply', requestId: 'r-1' }, 'r-1'],
    [
      '__proto__',
      JSON.parse('{"schemaVersion":"1","operation":"apply","requestId":"r-1","cluster":{"__proto__":{"a":1}}}'),
      'r-1',
    ],
    [
      'a nesting bomb',
      { ...good, cluster: Array.from({ length: 40 }).reduce<unknown>((inner) => ({ a: inner }), 1) },
      'r-1',
    ],
    ['too large a body', { ...good, cluster: { text: 'x'.repeat(70_000) } }, 'r-1'],
  ])('is refused: %s', (_what, delivered, requestId) => {
    const read = readQueueMessage(delivered);
    expect(read).toMatchObject({ error: { code: 'CAP-1014' } });
    expect('requestId' in read && read.requestId).toBe(requestId);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(fc.anything(), (delivered) => {
        expect(() => readQueueMessage(delivered)).not.toThrow();
      }),
    );
  });
});

describe('a secret', () => {
  it('redacts itself wherever it could be seen', () => {
    const secret = new Secret('hunter2');
    for (const text of [String(secret), JSON.stringify({ secret }), inspect(secret), inspect({ secret })]) {
      expect(text).not.toContain('hunter2');
      expect(text).toContain('[secret]');
    }
    expect(secret.reveal()).toBe('hunter2');
  });
});
