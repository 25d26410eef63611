import type { ArmAnswer, Bench } from '../harness.ts';
import { type Exchange, hasTodaysHeaders } from './exchanges.ts';

/** Headers that carry the protocol; others are identifiers, sizes and load. */
const protocol = ['azure-asyncoperation', 'location', 'retry-after', 'www-authenticate', 'x-ms-failure-cause', 'etag'];

const kindOf = (value: unknown): string => (Array.isArray(value) ? 'list' : value === null ? 'null' : typeof value);

/** Paths and kinds of every value; what users name (tags, parameters) counts as one. */
export function shapeOf(value: any, prefix = '', found = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(value)) for (const item of value) shapeOf(item, `${prefix}[]`, found);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      const path = `${prefix}.${name}`;
      found.set(path, kindOf(item));
      if (!['tags', 'userAssignedIdentities', 'metadata'].includes(name)) shapeOf(item, path, found);
    }
  }
  return found;
}

function compareHeaders(theirs: Readonly<Record<string, string>>, ours: Readonly<Record<string, string>>): string[] {
  const has = (headers: object, name: string) => Object.keys(headers).some((own) => own.toLowerCase() === name);
  return protocol.flatMap((name) => {
    if (has(theirs, name) === has(ours, name)) return [];
    return [has(theirs, name) ? `lacks header ${name}` : `has header ${name}`];
  });
}

function compareBodies(theirs: any, ours: any): string[] {
  if (typeof theirs !== 'object' || theirs === null) return [];
  const own = shapeOf(ours);
  return [...shapeOf(theirs)].flatMap(([path, kind]) => {
    const other = own.get(path);
    if (other === undefined) return [`lacks ${path}`];
    return other === kind || kind === 'null' || other === 'null' ? [] : [`${path} is ${other}, not ${kind}`];
  });
}

/** How an answer differs from the recorded one, in words. Not compared: values, and what ours has beyond the recorded. */
export function differences(exchange: Exchange, ours: ArmAnswer): string[] {
  const { response } = exchange;
  if (ours.status !== response.status)
    return [`status ${ours.status}, not ${response.status}: ${JSON.stringify(ours.body).slice(0, 200)}`];
  const state = (body: any) => body?.properties?.provisioningState;
  const codeOf = (body: any) => body?.error?.code ?? body?.code;
  return [
    ...(hasTodaysHeaders(exchange) ? compareHeaders(response.headers, ours.headers) : []),
    ...compareBodies(response.body, ours.body),
    ...(state(response.body) === state(ours.body) ? [] : [`state ${state(ours.body)}, not ${state(response.body)}`]),
    ...(codeOf(response.body) === codeOf(ours.body) ? [] : [`code ${codeOf(ours.body)}, not ${codeOf(response.body)}`]),
  ];
}

/** Follows the operation as the recorded client did; the first and the last poll are compared. */
export async function pollDifferences(bench: Bench, exchange: Exchange, ours: ArmAnswer): Promise<string[]> {
  const [first] = exchange.polls;
  const last = exchange.polls.at(-1);
  const header = first === undefined ? undefined : ours.headers[first.via];
  if (first === undefined || last === undefined || header === undefined || exchange.response.status !== ours.status)
    return [];
  const url = header.replace('https://management.azure.com', '');
  const found: string[] = [];
  const compare = (name: string, theirs: typeof first, answer: ArmAnswer) => {
    const all = [
      ...(answer.status === theirs.status ? [] : [`status ${answer.status}, not ${theirs.status}`]),
      ...compareBodies(theirs.body, answer.body),
      ...(hasTodaysHeaders(exchange) ? compareHeaders(theirs.headers, answer.headers) : []),
    ];
    found.push(...all.map((difference) => `${name} poll: ${difference}`));
  };
  if (exchange.polls.length > 1) compare('first', first, await bench.call('GET', url));
  bench.settle();
  compare('last', last, await bench.call('GET', url));
  return found;
}
