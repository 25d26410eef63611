/**
 * JSON the way Newtonsoft.Json reads and writes it, which the real host does with queue messages and binding data: whole
 * numbers keep their digits, doubles are written anew, and texts that look like dates become dates where `dates` says so.
 */
import { dateJson, dateText, doubleText } from './dotnet.ts';

/** A number with the text it had. */
export class JsonNumber {
  readonly #source: string;

  constructor(source: string) {
    this.#source = source;
  }

  /** As `ToString()` gives it. */
  get text(): string {
    return /^-?\d+$/.test(this.#source) ? String(BigInt(this.#source)) : doubleText(Number(this.#source));
  }

  /** As it stands in written JSON: a double never looks like a whole number. */
  get json(): string {
    const text = this.text;
    return /^-?\d+$/.test(this.#source) || /[.eE]/.test(text) ? text : `${text}.0`;
  }
}

/** A value of JSON with its numbers as JsonNumber. */
export type JsonNode = string | boolean | null | JsonNumber | JsonNode[] | { readonly [name: string]: JsonNode };

/** Parses a JSON text. Throws a SyntaxError. */
export function parseJson(text: string): JsonNode {
  // The third argument of a reviver is newer than the type of JSON.parse.
  const revive = (_name: string, value: unknown, context?: { source?: string }): unknown =>
    typeof value === 'number' ? new JsonNumber(context?.source ?? String(value)) : value;
  return JSON.parse(text, revive);
}

/** True for a text that the real host takes for JSON: an object or an array by its first and last character. */
export function looksLikeJson(text: string): boolean {
  const trimmed = text.trim();
  return (trimmed.startsWith('{') && trimmed.endsWith('}')) || (trimmed.startsWith('[') && trimmed.endsWith(']'));
}

function quoted(text: string): string {
  return JSON.stringify(text).replace(
    /[\u0085\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Writes JSON, indented by two blanks or in one line. */
export function writeJson(node: JsonNode, options: { readonly indented: boolean; readonly dates: boolean }): string {
  const write = (value: JsonNode, depth: number): string => {
    if (value === null || typeof value === 'boolean') return String(value);
    if (typeof value === 'string') return quoted((options.dates ? dateJson(value) : undefined) ?? value);
    if (value instanceof JsonNumber) return value.json;
    const [open, close] = Array.isArray(value) ? ['[', ']'] : ['{', '}'];
    const separator = options.indented ? ': ' : ':';
    const items = Array.isArray(value)
      ? value.map((item) => write(item, depth + 1))
      : Object.entries(value).map(([name, item]) => `${quoted(name)}${separator}${write(item, depth + 1)}`);
    if (items.length === 0) return `${open}${close}`;
    if (!options.indented) return `${open}${items.join(',')}${close}`;
    const pad = '  '.repeat(depth);
    return `${open}\n${items.map((item) => `${pad}  ${item}`).join(',\n')}\n${pad}${close}`;
  };
  return write(node, 0);
}

/** The text of a value as `ToString()` gives it: null is empty, objects are indented JSON. */
export function nodeText(node: JsonNode, dates: boolean): string {
  if (node === null) return '';
  if (typeof node === 'boolean') return node ? 'True' : 'False';
  if (typeof node === 'string') return (dates ? dateText(node) : undefined) ?? node;
  return node instanceof JsonNumber ? node.text : writeJson(node, { indented: true, dates });
}

/**
 * Binding data that a JSON object in a message or request body brings: scalars as text, objects as JSON; arrays and nulls
 * are left out. Empty for every other text.
 */
export function bindingData(text: string): Map<string, { readonly string: string } | { readonly json: string }> {
  const data = new Map<string, { string: string } | { json: string }>();
  if (!text.trimStart().startsWith('{')) return data;
  let node: JsonNode;
  try {
    node = parseJson(text);
  } catch {
    return data;
  }
  for (const [name, value] of Object.entries(node ?? {})) {
    const item: JsonNode = value;
    if (item === null || Array.isArray(item)) continue;
    const isObject = typeof item === 'object' && !(item instanceof JsonNumber);
    data.set(
      name,
      isObject ? { json: writeJson(item, { indented: false, dates: true }) } : { string: nodeText(item, true) },
    );
  }
  return data;
}
