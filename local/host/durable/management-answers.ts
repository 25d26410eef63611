/** Requests and answers of the management API, and the bodies of its refusals (durable-recordings, 08, 13, 16). */
import { parseJson } from '../core/json-reader.ts';
import { writeJson } from '../core/json-text.ts';
import type { TraceContext } from './contracts.ts';

/** A request below one of the two bases; `path` is what follows the base, still encoded. */
export interface ManagementRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  readonly continuation: string | undefined;
  readonly body: string;
  /** Headers `traceparent` and `tracestate`. */
  readonly trace: TraceContext | undefined;
  /** Address the caller used, e.g. `http://127.0.0.1:7071`, and the whole URL. */
  readonly origin: string;
  readonly url: string;
}

/** Answer; `json` undefined means an empty body. */
export interface ManagementResponse {
  readonly status: number;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export const NOT_FOUND: ManagementResponse = { status: 404 };

/** A refusal with 400 and a text. */
export class BadRequest extends Error {}

/** Media type of a content type, in lower case and without parameters. */
export function mediaType(contentType: string | undefined): string | undefined {
  return contentType?.split(';')[0]?.trim().toLowerCase();
}

/** Decodes a path the .NET way: a plus sign is a blank, and what cannot be decoded stays as it is. */
export function decodePath(path: string): string {
  return path.replaceAll('+', ' ').replaceAll(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
    return Buffer.from(bytes.replaceAll('%', ''), 'hex').toString('utf8');
  });
}

/**
 * The JSON text without blanks, or undefined when the extension's reader does not take it for JSON. It takes more than the
 * standard; with `rest` ignored also a value with something behind it.
 */
export function tryCompact(text: string, rest: 'refused' | 'ignored'): string | undefined {
  try {
    return writeJson(parseJson(text, rest) ?? null, { indented: false, dates: false });
  } catch {
    return undefined;
  }
}

/** True for JSON that everybody can read. */
export function isStandardJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** What the extension's JSON reader says about a text; common cases, else what this platform's reader says. */
export function jsonError(text: string): string {
  if (text === '') return "Error reading JToken from JsonReader. Path '', line 0, position 0.";
  if (/^\s*\{\s*\w+$/.test(text))
    return `Unexpected end while parsing unquoted property name. Path '', line 1, position ${text.length}.`;
  const first = /^[^\s"'[\]{}\-0-9/tfnNIu]|^n(?![ue])/.exec(text)?.[0];
  if (first !== undefined)
    return `Unexpected character encountered while parsing value: ${first}. Path '', line 0, position 0.`;
  const name = /^\s*\{\s*\w+\s*(?=[^\s\w:])|^\s*\{\s*\w+\s+(?=\w)/.exec(text)?.[0];
  if (name !== undefined)
    return `Invalid character after parsing property name. Expected ':' but got: ${text.charAt(name.length)}. Path '', line 1, position ${name.length}.`;
  if (/^"[^"\\\n]*$/.test(text))
    return `Unterminated string. Expected delimiter: ". Path '', line 1, position ${text.length}.`;
  for (const literal of ['true', 'false', 'null']) {
    const same = Array.from(literal).findIndex((character, index) => text.charAt(index) !== character);
    if (same > 0 && same < text.length && text.startsWith(literal.charAt(0)))
      return `Error parsing ${literal === 'null' ? 'null' : 'boolean'} value. Path '', line 1, position ${same}.`;
  }
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Body of a refusal with an exception in it. */
export function refusal(message: string, exception: string, type: string): object {
  return { Message: message, ExceptionMessage: exception, ExceptionType: type, StackTrace: null };
}

export function invalidJson(text: string): object {
  return refusal('Invalid JSON content', jsonError(text), 'Newtonsoft.Json.JsonReaderException');
}

/** Body of an error of the extension itself. */
export function hostError(message: string): object {
  return refusal('Something went wrong while processing your request', message, 'System.InvalidOperationException');
}

/** The token of a page names the first id of the next one; empty on the last page. */
export function tokenOf(next: string | undefined): string {
  return next === undefined ? '' : Buffer.from(next, 'utf8').toString('base64');
}

export function startOf(token: string | undefined): string | undefined {
  return token === undefined ? undefined : Buffer.from(token, 'base64').toString('utf8');
}
