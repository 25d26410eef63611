/** How each recording of the real Functions host is compared with the one made here. */
import { timerCases } from './host-compare-timers.ts';
import { canonical, differences, list, mapJson, object, text, type Json, type JsonObject } from './json.ts';

export interface Case {
  readonly id: string;
  readonly places: readonly string[];
}

type Compare = (recorded: Json, here: Json) => Case[];

/** Members that hold times, log lines and ids of one run. */
const VOLATILE = new Set([
  'log',
  'logLater',
  'hostLog',
  'ms',
  't',
  'startMs',
  'sinceSendMs',
  'latencyMs',
  'wallMs',
  'totalMs',
]);
const VOLATILE_IDS = new Set(['invocationId', 'popReceipt', 'pid', 'at', 'stackTrace', 'source', 'processUptime']);
const SERVER_HEADERS = new Set(['Server', 'Date']);
const GUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}/gi;

function plainText(value: string): string {
  return value
    .replace(/127\.0\.0\.1:\d+/g, '127.0.0.1:PORT')
    .replace(/localhost:\d+/g, 'localhost:PORT')
    .replace(GUID, '<id>')
    .replace(/pid \d+/g, 'pid <n>')
    .replace(/\bdup[a-z0-9]{8}\b/g, 'dup<n>')
    .replace(/code=[^&"\s]+/g, 'code=<key>')
    .replace(/taskHub=\w+/g, 'taskHub=<hub>')
    .replace(/\b20(?!26-01-0[23])\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?/g, '<time>')
    .replace(/\{\\*"\$type\\*":\\*"System\.Exception.*$/s, '<exception>')
    .replace(/StackTrace: .*$/s, 'StackTrace: <stack>')
    .replace(/"StackTrace\\*":(null|\\*"([^"\\]|\\.)*\\*")/g, '"StackTrace":null')
    .replace(/,\\*"(Timestamp|Predecessor|requestTime)\\*":\\*"[^"\\]*\\*"/g, '')
    .replace(/(?<=known \w+ functions: )'[^.]*'/, (names) => names.split(', ').sort().join(', '));
}

function headersOf(headers: Json[]): Json {
  const kept = headers.map((pair) => list(pair).map((part) => text(part)));
  return kept
    .filter(([name]) => name !== undefined && !SERVER_HEADERS.has(name))
    .map((pair) => pair.join(': '))
    .sort();
}

/** The recorder left out empty objects. */
function isEmptyObject(value: Json): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0;
}

function normal(value: Json): Json {
  const changed = mapJson(value, (item, key) => {
    if (key !== undefined && (VOLATILE.has(key) || VOLATILE_IDS.has(key))) return undefined;
    if (key === 'headers' && Array.isArray(item)) return headersOf(item);
    if (key !== undefined && isEmptyObject(item)) return undefined;
    return typeof item === 'string' ? plainText(item) : item;
  });
  return changed ?? null;
}

function sameWhole(id: string): Compare {
  return (recorded, here) => [{ id, places: differences(normal(recorded), normal(here)) }];
}

/** One case per member of the object behind `key` (or of the document). */
function perMember(key?: string, change: (value: Json) => Json = (value) => value): Compare {
  return (recorded, here) => {
    const [a, b] = [object(recorded), object(here)].map((whole) => (key === undefined ? whole : object(whole[key])));
    return Object.entries(a ?? {}).map(([id, value]) => {
      const mine = b?.[id];
      if (mine === undefined) return { id, places: ['this case was not run'] };
      return { id, places: differences(normal(change(value)), normal(change(mine))) };
    });
  };
}

/** Cases of a list, named by `name`. */
function perCase(name: (item: JsonObject) => string, change: (value: JsonObject) => Json): Compare {
  return (recorded, here) =>
    list(object(recorded)['cases']).map((item, index) => {
      const mine = list(object(here)['cases'])[index];
      const places =
        mine === undefined
          ? ['this case was not run']
          : differences(normal(change(object(item))), normal(change(object(mine))));
      return { id: `${index} ${name(object(item))}`, places };
    });
}

/** Events of a history have no fixed order where things run side by side. */
function withoutHistoryOrder(value: Json): Json {
  const changed = mapJson(value, (item, key) => {
    if (key === 'Timestamp' || key === 'ScheduledTime' || key === 'FireAt' || key === 'StackTrace') return undefined;
    if (key !== 'historyEvents') return item;
    return list(item)
      .filter((event) => !text(object(event)['EventType']).startsWith('Orchestrator'))
      .map((event) => canonical(mapJson(event, (part) => (typeof part === 'string' ? plainText(part) : part))))
      .sort();
  });
  return changed ?? null;
}

/** Tries of one message: what was seen, in order, and whether one invocation served several tries. */
function tries(rows: Json[]): Json {
  const ids = rows.map((row) => text(object(row)['invocationId']));
  return rows.map((row, index) => {
    const { retryContext, ...rest } = object(row);
    const { exception, ...context } = object(retryContext);
    const shown: JsonObject = { ...rest, sameInvocationAsBefore: index > 0 && ids[index] === ids[index - 1] };
    if (retryContext !== undefined && retryContext !== null)
      shown['retryContext'] = { ...context, hasException: exception !== undefined };
    delete shown['sincePrevMs'];
    return shown;
  });
}

/** Gaps between the tries of one delivery that differ by more than a second; between deliveries the poll decides. */
function gaps(recorded: Json[], here: Json[]): string[] {
  return recorded.flatMap((row, index) => {
    const [want, got] = [object(row)['sincePrevMs'], object(here[index])['sincePrevMs']];
    const invocation = object(row)['invocationId'];
    if (invocation !== object(recorded[index - 1])['invocationId']) return [];
    if (typeof want !== 'number' || typeof got !== 'number' || Math.abs(want - got) <= 1000) return [];
    return [`try ${index}: recorded ${want} ms after the one before, here ${got} ms`];
  });
}

function triesOf(recorded: Json, here: Json): string[] {
  const [a, b] = [list(object(recorded)['tries']), list(object(here)['tries'])];
  return [...differences(normal(tries(a)), normal(tries(b))), ...gaps(a, b)];
}

function response(item: JsonObject): Json {
  const { log: _log, ...answer } = object(item);
  return answer;
}

const concurrency: Compare = (recorded, here) => {
  const at = (value: Json): Json => object(value)['maxParallel'] ?? null;
  return [{ id: 'maximum at once', places: differences(at(recorded), at(here)) }];
};

const shutdown: Compare = (recorded, here) => {
  const shape = (value: Json): Json => {
    const { httpInFlight, stop, events, queueMessagesLeft, visible } = object(value);
    const names = list(events).map((event) => text(list(event)[0]));
    return {
      httpInFlight,
      exit: object(stop)['exit'],
      events: names.sort(),
      last: names.at(-1),
      queueMessagesLeft,
      visible,
    } as Json;
  };
  return [{ id: 'SIGTERM', places: differences(normal(shape(recorded)), normal(shape(here))) }];
};

const timeout: Compare = (recorded, here) => {
  const shape = (value: Json): Json => {
    const { before, response: answer, after, hostExited } = object(value);
    return { before, answer, after: list(after).map((row) => list(row).slice(1)), hostExited } as Json;
  };
  return [{ id: 'functionTimeout', places: differences(normal(shape(recorded)), normal(shape(here))) }];
};

const configVariants: Compare = (recorded, here) => {
  const shape = (value: Json): Json => {
    const { get, queueTries, poisonRaw, outputRaw } = object(value);
    const order = list(queueTries).map((row) => JSON.stringify(list(row).slice(0, 2)));
    return {
      get,
      queueTries: order.sort(),
      poisonRaw: list(poisonRaw)
        .map((raw) => text(raw))
        .sort(),
      outputRaw,
    } as Json;
  };
  return [{ id: 'host.json', places: differences(normal(shape(recorded)), normal(shape(here))) }];
};

const routeOrder: Compare = (recorded, here) =>
  ['registeredInThisOrder', 'registeredReversed'].flatMap((order) => {
    const answers = (value: Json): JsonObject => object(object(object(value)[order])['answers']);
    const mine = answers(here);
    return Object.entries(answers(recorded)).map(([route, answer]) => ({
      id: `${order} ${route}`,
      places: differences(normal(answer), normal(mine[route] ?? null)),
    }));
  });

const poisonOfThree: Compare = (recorded, here) => {
  const shape = (value: Json): Json =>
    list(object(value)['order'])
      .map((row) => JSON.stringify(list(row).slice(0, 2)))
      .sort();
  return [{ id: 'three failing messages', places: differences(shape(recorded), shape(here)) }];
};

const auth: Compare = (recorded, here) => [
  ...perMember('plainWebHost')(recorded, here).map((one) => ({ ...one, id: `keys: ${one.id}` })),
  ...perMember('funcStartEmulated')(recorded, here).map((one) => ({ ...one, id: `func start: ${one.id}` })),
];

/** By the name of the recording. */
export const COMPARERS: Readonly<Record<string, Compare>> = {
  http: perCase(
    (item) => `${text(object(item['request'])['method'])} ${text(object(item['request'])['path'])}`,
    (item) => item['response'] ?? null,
  ),
  'http-auth': auth,
  'http-body-size': perMember(),
  'http-leading-slash-route': (recorded, here) =>
    perMember(undefined, (value) => (Array.isArray(value) ? [] : value))(recorded, here).filter(
      (one) => one.id !== 'log',
    ),
  'http-parallel': (recorded, here) => {
    const shape = (value: Json): Json => list(object(value)['each']).map((row) => list(row).slice(0, 2));
    return [{ id: 'eight at once', places: differences(shape(recorded), shape(here)) }];
  },
  'http-route-order': routeOrder,
  'http-streaming': perMember('cases', (value) => response(object(value))),
  'config-variants': configVariants,
  durable: perMember('cases', withoutHistoryOrder),
  'durable-unknown-log': perMember(undefined, (value) => object(value)['status'] ?? null),
  'function-timeout': timeout,
  hooks: sameWhole('hooks'),
  'load-errors': perMember(undefined),
  'queue-concurrency': concurrency,
  'queue-input': perCase(
    (item) => text(item['sentText']),
    (item) => item['seen'] ?? null,
  ),
  'queue-output': perMember('byValue'),
  'queue-output-extra': perMember('byValue'),
  'queue-poison': (recorded, here) => [
    { id: 'tries', places: triesOf(recorded, here) },
    {
      id: 'poison reader',
      places: differences(
        normal(object(recorded)['poisonSeenBySecondFunction'] ?? null),
        normal(object(here)['poisonSeenBySecondFunction'] ?? null),
      ),
    },
  ],
  'queue-poison-3': poisonOfThree,
  'queue-retry-policy': (recorded, here) => [
    { id: 'tries', places: triesOf(recorded, here) },
    {
      id: 'poison text',
      places: differences(
        normal(list(object(recorded)['poisonRaw']).map((row) => object(row)['raw'] ?? null)),
        normal(list(object(here)['poisonRaw']).map((row) => object(row)['raw'] ?? null)),
      ),
    },
  ],
  'queue-third-try': (recorded, here) => {
    const shape = (value: Json): Json => list(object(value)['tries']).map((row) => list(row)[0] ?? null);
    return [{ id: 'dequeue counts', places: differences(shape(recorded), shape(here)) }];
  },
  'shutdown-sigterm': shutdown,
  timer: timerCases,
  'worker-crash': perMember(undefined, (value) => {
    const { response: answer, ...rest } = object(value);
    const { tries: _tries, ...others } = rest;
    return answer === undefined ? others : { answer };
  }),
};
