import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { parseHostJson, parseTimeSpan } from '../../../local/host/config/host-json.ts';
import { parseConfiguration } from '../../../local/host/config/json-file.ts';
import { withOverrides } from '../../../local/host/config/overrides.ts';
import { timeSpanText } from '../../../local/host/core/invocation.ts';
import { parseJson } from '../../../local/host/core/json-reader.ts';
import { bindingData, writeJson } from '../../../local/host/core/json-text.ts';
import { createLog, type LogRecord } from '../../../local/host/core/log.ts';
import { retryDelay } from '../../../local/host/core/retry.ts';
import { customStatusError } from '../../../local/host/durable/failures.ts';
import { lockDataFolder } from '../../../local/host/durable/lock.ts';
import { DataFolderError } from '../../../local/host/folders.ts';
import { DurableStore } from '../../../local/host/durable/store.ts';
import { compareVersions, judgeVersion } from '../../../local/host/durable/versions.ts';
import { BodyTooSlowError, readBody } from '../../../local/host/http/messages.ts';
import { readTarget } from '../../../local/host/http/target.ts';
import { compileTemplate, TemplateError } from '../../../local/host/http/template.ts';
import {
  decodeMessage,
  encodeMessage,
  messageText,
  outputMessages,
  queueMetadata,
} from '../../../local/host/queue/text.ts';
import { readNcrontab } from '../../../local/host/timer/ncrontab.ts';
import { parseSchedule, ScheduleError } from '../../../local/host/timer/schedule.ts';
import { timerZone, Zone } from '../../../local/host/timer/zone.ts';
import { temporaryFolder } from './support.ts';

describe('route templates', () => {
  // Template, path, parameters (undefined: no match), as recorded on the real host.
  test.each([
    ['items/{id:int?}', '/items', {}],
    ['items/{id:int?}', '/items/', {}],
    ['items/{id:int?}', '/items/-5', { id: '-5' }],
    ['items/{id:int?}', '/items/x', undefined],
    ['items/{id:int?}', '/items/5/6', undefined],
    ['items/{id:int?}', '/items/99999999999', undefined],
    ['things/{id?}', '/things/a%20b', { id: 'a b' }],
    ['things/{id?}', '/things/a%2Fb', { id: 'a%2Fb' }],
    ['things/{id?}', '/THINGS/a+b', { id: 'a+b' }],
    ['files/{*path}', '/files', {}],
    ['files/{*path}', '/files/a/b/', { path: 'a/b/' }],
    ['c/{n:int:min(3)}/{s:alpha:length(2,4)}', '/c/3/ab', { n: '3', s: 'ab' }],
    ['c/{n:int:min(3)}/{s:alpha:length(2,4)}', '/c/2/ab', undefined],
    ['c/{n:int:min(3)}/{s:alpha:length(2,4)}', '/c/3/abcde', undefined],
    ['d/{a}/{b=def}', '/d/x', { a: 'x', b: 'def' }],
    ['users/{id:guid}', '/users/6F9619FF8B86D011B42D00C04FC964FF', { id: '6F9619FF8B86D011B42D00C04FC964FF' }],
    ['v{major}.{minor}', '/v1.2', { major: '1', minor: '2' }],
    ['a/b', '//a/b', undefined],
    ['a/b', '/a//b', undefined],
    ['a', '/b/../a', {}],
    ['f/{*p}', '/f//a', undefined],
    ['f/{*p}', '/f/a//b', { p: 'a//b' }],
    ['f/{*p}', '/f/a/b/..', { p: 'a/' }],
    ['f/{*p:int}', '/f', undefined],
    ['f/{*p=none}', '/f', { p: 'none' }],
    ['f/{n:int=x}', '/f', undefined],
    ['f/{a}-{b}', '/f/x-y-z', { a: 'x-y', b: 'z' }],
    ['f/{a}-{b}', '/f/-y', undefined],
    ['f/{file}.{ext?}', '/f/a.b.c', { file: 'a.b', ext: 'c' }],
    ['f/{file}.{ext?}', '/f/abc', { file: 'abc' }],
    ['f/{file}.{ext?}', '/f/abc.', undefined],
    ['f/{my.name}', '/f/1', { 'my.name': '1' }],
    ['f/{x:regex(^\\d{{3}}-\\w:(a|b)$)}', '/f/123-a:b', { x: '123-a:b' }],
  ])('%s and %s', (template, url, expected) => {
    expect(compileTemplate(template).match(readTarget(url).segments)).toEqual(expected);
  });

  // Constraint, values that pass, values that do not.
  test.each([
    ['int', ['+5', ' 5 ', '-2147483648'], ['5.0', '2147483648', '']],
    ['long', ['9223372036854775807'], ['9223372036854775808']],
    ['bool', ['TRUE', 'false'], ['1', 'yes']],
    ['decimal', ['1,000.5', '5-', '.5'], ['1e5', '-5-', '9'.repeat(30)]],
    ['double', ['1e5', 'NaN', '-Infinity', '1,0'], ['1e', 'x']],
    ['guid', ['{6f9619ff-8b86-d011-b42d-00c04fc964ff}'], ['6f9619ff8b86-d011b42d00c04fc964ff']],
    [
      'datetime',
      ['2024-02-29', '2024-01-02T03:04:05Z', '12-31-2024', '5 May 2024', '10:30 PM'],
      ['2024-02-30', '5', '25:00'],
    ],
    ['alpha', ['aZ'], ['a1']],
    ['minlength(2)', ['ab'], ['a']],
    ['maxlength(2)', ['ab'], ['abc']],
    ['length(2)', ['ab'], ['a', 'abc']],
    ['range(-1,9)', ['-1', '9'], ['10', 'x']],
    ['min(3)', ['3'], ['2', 'x', '9223372036854775808']],
    ['max(3)', ['-9'], ['4', 'x']],
    ['file', ['a.b'], ['a', 'a.']],
    ['nonfile', ['a', 'a.'], ['a.b']],
    ['regex(b.d)', ['aBCDe'], ['bd']],
    ['INT:Min(3)', ['3'], ['2']],
  ])('the constraint %s accepts and refuses as ASP.NET Core does', (name, good, bad) => {
    const accepts = (value: string) => compileTemplate(`{x:${name}}`).match([value]) !== undefined;
    expect(good.filter((value) => !accepts(value))).toEqual([]);
    expect(bad.filter(accepts)).toEqual([]);
  });

  test.each([
    'a/{b:nope}',
    'a/{b',
    'a}',
    'a//b',
    'a?',
    '{a}{b}',
    '{*a}/b',
    '{a}/{A}',
    '{*a?}',
    '{a?=1}',
    'x{a?}',
    '{a:min(x)}',
    '{a:int(5)}',
    '{?}',
  ])('the template %s cannot be used', (template) => {
    expect(() => compileTemplate(template)).toThrow(TemplateError);
  });
});

describe('host.json', () => {
  test('has the defaults of the real host', () => {
    const config = parseHostJson({ version: '2.0' });
    expect(config).toMatchObject({ routePrefix: 'api', functionTimeoutMs: 1_800_000, warnings: [] });
    expect(config.queues).toMatchObject({
      batchSize: 16,
      maxDequeueCount: 5,
      messageEncoding: 'base64',
      maxPollingIntervalMs: 2000,
    });
    expect(config.durable).toMatchObject({
      hubName: 'TestHubName',
      versionMatchStrategy: 'CurrentOrOlder',
      versionFailureStrategy: 'Reject',
      defaultVersion: null,
    });
  });

  test('names settings that have no effect and refuses those that would change behaviour', () => {
    const config = parseHostJson({
      version: '2.0',
      extensions: { blobs: {}, queues: { batchSizes: 3 } },
      concurrency: {},
    });
    expect(config.warnings.map((text) => /'(.*?)'/.exec(text)?.[1])).toEqual([
      'extensions.blobs',
      'extensions.queues.batchSizes',
      'concurrency',
    ]);
    expect(() => parseHostJson({ version: '2.0', customHandler: {} })).toThrow("'customHandler' is not supported");
  });

  test('is read with comments, trailing commas and in any letter case, like local.settings.json', () => {
    const text =
      '\ufeff{ // one\n "version": "2.0", /* "two" */ "Extensions": { "HTTP": { "routeprefix": "a//b,]" , }, "queues": { "BatchSize": 3 } }, }';
    expect(parseHostJson(parseConfiguration(text))).toMatchObject({
      routePrefix: 'a//b,]',
      queues: { batchSize: 3 },
      warnings: [],
    });
  });

  test('gives way to settings AzureFunctionsJobHost__*', () => {
    const content = withOverrides(
      { version: '2.0', Extensions: { http: { routePrefix: 'api' } } },
      {
        AzureFunctionsJobHost__extensions__http__routePrefix: '1',
        AzureFunctionsJobHost__extensions__queues__batchSize: '4',
        Other__extensions__queues__batchSize: '5',
      },
    );
    expect(parseHostJson(content)).toMatchObject({ routePrefix: '1', queues: { batchSize: 4 } });
  });

  test('time spans are read and written the .NET way', () => {
    expect([
      parseTimeSpan('00:05:00'),
      parseTimeSpan('1.02:00:00'),
      parseTimeSpan('00:00:00.250'),
      parseTimeSpan('5 min'),
    ]).toEqual([300_000, 93_600_000, 250, undefined]);
    const days = ['5', '1.00:00', '1:00:00:00', '24:00:00', '00:30', '00:60:00'].map(parseTimeSpan);
    expect(days.map((ms) => (ms === undefined ? ms : ms / 86_400_000))).toEqual([5, 1, 1, 24, 1 / 48, undefined]);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000_000 }), (ms) => {
        expect(parseTimeSpan(timeSpanText(ms))).toBe(ms);
      }),
    );
  });
});

describe('queue messages', () => {
  test('survive encoding and decoding', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom('none' as const, 'base64' as const), (text, encoding) => {
        const bytes = decodeMessage(encodeMessage(text, encoding), encoding);
        expect(messageText(bytes!)).toBe(Buffer.from(text, 'utf8').toString('utf8'));
      }),
    );
  });

  test('let keys of a JSON body hide the built-in metadata', () => {
    const message: any = {
      messageId: 'real',
      popReceipt: 'r',
      dequeueCount: 1,
      expiresOn: new Date(0),
      insertedOn: new Date(0),
      nextVisibleOn: new Date(0),
    };
    const metadata = queueMetadata(message, '{"id":"mine","dequeueCount":77,"l":[1],"n":null,"t":true,"o":{"p":1}}');
    expect([metadata['id'], metadata['dequeueCount']]).toEqual([undefined, undefined]);
    expect(metadata).toMatchObject({
      Id: { string: 'mine' },
      DequeueCount: { string: '77' },
      t: { string: 'True' },
      o: { json: '{"p":1}' },
    });
    expect(Object.keys(metadata)).not.toContain('l');
    expect(metadata['InsertionTime']).toEqual({ json: '"1970-01-01T00:00:00+00:00"' });
  });

  test('bring their JSON into the metadata with the texts that .NET gives', () => {
    const data = bindingData(
      '{"when":"2026-01-02T03:04:05.50+02:00","n":1.50,"big":12345678901234567890,"small":1e-7,"o":{"d":"2026-01-02T03:04:05.50Z","x":1.0},"day":"2026-02-30T00:00:00Z"}',
    );
    expect(Object.fromEntries(data)).toEqual({
      when: { string: '01/02/2026 01:04:05' },
      n: { string: '1.5' },
      big: { string: '12345678901234567890' },
      small: { string: '1E-07' },
      o: { json: '{"d":"2026-01-02T03:04:05.5Z","x":1.0}' },
      day: { string: '2026-02-30T00:00:00Z' },
    });
    expect([bindingData('[1]').size, bindingData('{a 1}').size]).toEqual([0, 0]);
  });

  test('are read as JSON where Newtonsoft.Json does so, in the order of their members', () => {
    const text = "{'b': 0x1F, a: .5, /* c */ 10: 017, list: [,1,], u: undefined, n: NaN, // end\n}";
    expect(Object.fromEntries(bindingData(text))).toEqual({
      b: { string: '31' },
      a: { string: '0.5' },
      '10': { string: '15' },
      n: { string: 'NaN' },
    });
    expect(outputMessages({ string: text })).toEqual([
      '{\n  "b": 31,\n  "a": 0.5,\n  "10": 15,\n  "list": [\n    undefined,\n    1\n  ],\n  "u": undefined,\n  "n": "NaN"\n}',
    ]);
    expect(outputMessages({ string: '\ufeff{"a":1}' })).toEqual(['\ufeff{"a":1}']);
  });

  test.each([
    '{a:1} {b:2}',
    "{'a:1}",
    '{"a":08}',
    '{"a":1;}',
    '{"a":"\\x41"}',
    '{"a":+1}',
    '{"a":1 /* }',
    `${'['.repeat(65)}${']'.repeat(65)}`,
  ])('are not read as JSON where Newtonsoft.Json refuses it: %s', (text) => {
    expect(() => outputMessages({ string: text })).toThrow(SyntaxError);
  });

  test('of standard JSON mean the same as to everybody', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        const written = writeJson(parseJson(text), { indented: false, dates: false });
        expect(JSON.parse(written)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('from outputs have the number and date texts of .NET, and a broken JSON text fails', () => {
    expect(outputMessages({ int: 1e21 })).toEqual(['3875820019684212736']);
    expect(outputMessages({ double: 1e-7 })).toEqual(['1E-07']);
    expect(outputMessages({ string: '["2026-01-02T03:04:05Z",1.0]' })).toEqual(['01/02/2026 03:04:05', '1']);
    expect(outputMessages({ json: '["2026-01-02T03:04:05Z",[],{}]' })).toEqual(['2026-01-02T03:04:05Z', '[]', '{}']);
    expect(() => outputMessages({ string: '{not json}' })).toThrow(SyntaxError);
  });

  test('are made from outputs as recorded', () => {
    expect(outputMessages({ json: '["a",{"b":1},3,["x"],null]' })).toEqual([
      'a',
      '{\n  "b": 1\n}',
      '3',
      '[\n  "x"\n]',
      '',
    ]);
    expect(outputMessages({ json: 'true' })).toEqual(['True']);
    expect(outputMessages({ string: '' })).toEqual(['']);
    expect(outputMessages({ string: '{"x":1}' })).toEqual(['{\n  "x": 1\n}']);
    expect([outputMessages(null), outputMessages({ json: '[]' })]).toEqual([[], []]);
  });
});

describe('a request body', () => {
  const request = () => Object.assign(new PassThrough(), { headers: {} });

  test("that hardly arrives is given up after Kestrel's five seconds, one that arrives slowly is not", async () => {
    vi.useFakeTimers();
    try {
      const [stuck, slow] = [request(), request()];
      const given = expect(readBody(stuck as never)).rejects.toThrow(BodyTooSlowError);
      stuck.write('begin');
      const kept = readBody(slow as never);
      for (let second = 0; second < 9; second++) {
        slow.write('x'.repeat(300));
        await vi.advanceTimersByTimeAsync(1000);
      }
      await given;
      slow.end();
      expect((await kept).length).toBe(2700);
    } finally {
      vi.useRealTimers();
    }
  });

  test('whose caller hangs up is an error, before and while it is read', async () => {
    const [before, during] = [request(), request()];
    before.destroy();
    await expect(readBody(before as never)).rejects.toThrow('hung up');
    const read = expect(readBody(during as never)).rejects.toThrow('hung up');
    during.destroy();
    await read;
  });
});

describe('schedules', () => {
  const noon = Date.UTC(2026, 0, 1, 12);
  test.each([
    ['0 */5 * * * *', 300_000, false],
    ['*/5 * * * *', 300_000, false],
    ['*/2 * * * * *', 2000, true],
    ['00:00:03', 3000, true],
    ['0 30 9 * * MON', Date.UTC(2026, 0, 5, 9, 30) - noon, false],
  ])('%s fires after %d ms', (text, delay, frequent) => {
    const schedule = parseSchedule(text);
    expect(schedule.next(noon) - noon).toBe(delay);
    expect(schedule.frequent).toBe(frequent);
  });

  test('want day of month and day of week both to match', () => {
    expect(new Date(parseSchedule('0 0 0 13 * FRI').next(noon)).toISOString()).toBe('2026-02-13T00:00:00.000Z');
  });

  test.each([
    ['5/20 * * * * *', '5,25,45'],
    ['50-10/20 * * * * *', '10,30,50'],
    ['*/0 0 * * * *', '*'],
  ])('%s has the seconds %s, as NCrontab reads them', (text, seconds) => {
    expect(readNcrontab(text)?.[0]).toBe(seconds);
  });

  test('know names by their beginning', () => {
    expect(readNcrontab('0 0 * MARCH,s-nov Mon-friday')).toEqual(['0', '0', '*', '3,9,10,11', '1,2,3,4,5']);
  });

  test.each([
    ['0,30 0 * * * *', '11:40:30', false],
    ['0,30 0 * * * *', '11:59:40', true],
    ['*/10 * 9 * * *', '08:30:00', false],
    ['*/10 * 9 * * *', '09:30:00', true],
    ['0 * * * * *', '09:30:00', false],
  ])('%s seen at %s: more than one call in the coming minute: %s', (text, clock, frequent) => {
    expect(parseSchedule(text, new Zone('UTC'), Date.parse(`2026-01-01T${clock}Z`)).frequent).toBe(frequent);
  });

  test('that never come are kept for the last moment of all', () => {
    const schedule = parseSchedule('0 0 0 30 2 *');
    expect(new Zone('UTC').text(schedule.next(noon))).toBe('9999-12-31T23:59:59.9999999+00:00');
    expect(schedule.next(schedule.next(noon))).toBe(schedule.next(noon));
  });

  // The clock of Berlin skips 2:00 to 3:00 on 28 March 2027, and shows it twice on 25 October 2026.
  test.each([
    ['0 30 2 * * *', '2027-03-27T12:00:00Z', '2027-03-28T03:30:00+02:00'],
    ['0 0 * * * *', '2027-03-28T00:00:00Z', '2027-03-28T03:00:00+02:00'],
    ['0 30 2 * * *', '2026-10-24T12:00:00Z', '2026-10-25T02:30:00+01:00'],
    ['0 */20 * * * *', '2026-10-25T00:00:00Z', '2026-10-25T02:20:00+01:00'],
    ['0 0 9 * * *', '2026-01-01T12:00:00Z', '2026-01-02T09:00:00+01:00'],
  ])('%s after %s comes at %s, as .NET counts on the wall clock', (text, after, expected) => {
    const zone = new Zone('Europe/Berlin');
    expect(zone.text(parseSchedule(text, zone).next(Date.parse(after)))).toBe(expected);
  });

  test('follow WEBSITE_TIME_ZONE, then TZ where it is a name', () => {
    const at = (settings: NodeJS.ProcessEnv): string => timerZone(settings).text(0);
    expect(at({ WEBSITE_TIME_ZONE: 'Asia/Kolkata', TZ: 'Europe/Berlin' })).toBe('1970-01-01T05:30:00+05:30');
    expect(at({ TZ: 'America/New_York' })).toBe('1969-12-31T19:00:00-05:00');
    expect([at({}), at({ TZ: ':/etc/localtime' })]).toEqual(Array(2).fill('1970-01-01T00:00:00+00:00'));
    expect(() => timerZone({ WEBSITE_TIME_ZONE: 'Eastern Standard Time' })).toThrow(RangeError);
  });

  test.each([
    'not a cron',
    '* * * *',
    '61 * * * * *',
    '@daily',
    '0 0 L * *',
    '* * * * * 7',
    '0 0 ? * *',
    '00:60:00',
    '',
  ])('%s is refused', (text) => {
    expect(() => parseSchedule(text)).toThrow(ScheduleError);
  });
});

describe('versions', () => {
  test('compare by number when dotted, else as text without case', () => {
    expect(compareVersions(null, '1.0')).toBeLessThan(0);
    expect(compareVersions('1.10', '1.9')).toBeGreaterThan(0);
    expect(compareVersions('2.0.0', '2.0')).toBeGreaterThan(0);
    expect(compareVersions('alpha', 'ALPHA')).toBe(0);
  });

  test('run, wait or fail as the strategies say', () => {
    const rules = { defaultVersion: '2.0', matchStrategy: 'CurrentOrOlder', failureStrategy: 'Reject' } as const;
    expect(['1.0', '2.0', '3.0'].map((version) => judgeVersion(rules, version))).toEqual(['run', 'run', 'reject']);
    expect(judgeVersion({ ...rules, matchStrategy: 'Strict', failureStrategy: 'Fail' }, '2.0.0')).toBe('fail');
    // Strict compares texts, not numbers.
    expect(judgeVersion({ ...rules, matchStrategy: 'Strict' }, '2.00')).toBe('reject');
    expect(judgeVersion(rules, '2.00')).toBe('run');
    expect(judgeVersion({ ...rules, matchStrategy: 'None' }, '9')).toBe('run');
  });
});

describe('small rules', () => {
  test('a custom status of 8192 characters passes, 9000 do not', () => {
    expect(customStatusError(JSON.stringify('x'.repeat(8192)))).toBeUndefined();
    expect(customStatusError(JSON.stringify('x'.repeat(9000)))).toContain('The current payload size is 17 KB.');
    expect(customStatusError(JSON.stringify('x'.repeat(600_000)))).toContain('size is 1,171 KB.');
  });

  test('retry delays are fixed, or double up to the maximum', () => {
    expect(
      [1, 2].map((retry) => retryDelay({ retryStrategy: 'fixedDelay', delayInterval: { seconds: 2 } }, retry)),
    ).toEqual([2000, 2000]);
    const policy = {
      retryStrategy: 'exponentialBackoff',
      minimumInterval: { seconds: 1 },
      maximumInterval: { seconds: 5 },
    };
    expect([1, 2, 3, 4].map((retry) => retryDelay(policy, retry))).toEqual([1000, 2000, 4000, 5000]);
  });

  test('credentials do not reach the log', () => {
    const seen: string[] = [];
    const log = createLog((record) => seen.push(record.message));
    log.write({
      level: 'error',
      category: 'Host',
      message: 'AccountName=a;AccountKey=c2VjcmV0==;x https://a/b?sp=r&sig=secret%3D&se=1',
    });
    expect(seen).toEqual([
      'AccountName=a;AccountKey=[Hidden Credential];x https://a/b?sp=r&sig=[Hidden Credential]&se=1',
    ]);
  });

  test('user logs are written from information, invocation lines from warning', () => {
    const seen: LogRecord[] = [];
    const log = createLog((record) => seen.push(record));
    for (const category of ['Function.a', 'Function.a.User'])
      for (const level of ['debug', 'information', 'warning'] as const) log.write({ level, category, message: '' });
    expect(seen.map((record) => `${record.category} ${record.level}`)).toEqual([
      'Function.a warning',
      'Function.a.User information',
      'Function.a.User warning',
    ]);
  });
});

describe('the store', () => {
  function filled(): string {
    const file = path.join(temporaryFolder(), 'durable.db');
    const store = new DurableStore(file);
    store.transaction(() => {
      for (let seq = 0; seq < 2000; seq++) store.appendHistory('i', seq, 'x'.repeat(200));
    });
    store.close();
    return file;
  }

  test('keeps nothing of a transaction that fails', () => {
    const store = new DurableStore(path.join(temporaryFolder(), 'durable.db'));
    const failing = () =>
      store.transaction(() => {
        store.appendHistory('i', 0, '{}');
        throw new Error('stop');
      });
    expect(failing).toThrow('stop');
    expect([store.history('i'), store.commits]).toEqual([[], 0]);
    store.close();
  });

  test('refuses a file that was cut off, one of another program and one of a newer version', () => {
    const torn = filled();
    truncateSync(torn, Math.floor(readFileSync(torn).length / 3));
    expect(() => new DurableStore(torn)).toThrow(/damaged.*Restore it from a copy/s);
    const garbled = filled();
    const bytes = readFileSync(garbled);
    bytes.fill(0xff, 8192, 40_000);
    writeFileSync(garbled, bytes);
    expect(() => new DurableStore(garbled)).toThrow(DataFolderError);
    const copy = path.join(temporaryFolder(), 'newer.db');
    copyFileSync(filled(), copy);
    const header = readFileSync(copy);
    header.writeUInt32BE(99, 60);
    writeFileSync(copy, header);
    expect(() => new DurableStore(copy)).toThrow('written by a newer version');
  });

  test('in a folder that cannot be written is not called damaged', () => {
    const gone = path.join(temporaryFolder(), 'gone');
    expect(() => new DurableStore(path.join(gone, 'durable.db'))).toThrow(
      /data folder .*gone cannot be written.*--data/,
    );
  });

  test('is locked by one holder at a time', async () => {
    const folder = temporaryFolder();
    const lock = await lockDataFolder(folder);
    await expect(lockDataFolder(folder)).rejects.toThrow('Another host is running');
    lock.release();
    (await lockDataFolder(folder)).release();
  });
});
