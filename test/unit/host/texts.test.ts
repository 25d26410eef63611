import { PassThrough } from 'node:stream';
import * as fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { parseJson } from '../../../local/host/core/json-reader.ts';
import { bindingData, writeJson } from '../../../local/host/core/json-text.ts';
import { BodyTooSlowError, readBody } from '../../../local/host/http/messages.ts';
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
