/** ASP.NET route templates, as far as HTTP triggers use them (host-recordings/README.md, HTTP). */

/** A compiled template. `match` gives the parameters, or undefined; segments come decoded. */
export interface RouteTemplate {
  readonly text: string;
  match(segments: readonly string[]): Record<string, string> | undefined;
}

/** A template that cannot be used; the message says why. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
}

interface Parameter {
  readonly name: string;
  readonly optional: boolean;
  readonly catchAll: boolean;
  readonly otherwise: string | undefined;
  readonly accepts: readonly ((value: string) => boolean)[];
}

type Part = string | Parameter;
const INT32 = 2 ** 31;

function integer(value: string): number | undefined {
  return /^[+-]?\d+$/.test(value) ? Number(value) : undefined;
}

function inRange(value: string, least: number, most: number): boolean {
  const number = integer(value);
  return number !== undefined && number >= least && number <= most;
}

function constraint(text: string): (value: string) => boolean {
  const match = /^(\w+)(?:\((.*)\))?$/s.exec(text);
  const name = (match?.[1] ?? '').toLowerCase();
  const argument = match?.[2] ?? '';
  const [first = Number.NaN, second = Number.NaN] = argument.split(',').map(Number);
  const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  switch (name) {
    case 'int':
      return (value) => inRange(value, -INT32, INT32 - 1);
    case 'long':
      return (value) => inRange(value, -(2 ** 63), 2 ** 63);
    case 'bool':
      return (value) => /^(true|false)$/i.test(value);
    case 'decimal':
    case 'double':
    case 'float':
      return (value) => number.test(value);
    case 'guid':
      return (value) => /^(\{|\()?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}(\}|\))?$/i.test(value);
    case 'datetime':
      return (value) => !Number.isNaN(Date.parse(value));
    case 'alpha':
      return (value) => /^[a-z]*$/i.test(value);
    case 'required':
      return (value) => value !== '';
    case 'minlength':
      return (value) => value.length >= first;
    case 'maxlength':
      return (value) => value.length <= first;
    case 'length':
      return (value) => value.length >= first && value.length <= (Number.isNaN(second) ? first : second);
    case 'min':
      return (value) => inRange(value, first, Number.POSITIVE_INFINITY);
    case 'max':
      return (value) => inRange(value, Number.NEGATIVE_INFINITY, first);
    case 'range':
      return (value) => inRange(value, first, second);
    case 'regex': {
      const pattern = new RegExp(argument, 'i');
      return (value) => pattern.test(value);
    }
    default:
      throw new TemplateError(`unknown route constraint '${text}'`);
  }
}

/** Splits `name:int:min(3)` at colons outside parentheses. */
function splitConstraints(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = '';
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ':' && depth === 0) {
      parts.push(current);
      current = '';
    } else current += character;
  }
  return [...parts, current];
}

function parameter(text: string): Parameter {
  const catchAll = /^\*{1,2}/.exec(text)?.[0].length ?? 0;
  let body = text.slice(catchAll);
  const [plain = ''] = splitConstraints(body);
  const equals = plain.includes('=') || !body.includes('(') ? body.indexOf('=') : -1;
  const otherwise = equals >= 0 ? body.slice(equals + 1) : undefined;
  if (equals >= 0) body = body.slice(0, equals);
  const optional = body.endsWith('?');
  if (optional) body = body.slice(0, -1);
  const [name = '', ...constraints] = splitConstraints(body);
  if (!/^\w[\w-]*$/.test(name)) throw new TemplateError(`'{${text}}' is not a valid route parameter`);
  return { name, optional, catchAll: catchAll > 0, otherwise, accepts: constraints.map(constraint) };
}

function parseSegment(text: string): Part[] {
  const parts: Part[] = [];
  const expression = /\{\{|\}\}|\{((?:[^{}]|\{\{|\}\})*)\}/g;
  let literal = '';
  let last = 0;
  for (const match of text.matchAll(expression)) {
    literal += text.slice(last, match.index);
    last = match.index + match[0].length;
    if (match[1] === undefined) {
      literal += match[0].charAt(0);
      continue;
    }
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push(parameter(match[1].replaceAll('{{', '{').replaceAll('}}', '}')));
  }
  literal += text.slice(last);
  if (/[{}]/.test(text.replaceAll(expression, ''))) throw new TemplateError(`'${text}' has an unmatched brace`);
  if (literal !== '') parts.push(literal);
  return parts;
}

/** Splits a template at slashes outside braces (a regex constraint may contain some). */
function splitTemplate(text: string): string[] {
  const result: string[] = [];
  let depth = 0;
  let current = '';
  for (const character of text) {
    if (character === '{') depth++;
    if (character === '}') depth--;
    if (character === '/' && depth <= 0) {
      result.push(current);
      current = '';
    } else current += character;
  }
  return [...result, current].filter((part) => part !== '');
}

function escapeRegExp(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function matchSegment(parts: readonly Part[], value: string, found: Record<string, string>): boolean {
  const pattern = parts.map((part) => (typeof part === 'string' ? escapeRegExp(part) : '(.+)')).join('');
  const match = new RegExp(`^${pattern}$`, 'is').exec(value);
  if (!match) return false;
  const parameters = parts.filter((part) => typeof part !== 'string');
  for (const [index, item] of parameters.entries()) {
    const text = match[index + 1] ?? '';
    if (!item.accepts.every((accept) => accept(text))) return false;
    found[item.name] = text;
  }
  return true;
}

/** Takes the place of a missing segment: default, optional, or not at all. */
function missing(parts: readonly Part[] | undefined, found: Record<string, string>): boolean {
  const [only] = parts ?? [];
  if (parts?.length !== 1 || only === undefined || typeof only === 'string') return false;
  if (only.otherwise !== undefined) found[only.name] = only.otherwise;
  return only.otherwise !== undefined || only.optional || only.catchAll;
}

/** Compiles a template such as `items/{id:int?}`. Throws TemplateError. */
export function compileTemplate(text: string): RouteTemplate {
  const segments = splitTemplate(text).map(parseSegment);
  const match = (given: readonly string[]): Record<string, string> | undefined => {
    const found: Record<string, string> = {};
    const trailing = given.at(-1) === '' ? given.slice(0, -1) : given;
    for (const [index, parts] of segments.entries()) {
      const [only] = parts;
      if (typeof only === 'object' && only.catchAll) {
        const rest = given.slice(index).join('/');
        if (rest === '') return missing(parts, found) ? found : undefined;
        if (!only.accepts.every((accept) => accept(rest))) return undefined;
        found[only.name] = rest;
        return found;
      }
      const value = trailing[index];
      if (value === undefined ? !missing(parts, found) : value === '' || !matchSegment(parts, value, found))
        return undefined;
    }
    return trailing.length <= segments.length ? found : undefined;
  };
  return { text, match };
}
