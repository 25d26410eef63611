import { ArmError } from '../engine/errors.ts';
import { isObject, type Json, type JsonObject } from '../engine/json.ts';

/** The syntax tree of a template expression. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: Json }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expression[] }
  | { readonly kind: 'member'; readonly of: Expression; readonly index: Expression };

/** What functions of a template are evaluated with. */
export type Call = (name: string, args: readonly Expression[], evaluate: (expression: Expression) => Json) => Json;

/** 400 as the deployment engine answers for a template that it cannot read. */
export function invalidTemplate(message: string): ArmError {
  return new ArmError(400, 'InvalidTemplate', `Deployment template validation failed: '${message}'.`, {
    cause: 'gateway',
  });
}

/** A value where text is expected: strings as they are, numbers and booleans as JSON writes them. */
export function word(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return JSON.stringify(value);
  throw invalidTemplate(`a string is expected, got ${JSON.stringify(value ?? null)}`);
}

const TOKEN = /\s*(?:(?<text>'(?:[^']|'')*')|(?<number>-?\d+)|(?<name>[A-Za-z_][\w.]*)|(?<mark>[(),[\].]))/uy;
/** Deeper nesting is refused, as the engine's own parser does. */
const DEEPEST = 200;

interface Token {
  readonly kind: 'text' | 'number' | 'name' | 'mark';
  readonly value: string;
}

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = source.trimEnd().length;
  while (TOKEN.lastIndex < end) {
    const start = TOKEN.lastIndex;
    const groups = TOKEN.exec(source)?.groups;
    if (groups === undefined)
      throw invalidTemplate(`The language expression '${source}' is not valid: unexpected character at ${start}`);
    const { text, number, name, mark } = groups;
    if (text !== undefined) tokens.push({ kind: 'text', value: text.slice(1, -1).replaceAll("''", "'") });
    else if (number !== undefined) tokens.push({ kind: 'number', value: number });
    else if (name !== undefined) tokens.push(...pathTokens(name));
    else tokens.push({ kind: 'mark', value: mark ?? '' });
  }
  return tokens;
}

/** `a.b` without a call in front is a namespaced function or a path of properties; both arrive as single names. */
function pathTokens(name: string): Token[] {
  return name
    .split('.')
    .flatMap((part, index): Token[] => [
      ...(index === 0 ? [] : [{ kind: 'mark' as const, value: '.' }]),
      { kind: 'name', value: part },
    ]);
}

/** Parses the inside of `[...]`. Throws 400 InvalidTemplate. */
export function parseExpression(source: string): Expression {
  const tokens = tokensOf(source);
  let at = 0;
  const bad = (): ArmError => invalidTemplate(`The language expression '${source}' is not valid`);
  const isMark = (mark: string): boolean => tokens[at]?.kind === 'mark' && tokens[at]?.value === mark;
  const take = (mark: string): void => {
    if (!isMark(mark)) throw bad();
    at += 1;
  };
  const value = (depth: number): Expression => {
    if (depth > DEEPEST) throw bad();
    const token = tokens[at];
    at += 1;
    if (token?.kind === 'text') return { kind: 'literal', value: token.value };
    if (token?.kind === 'number') return { kind: 'literal', value: Number(token.value) };
    if (token?.kind !== 'name') throw bad();
    take('(');
    const args: Expression[] = [];
    while (!isMark(')')) {
      if (args.length > 0) take(',');
      args.push(chain(depth + 1));
    }
    take(')');
    return { kind: 'call', name: token.value, arguments: args };
  };
  const chain = (depth: number): Expression => {
    let left = value(depth);
    for (;;) {
      if (isMark('.')) {
        at += 1;
        const name = tokens[at];
        if (name?.kind !== 'name') throw bad();
        at += 1;
        left = { kind: 'member', of: left, index: { kind: 'literal', value: name.value } };
      } else if (isMark('[')) {
        at += 1;
        left = { kind: 'member', of: left, index: chain(depth + 1) };
        take(']');
      } else return left;
    }
  };
  const expression = chain(0);
  if (at < tokens.length) throw bad();
  return expression;
}

function memberOf(of: Json, index: Json): Json {
  if (typeof index === 'number' && Array.isArray(of)) {
    const item = (of as readonly Json[])[index];
    if (item !== undefined) return item;
    throw invalidTemplate(`The array index '${index}' is out of bounds: the array has ${of.length} elements`);
  }
  if (typeof index === 'string' && isObject(of)) {
    const key = Object.keys(of).find((name) => name.toLowerCase() === index.toLowerCase());
    const item = key === undefined ? undefined : of[key];
    if (item !== undefined) return item;
    throw invalidTemplate(
      `The language expression property '${index}' doesn't exist, available properties are '${Object.keys(of).join(', ')}'`,
    );
  }
  throw invalidTemplate(`The language expression property '${JSON.stringify(index)}' can't be evaluated`);
}

/** Evaluates an expression; `call` knows the functions. */
export function evaluate(expression: Expression, call: Call): Json {
  const run = (item: Expression): Json => {
    if (item.kind === 'literal') return item.value;
    if (item.kind === 'member') return memberOf(run(item.of), run(item.index));
    return call(item.name, item.arguments, run);
  };
  return run(expression);
}

/** The expression in a string of a template, undefined when the string is plain text. `[[` escapes a bracket. */
export function expressionIn(text: string): string | undefined {
  return text.startsWith('[') && !text.startsWith('[[') && text.endsWith(']') ? text.slice(1, -1) : undefined;
}

/** Evaluates every expression in a value, property names included. */
export function resolve(value: Json | undefined, call: Call): Json {
  if (typeof value === 'string') {
    const expression = expressionIn(value);
    if (expression !== undefined) return evaluate(parseExpression(expression), call);
    return value.startsWith('[[') ? value.slice(1) : value;
  }
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => resolve(item, call));
  if (!isObject(value)) return value ?? null;
  const entries = Object.entries(value).map(([name, item]): [string, Json] => [
    word(resolve(name, call)),
    resolve(item, call),
  ]);
  return Object.fromEntries(entries) as JsonObject;
}

/** Names of the functions called anywhere in a value. */
export function callsIn(value: Json | undefined, found: Expression[] = []): readonly Expression[] {
  const visit = (expression: Expression): void => {
    if (expression.kind === 'call') {
      found.push(expression);
      expression.arguments.forEach(visit);
    } else if (expression.kind === 'member') {
      visit(expression.of);
      visit(expression.index);
    }
  };
  if (typeof value === 'string') {
    const expression = expressionIn(value);
    if (expression !== undefined) visit(parseExpression(expression));
  } else if (Array.isArray(value)) for (const item of value as readonly Json[]) callsIn(item, found);
  else if (isObject(value)) for (const item of Object.values(value)) callsIn(item, found);
  return found;
}
