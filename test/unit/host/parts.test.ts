import { copyFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseHostJson, parseTimeSpan } from '../../../local/host/config/host-json.ts';
import { parseConfiguration } from '../../../local/host/config/json-file.ts';
import { withOverrides } from '../../../local/host/config/overrides.ts';
import { timeSpanText } from '../../../local/host/core/invocation.ts';
import { createLog, type LogRecord } from '../../../local/host/core/log.ts';
import { retryDelay } from '../../../local/host/core/retry.ts';
import { customStatusError } from '../../../local/host/durable/failures.ts';
import { lockDataFolder } from '../../../local/host/durable/lock.ts';
import { DataFolderError } from '../../../local/host/folders.ts';
import { DurableStore } from '../../../local/host/durable/store.ts';
import { compareVersions, judgeVersion } from '../../../local/host/durable/versions.ts';
import { readTarget } from '../../../local/host/http/target.ts';
import { compileTemplate, TemplateError } from '../../../local/host/http/template.ts';
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
