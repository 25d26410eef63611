/**
 * Writes values of JSON the way Newtonsoft.Json does, as the real host writes queue messages and binding data: whole numbers
 * keep their digits, doubles are written anew, and texts that look like dates become dates where `dates` says so.
 */
import { dateJson, dateText } from './dotnet.ts';
import { JsonNumber, parseJson, type JsonNode } from './json-reader.ts';

/** True for a text that the real host takes for JSON: an object or an array by its first and last character. */
export function looksLikeJson(text: string): boolean {
  // A byte order mark is no blank there.
  const trimmed = text.replace(/^[^\S\ufeff]+|[^\S\ufeff]+$/g, '');
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
    if (value === null || value === undefined || typeof value === 'boolean') return String(value);
    if (typeof value === 'string') return quoted((options.dates ? dateJson(value) : undefined) ?? value);
    if (value instanceof JsonNumber) return value.json;
    const separator = options.indented ? ': ' : ':';
    const [open, close, items] =
      value instanceof Map
        ? ['{', '}', [...value].map(([name, item]) => `${quoted(name)}${separator}${write(item, depth + 1)}`)]
        : ['[', ']', [...value.values()].map((item) => write(item, depth + 1))];
    if (items.length === 0) return `${open}${close}`;
    if (!options.indented) return `${open}${items.join(',')}${close}`;
    const pad = '  '.repeat(depth);
    return `${open}\n${items.map((item) => `${pad}  ${item}`).join(',\n')}\n${pad}${close}`;
  };
  return write(node, 0);
}

/** The text of a value as `ToString()` gives it: null is empty, objects are indented JSON. */
export function nodeText(node: JsonNode, dates: boolean): string {
  if (node === null || node === undefined) return '';
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
  if (!looksLikeJson(text)) return data;
  let node: JsonNode;
  try {
    node = parseJson(text);
  } catch {
    return data;
  }
  if (!(node instanceof Map)) return data;
  for (const [name, item] of node) {
    if (item === null || item === undefined || Array.isArray(item)) continue;
    data.set(
      name,
      item instanceof Map
        ? { json: writeJson(item, { indented: false, dates: true }) }
        : { string: nodeText(item, true) },
    );
  }
  return data;
}
