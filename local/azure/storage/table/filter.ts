import { StorageError } from '../errors.ts';

/** A value as it is compared: its kind, and something that has an order. */
interface Comparable {
  readonly kind: string;
  readonly value: string | number | bigint | boolean;
}

/** Properties of an entity with their annotations, as they are kept. */
export type Entity = Readonly<Record<string, unknown>>;

type Test = (entity: Entity) => boolean;

const token =
  /\s*(?:(?<text>'(?:[^']|'')*')|(?<typed>datetime|guid|binary|X)'(?<inner>[^']*)'|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?L?)|(?<word>[A-Za-z_]\w*)|(?<mark>[()]))/uy;

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  eq: (order) => order === 0,
  ne: (order) => order !== 0,
  gt: (order) => order > 0,
  ge: (order) => order >= 0,
  lt: (order) => order < 0,
  le: (order) => order <= 0,
};

function bad(filter: string): StorageError {
  return new StorageError('InvalidInput', {
    message: `The filter is not one that the simulated table service reads: ${filter}`,
  });
}

function literal(groups: Readonly<Record<string, string | undefined>>): Comparable | undefined {
  const { text, typed, inner = '', number, word } = groups;
  if (text !== undefined) return { kind: 'String', value: text.slice(1, -1).replaceAll("''", "'") };
  if (typed === 'datetime') return { kind: 'DateTime', value: Date.parse(inner) };
  if (typed !== undefined) return { kind: typed === 'guid' ? 'Guid' : 'Binary', value: inner.toLowerCase() };
  if (number?.endsWith('L') === true) return { kind: 'Int64', value: BigInt(number.slice(0, -1)) };
  if (number !== undefined) return { kind: 'Number', value: Number(number) };
  return word === 'true' || word === 'false' ? { kind: 'Boolean', value: word === 'true' } : undefined;
}

function valueOf(entity: Entity, name: string): Comparable | undefined {
  const value = entity[name];
  const annotation = entity[`${name}@odata.type`];
  const type = typeof annotation === 'string' ? annotation.replace('Edm.', '') : '';
  if (typeof value === 'number') return { kind: 'Number', value };
  if (typeof value === 'boolean') return { kind: 'Boolean', value };
  if (typeof value !== 'string') return undefined;
  if (type === 'Int64') return /^-?\d{1,19}$/u.test(value) ? { kind: 'Int64', value: BigInt(value) } : undefined;
  if (type === 'DateTime' || name === 'Timestamp') return { kind: 'DateTime', value: Date.parse(value) };
  if (type === 'Double') return { kind: 'Number', value: Number(value) };
  return type === 'Guid' || type === 'Binary' ? { kind: type, value: value.toLowerCase() } : { kind: 'String', value };
}

function compare(left: Comparable | undefined, right: Comparable, holds: (order: number) => boolean): boolean {
  if (left === undefined) return false;
  const isNumber = ['Number', 'Int64'].includes(left.kind) && ['Number', 'Int64'].includes(right.kind);
  if (left.kind !== right.kind && !isNumber) return false;
  return holds(left.value < right.value ? -1 : left.value > right.value ? 1 : 0);
}

/**
 * Reads an OData `$filter` of the table service: comparisons of a property with a constant, and, or, not, parentheses.
 *
 * @throws StorageError InvalidInput
 */
export function parseFilter(filter: string): Test {
  const tokens: Readonly<Record<string, string | undefined>>[] = [];
  token.lastIndex = 0;
  const text = filter.trimEnd();
  while (token.lastIndex < text.length) {
    const found = token.exec(text)?.groups;
    if (found === undefined) throw bad(filter);
    tokens.push(found);
  }
  let at = 0;
  const isNext = (word: string): boolean => tokens[at]?.['word'] === word || tokens[at]?.['mark'] === word;
  const take = (word: string): boolean => {
    if (!isNext(word)) return false;
    at += 1;
    return true;
  };
  const primary = (depth: number): Test => {
    if (depth > 50) throw bad(filter);
    if (take('not')) {
      const inner = primary(depth + 1);
      return (entity) => !inner(entity);
    }
    if (take('(')) {
      const inner = either(depth + 1);
      if (!take(')')) throw bad(filter);
      return inner;
    }
    const [name, operator, right] = [tokens[at]?.['word'], tokens[at + 1]?.['word'], literal(tokens[at + 2] ?? {})];
    const holds = comparisons[operator ?? ''];
    if (name === undefined || holds === undefined || right === undefined) throw bad(filter);
    at += 3;
    return (entity) => compare(valueOf(entity, name), right, holds);
  };
  const both = (depth: number): Test => {
    const parts = [primary(depth)];
    while (take('and')) parts.push(primary(depth));
    return (entity) => parts.every((part) => part(entity));
  };
  const either = (depth: number): Test => {
    const parts = [both(depth)];
    while (take('or')) parts.push(both(depth));
    return (entity) => parts.some((part) => part(entity));
  };
  if (tokens.length === 0) return () => true;
  const whole = either(0);
  if (at < tokens.length) throw bad(filter);
  return whole;
}
