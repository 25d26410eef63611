import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { start, startHost, waitFor, writeApp, type RunningHost } from './support.ts';

const MAIN = `
const df = require('durable-functions');
df.app.orchestration('ends', function* (context) { return context.df.getInput(); });
df.app.orchestration('fails', function* () { throw new Error(''); });
df.app.orchestration('waits', function* (context) { return yield context.df.waitForExternalEvent('go'); });
const thrown = [{ message: 'm', code: 3 }, 5, new Error(), new (class extends Error { get message() { return 'own'; } })()];
df.app.activity('throws', { handler: (index) => { throw thrown[index]; } });
df.app.orchestration('catches', function* (context) {
  const texts = [];
  for (const index of thrown.keys()) {
    try { yield context.df.callActivity('throws', index); } catch (error) { texts.push(error.message.split(' \\n ')[0]); }
  }
  return texts;
});
df.app.orchestration('naps', function* (context) {
  yield context.df.createTimer(new Date(context.df.currentUtcDateTime.getTime() + 1200));
  return yield context.df.callActivity('says', 'after');
});
df.app.activity('says', { handler: (text) => text });
df.app.orchestration('round', function* () { const own = {}; own.own = own; return own; });
df.app.entity('Bag', (context) => {
  if (context.df.operationName === 'twice') { context.df.return('a'); context.df.return('b'); }
  else context.df.setState({ op: context.df.operationName, input: context.df.getInput() ?? null });
});
df.app.orchestration('asksTwice', function* (context) {
  const bag = new df.EntityId('Bag', 'two');
  return yield context.df.callEntity(bag, 'twice');
});
`;

let host: RunningHost;
beforeAll(async () => {
  const settings = { overridableExistingInstanceStates: 'AnyState' };
  host = await startHost(
    writeApp({
      'main.js': MAIN,
      'host.json': JSON.stringify({ version: '2.0', extensions: { durableTask: settings } }),
    }),
    { env: { HOST_TIMER_LIMITS: '0,1' } },
  );
});
afterAll(async () => void (await host.end()));

async function call(method: string, rest: string, body?: string, type?: string): Promise<[number, any]> {
  const url = `${host.base}/runtime/webhooks/durabletask/${rest}`;
  const response = await fetch(url, {
    method,
    headers: type === undefined ? {} : { 'content-type': type },
    ...(body === undefined ? {} : { body: Buffer.from(body) }),
  });
  const text = await response.text();
  return [response.status, text === '' ? undefined : JSON.parse(text)];
}

async function waiting(id: string): Promise<void> {
  expect((await start(host, 'waits', id)).status).toBe(202);
  await waitFor(host, id, (status) => status?.runtimeStatus === 'Running');
}

describe('paths and parameters are read as the extension reads them', () => {
  test('fixed parts and parameter names without case, a plus sign as a blank', async () => {
    expect((await call('POST', 'Orchestrators/ends/a+b', '1'))[0]).toBe(202);
    await waitFor(host, 'a b');
    expect((await call('GET', 'INSTANCES/a%20b?SHOWINPUT=false'))[1]).toMatchObject({ input: null, output: 1 });
    await waiting('case');
    expect((await call('POST', 'instances/case/Terminate?Reason=one&reason=two'))[0]).toBe(202);
    expect((await waitFor(host, 'case')).output).toBe('one,two');
  });

  test('a flag that is neither true nor false counts as absent, and so does an unreadable time or page size', async () => {
    await start(host, 'ends', 'flag', 7);
    await waitFor(host, 'flag');
    expect((await call('GET', 'instances/flag?showInput=maybe'))[1].input).toBe(7);
    const [status, rows] = await call('GET', 'instances?instanceIdPrefix=flag&createdTimeFrom=soon&top=many');
    expect([status, rows.length]).toEqual([200, 1]);
    expect((await call('DELETE', 'instances?createdTimeFrom=soon'))[0]).toBe(400);
  });

  test('a status can be asked for by number; unknown ones are ignored', async () => {
    await waiting('number');
    const listed = async (statuses: string) =>
      (await call('GET', `instances?instanceIdPrefix=number&runtimeStatus=${statuses}`))[1].length;
    expect(await Promise.all([listed('0'), listed('1'), listed('1,0'), listed('bogus')])).toEqual([1, 0, 1, 1]);
  });

  test('what is no path of the API is 404, makeprimary takes any method', async () => {
    for (const [method, path] of [
      ['GET', 'orchestrators/ends'],
      ['POST', 'instances/x'],
      ['GET', 'instances/x/terminate'],
      ['POST', 'instances/x/raiseEvent'],
      ['POST', 'instances/x/terminate/now'],
      ['PUT', 'entities/bag/k'],
      ['GET', 'nothing'],
    ] as const)
      expect([path, (await call(method, path))[0]]).toEqual([path, 404]);
    expect((await call('GET', 'makeprimary'))[0]).toBe(200);
  });

  test('an unknown connection is an error everywhere', async () => {
    const [status, body] = await call('GET', 'instances?connection=Nope');
    expect([status, body.ExceptionMessage]).toEqual([
      500,
      "Unable to resolve the Azure Storage connection named 'Nope'.",
    ]);
  });
});

test.each([
  ['hello', "Unexpected character encountered while parsing value: h. Path '', line 0, position 0."],
  ['not json', "Unexpected character encountered while parsing value: n. Path '', line 0, position 0."],
  ['tree', "Error parsing boolean value. Path '', line 1, position 2."],
  ['nuts', "Error parsing null value. Path '', line 1, position 2."],
  [
    '{bad json}',
    "Invalid character after parsing property name. Expected ':' but got: j. Path '', line 1, position 5.",
  ],
  ['{x', "Unexpected end while parsing unquoted property name. Path '', line 1, position 2."],
  ['"open', "Unterminated string. Expected delimiter: \". Path '', line 1, position 5."],
])('a body %s is refused with the words of the real reader', async (body, text) => {
  expect(await call('POST', 'orchestrators/ends/bad', body)).toMatchObject([
    400,
    { Message: 'Invalid JSON content', ExceptionMessage: text },
  ]);
});

describe('operations', () => {
  test('an event is refused by the state of its instance first, then by its content', async () => {
    expect((await call('POST', 'instances/none/raiseEvent/go', 'x', 'text/plain'))[0]).toBe(404);
    await start(host, 'ends', 'ended');
    await waitFor(host, 'ended');
    expect((await call('POST', 'instances/ended/raiseEvent/go', 'x', 'text/plain'))[0]).toBe(410);
    await waiting('content');
    const refused = await call('POST', 'instances/content/raiseEvent/go', '1', 'application/json-patch+json');
    expect(refused).toEqual([400, { Message: 'Only application/json request content is supported' }]);
    const [status, body] = await call('POST', 'instances/content/raiseEvent/go', 'hello', 'application/json');
    expect([status, body.ExceptionMessage]).toEqual([
      400,
      "Unexpected character encountered while parsing value: h. Path '', line 0, position 0.",
    ]);
    expect((await call('POST', 'instances/content/RAISEEVENT/go', '1', 'Application/JSON; charset=utf-8'))[0]).toBe(
      202,
    );
    expect((await waitFor(host, 'content')).output).toBe(1);
  });

  test('a body is read as JSON as Newtonsoft.Json reads it, an event without a look at what follows', async () => {
    expect((await call('POST', 'orchestrators/ends/lenient', "{'a': [1, 2,], b: 1.0,}"))[0]).toBe(202);
    expect((await waitFor(host, 'lenient')).output).toEqual({ a: [1, 2], b: 1 });
    expect((await call('POST', 'orchestrators/ends/two', '1 2'))[0]).toBe(400);
    await waiting('lenient-event');
    const event = '{a: 0x1F} and more';
    expect((await call('POST', 'instances/lenient-event/raiseEvent/go', event, 'application/json'))[0]).toBe(202);
    expect((await waitFor(host, 'lenient-event')).output).toEqual({ a: 31 });
  });

  test('only a suspended instance is resumed, a pending one is not', async () => {
    expect((await call('POST', 'orchestrators/ends/later?version=9', '1'))[0]).toBe(202);
    const [status, body] = await call('POST', 'instances/later/resume?reason=r');
    expect([status, body.ExceptionMessage]).toEqual([
      500,
      'Cannot resume the orchestration instance later because instance is in the Pending state.',
    ]);
  });

  test('an instance whose id begins with @ is purged in any state', async () => {
    await waiting('@odd');
    expect(await call('DELETE', 'instances/@odd')).toEqual([200, { instancesDeleted: 1 }]);
    expect(await call('DELETE', 'instances/@odd')).toEqual([200, { instancesDeleted: 0 }]);
    expect((await call('DELETE', 'instances/odd'))[0]).toBe(404);
  });

  test('a start waits for the end only with a time-out and an interval, and shows what is asked for', async () => {
    expect((await call('POST', 'orchestrators/ends/w1?timeout=5', '1'))[0]).toBe(202);
    expect(await call('POST', 'orchestrators/ends/w2?timeout=5&pollingInterval=5', '{"a":1}')).toEqual([200, { a: 1 }]);
    expect(await call('POST', 'orchestrators/ends/w3?timeout=1&pollingInterval=5', '1')).toEqual([
      400,
      { Message: 'Total timeout 1 should be bigger than retry timeout 5' },
    ]);
    const options = 'timeout=5&pollingInterval=1&showHistory=true&returnInternalServerErrorOnFailure=true';
    const [status, body] = await call('POST', `orchestrators/fails/w4?${options}`, '1');
    expect([status, body.runtimeStatus, body.historyEvents.length]).toEqual([200, 'Failed', 2]);
    // An Error without a text counts as none.
    expect(body.output).toContain("Orchestrator function 'fails' failed: One or more errors occurred.");
    expect(await call('POST', 'instances/w2/restart?timeout=5&pollingInterval=1')).toEqual([200, { a: 1 }]);
  });

  test('overridableExistingInstanceStates AnyState lets a start replace a running instance', async () => {
    await waiting('again');
    expect((await call('POST', 'orchestrators/ends/again', '"new"'))[0]).toBe(202);
    expect((await waitFor(host, 'again')).output).toBe('new');
  });
});

test('HOST_TIMER_LIMITS cuts a shorter timer into slices, and what follows still gets its own result', async () => {
  await start(host, 'naps', 'naps');
  expect((await waitFor(host, 'naps')).output).toBe('after');
  const [, body] = await call('GET', 'instances/naps?showHistory=true');
  expect(body.historyEvents.filter((event: any) => event.EventType === 'TimerFired')).toHaveLength(2);
});

describe('values', () => {
  test('what an activity throws reaches the orchestration as the worker sends it', async () => {
    await start(host, 'catches', 'caught');
    const texts = ['{"message":"m","code":3}', '5', '{}', '{}'];
    expect((await waitFor(host, 'caught')).output).toEqual(
      texts.map((text) => `Activity function 'throws' failed: ${text}`),
    );
  });

  test('an output that contains itself fails with the words of JSON', async () => {
    await start(host, 'round', 'round');
    expect((await waitFor(host, 'round')).output).toContain('Converting circular structure to JSON');
  });
});

describe('entities', () => {
  async function state(key: string): Promise<unknown> {
    for (;;) {
      const [status, body] = await call('GET', `entities/bag/${key}`);
      if (status === 200) return body;
    }
  }

  test('a body is JSON only when it says so', async () => {
    expect((await call('POST', 'entities/Bag/text?op=put', '5'))[0]).toBe(202);
    expect(await state('text')).toEqual({ op: 'put', input: '5' });
    expect((await call('POST', 'entities/Bag/json?OP=put', '5', 'application/json'))[0]).toBe(202);
    expect(await state('json')).toEqual({ op: 'put', input: 5 });
  });

  test('without a key the empty key is meant, without a name nothing', async () => {
    expect((await call('POST', 'entities/Bag?op=put'))[0]).toBe(202);
    expect(await state('$')).toEqual({ op: 'put', input: null });
    expect((await call('POST', 'entities?op=put'))[0]).toBe(400);
    expect((await call('DELETE', 'entities/none/k'))[0]).toBe(400);
  });

  test('show the state of their scheduler as instances', async () => {
    await call('POST', 'entities/Bag/shown?op=put');
    await state('shown');
    const shown = { exists: true, state: '{"op":"put","input":null}', sorter: {} };
    const [, body] = await call('GET', 'instances/@bag@shown');
    expect(body).toMatchObject({ input: shown, customStatus: { entityExists: true } });
    expect((await call('GET', 'instances/@bag@shown?showInput=false'))[1].input).toBeNull();
  });

  test('have keys without odd characters', async () => {
    const text = "entityKey (Parameter 'Entity keys must not contain /, \\, #, ?, or control characters.')";
    expect(await call('POST', 'entities/Bag/a%23b?op=put')).toEqual([400, { Message: text }]);
  });

  test('are listed by the time of their last operation', async () => {
    await call('POST', 'entities/Bag/timed?op=put');
    await state('timed');
    const listed = async (query: string) => (await call('GET', `entities/bag?${query}`))[1].length;
    expect(await listed('lastOperationTimeTo=2000-01-01T00:00:00Z')).toBe(0);
    expect(await listed('lastOperationTimeFrom=2000-01-01T00:00:00Z')).toBeGreaterThan(0);
  });

  test('an operation that returns twice answers with its first result', async () => {
    await start(host, 'asksTwice', 'twice');
    expect((await waitFor(host, 'twice')).output).toBe('a');
  });
});
