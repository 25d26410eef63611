import { isMap, isScalar, isSeq, LineCounter, parseDocument, type Node } from 'yaml';
import type { Problem } from '../errors/error.ts';
import { withoutSignatures } from '../storage/shown-spec.ts';

/** Largest request text, in characters (anchors.md §C3: inputs). */
export const maxRequestCharacters = 262_144;
/** Deepest nesting of a request. */
export const maxDepth = 20;

const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype']);

/** A document that was read, with the line of every path. */
export interface ReadText {
  readonly value: unknown;
  /** Line (from 1) of a path such as `['spec', 'workerPools', 0]`, or of its nearest parent. */
  lineOf(path: readonly PropertyKey[]): number | undefined;
}

/**
 * Reads YAML or JSON (JSON is read as YAML, so that both have line numbers). Never throws.
 *
 * @returns the value, or what is wrong with the text
 */
export function readText(text: string): ReadText | { readonly problems: readonly Problem[] } {
  const refuse = (message: string, line?: number) => ({
    // The parser may quote the text, and the text may hold a SAS.
    problems: [
      {
        path: '',
        message: withoutSignatures(message),
        code: 'CAP-1002' as const,
        ...(line === undefined ? {} : { line }),
      },
    ],
  });
  if (text.trim() === '') return refuse('the document is empty');
  if (text.length > maxRequestCharacters)
    return refuse(`the document has ${text.length} characters; ${maxRequestCharacters} are allowed`);
  const tooDeep = depthBomb(text);
  if (tooDeep) return refuse(`the document is nested deeper than ${maxDepth} levels`);
  const lines = new LineCounter();
  let document: ReturnType<typeof parseDocument>;
  let value: unknown;
  try {
    document = parseDocument(text, { lineCounter: lines, uniqueKeys: true, version: '1.2' });
    const [problem] = document.errors;
    if (problem !== undefined) return refuse(problem.message.split('\n')[0] ?? 'not YAML', problem.linePos?.[0].line);
    value = document.toJS({ maxAliasCount: 20 });
  } catch (error) {
    return refuse(error instanceof Error ? (error.message.split('\n')[0] ?? 'not YAML') : 'not YAML');
  }
  const unsafe = unsafeKey(value);
  if (unsafe !== undefined) return refuse(unsafe);
  return { value, lineOf: (path) => lineOf(document.contents, path, lines) };
}

/**
 * What makes a parsed value unsafe to handle: forbidden keys or too deep a nesting. Values of queue messages pass
 * through here, too.
 *
 * @returns a sentence, or undefined when the value is fine
 */
export function unsafeKey(value: unknown, depth = 0): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth > maxDepth) return `the document is nested deeper than ${maxDepth} levels`;
  for (const [key, inner] of Object.entries(value)) {
    if (forbiddenKeys.has(key)) return `the key ${key} is forbidden`;
    const found = unsafeKey(inner, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Cheap guard before parsing: flow collections that only open ever deeper. */
function depthBomb(text: string): boolean {
  let depth = 0;
  for (const character of text) {
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth = Math.max(0, depth - 1);
    if (depth > maxDepth * 4) return true;
  }
  return false;
}

function lineOf(root: Node | null, path: readonly PropertyKey[], lines: LineCounter): number | undefined {
  let node: unknown = root;
  let offset = root?.range?.[0];
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === part);
      if (pair === undefined) break;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}
