/** ASP.NET route templates, as far as HTTP triggers use them (host-recordings/README.md, HTTP). */
import { constraint, type Constraint, ConstraintError } from './constraints.ts';

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
  readonly accepts: readonly Constraint[];
}

type Part = string | Parameter;
type Values = Map<string, string | undefined>;

/** Where a closing parenthesis ends the arguments of a constraint: at the end, before the next one or before a default. */
function closing(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const next = text[at + 1];
    if (text[at] === ')' && (next === undefined || next === ':' || next === '=')) return at;
  }
  return text.length - 1;
}

/** Splits `:int:min(3)=5` into constraints and default. */
function policies(text: string): { constraints: string[]; otherwise: string | undefined } {
  const constraints: string[] = [];
  let start = 1;
  let at = 0;
  while (at < text.length && text[at] !== '=') {
    start = at + 1;
    at = start;
    while (at < text.length && text[at] !== ':' && text[at] !== '=')
      at = text[at] === '(' ? closing(text, at) + 1 : at + 1;
    if (at > start) constraints.push(text.slice(start, at));
  }
  return { constraints, otherwise: at < text.length ? text.slice(at + 1) : undefined };
}

function parameter(text: string): Parameter {
  const catchAll = /^\*{1,2}/.exec(text)?.[0].length ?? 0;
  const optional = text.endsWith('?');
  const body = text.slice(catchAll, optional ? -1 : undefined);
  // A name may begin with a delimiter.
  const end = body.slice(1).search(/[:=]/);
  const name = end < 0 ? body : body.slice(0, end + 1);
  const { constraints, otherwise } = policies(end < 0 ? '' : body.slice(end + 1));
  if (name === '' || /[/{}?*]/.test(name)) throw new TemplateError(`'{${text}}' is not a valid route parameter`);
  if (optional && catchAll > 0) throw new TemplateError(`the catch-all parameter '{${text}}' cannot be optional`);
  if (optional && otherwise !== undefined)
    throw new TemplateError(`the optional parameter '{${text}}' cannot have a default`);
  try {
    return { name, optional, catchAll: catchAll > 0, otherwise, accepts: constraints.map(constraint) };
  } catch (error) {
    if (error instanceof ConstraintError) throw new TemplateError(error.message, { cause: error });
    throw error;
  }
}

/** Cuts a template into segments of parts; doubled braces are literal ones. */
function parse(template: string): Part[][] {
  const segments: Part[][] = [[]];
  let literal = '';
  const finish = (): void => {
    if (literal !== '') segments.at(-1)?.push(literal);
    literal = '';
  };
  for (let at = 0; at < template.length; at++) {
    const character = template.charAt(at);
    const doubled = template[at + 1] === character;
    if (character === '/') {
      finish();
      if (segments.at(-1)?.length === 0) throw new TemplateError(`'${template}' has two slashes in a row`);
      segments.push([]);
    } else if ((character === '{' || character === '}') && doubled) {
      literal += character;
      at++;
    } else if (character === '{') {
      finish();
      const match = /^(?:[^{}]|\{\{|\}\})*\}(?!\})/.exec(template.slice(at + 1));
      if (!match) throw new TemplateError(`'${template}' has an unmatched brace`);
      segments.at(-1)?.push(parameter(match[0].slice(0, -1).replaceAll('{{', '{').replaceAll('}}', '}')));
      at += match[0].length;
    } else if (character === '}') throw new TemplateError(`'${template}' has an unmatched brace`);
    else if (character === '?') throw new TemplateError(`the literal text of '${template}' contains a question mark`);
    else literal += character;
  }
  finish();
  return segments.filter((parts) => parts.length > 0);
}

function check(template: string, segments: readonly Part[][]): void {
  const names = new Set<string>();
  for (const [index, parts] of segments.entries()) {
    for (const [place, part] of parts.entries()) {
      if (typeof part === 'string') continue;
      const key = part.name.toLowerCase();
      if (names.has(key)) throw new TemplateError(`the parameter '${part.name}' appears twice in '${template}'`);
      names.add(key);
      const before = parts[place - 1];
      if (typeof before === 'object') throw new TemplateError(`'${template}' has two parameters in a row`);
      if (part.catchAll && (parts.length > 1 || index < segments.length - 1))
        throw new TemplateError(`the catch-all parameter '${part.name}' is not the last segment of '${template}'`);
      if (part.optional && parts.length > 1 && (place < parts.length - 1 || before !== '.'))
        throw new TemplateError(
          `the optional parameter '${part.name}' of '${template}' must end its segment, after a full stop`,
        );
    }
  }
}

/** Matches a segment of several parts from the right, so that the last parameter is the shortest. */
function matchParts(parts: readonly Part[], value: string, values: Values): boolean {
  let end = value.length;
  let pending: string | undefined;
  const found: [string, string][] = [];
  for (const [index, part] of [...parts.entries()].reverse()) {
    if (typeof part === 'object') {
      pending = part.name;
      if (index > 0) continue;
      if (end === 0) return false;
      found.push([pending, value.slice(0, end)]);
      end = 0;
      continue;
    }
    // A parameter to the right needs at least one character.
    const room = end - (pending === undefined ? 0 : 1);
    if (room <= 0) return false;
    const at = value.slice(0, room).toLowerCase().lastIndexOf(part.toLowerCase());
    if (at < 0 || (index === parts.length - 1 && at + part.length !== value.length)) return false;
    if (pending !== undefined) {
      if (at + part.length === end) return false;
      found.push([pending, value.slice(at + part.length, end)]);
    }
    pending = undefined;
    end = at;
  }
  if (end !== 0) return false;
  for (const [name, text] of found) values.set(name, text);
  return true;
}

function matchSegment(parts: readonly Part[], value: string, values: Values): boolean {
  const [only] = parts;
  if (parts.length === 1 && typeof only === 'string') return only.toLowerCase() === value.toLowerCase();
  if (parts.length === 1 && only !== undefined && typeof only === 'object') {
    values.set(only.name, value);
    return true;
  }
  if (matchParts(parts, value, values)) return true;
  const last = parts.at(-1);
  const shorter = typeof last === 'object' && last.optional && !value.endsWith('.');
  return shorter && matchSegment(parts.slice(0, -2), value, values);
}

/** Takes the place of a missing segment: default, optional, or not at all. */
function missing(parts: readonly Part[], values: Values): boolean {
  const [only] = parts;
  if (parts.length !== 1 || only === undefined || typeof only === 'string') return false;
  if (only.otherwise !== undefined || only.catchAll) values.set(only.name, only.otherwise);
  return only.otherwise !== undefined || only.optional || only.catchAll;
}

/** Constraints see the values at the end; a value that is absent passes only where it is optional. */
function accepted(segments: readonly Part[][], values: Values): Record<string, string> | undefined {
  const result: Record<string, string> = {};
  for (const part of segments.flat()) {
    if (typeof part === 'string') continue;
    const value = values.get(part.name);
    if (
      value === undefined ? !part.optional && part.accepts.length > 0 : !part.accepts.every((accept) => accept(value))
    )
      return undefined;
    if (value !== undefined) result[part.name] = value;
  }
  return result;
}

/** Compiles a template such as `items/{id:int?}`. Throws TemplateError. */
export function compileTemplate(text: string): RouteTemplate {
  const segments = parse(text.replace(/^~?\//, ''));
  check(text, segments);
  const match = (given: readonly string[]): Record<string, string> | undefined => {
    const values: Values = new Map();
    const path = given.at(-1) === '' ? given.slice(0, -1) : given;
    for (const [index, parts] of segments.entries()) {
      const [only] = parts;
      const value = path[index];
      if (value === undefined) {
        if (!missing(parts, values)) return undefined;
      } else if (value === '') return undefined;
      else if (typeof only === 'object' && only.catchAll) {
        values.set(only.name, given.slice(index).join('/'));
        return accepted(segments, values);
      } else if (!matchSegment(parts, value, values)) return undefined;
    }
    return path.length <= segments.length ? accepted(segments, values) : undefined;
  };
  return { text, match };
}
