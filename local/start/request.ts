import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { CapstanError } from '#domain/errors/error.ts';
import { parseClusterText } from '#domain/spec/parse.ts';
import { readText } from '#domain/spec/text.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import { StartProblem } from './ports.ts';

/** Largest queue message of Azure Storage, in bytes of the plain text. */
const maxMessageBytes = 65_536;

/** A cluster document read from a file and checked, before anything starts. */
export interface ClusterFile {
  readonly file: string;
  readonly document: AnyDocument;
  /** The document as it was written: defaults are the app's business. */
  readonly value: unknown;
}

/**
 * Reads and checks the cluster document.
 *
 * @throws StartProblem with every problem of the document, each with line and path
 */
export function readClusterFile(file: string): ClusterFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new StartProblem(`${file} cannot be read (${code}). Name a cluster document with --file.`);
  }
  const parsed = parseClusterText(text);
  if ('error' in parsed) throw new StartProblem(problemText(file, parsed.error));
  const { document } = parsed;
  const read = readText(text);
  return { file, document, value: 'value' in read ? read.value : document };
}

/** All problems of a document, one line each: `file:line path: what (code)`. */
export function problemText(file: string, error: CapstanError): string {
  const problems = error.problems ?? [];
  if (problems.length === 0) return `${file}: ${error.message} (${error.code})`;
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  const lines = problems.map(({ line, path, message, code }) => {
    const place = line === undefined ? file : `${file}:${line}`;
    return `  ${place}  ${path === '' ? '' : `${path}: `}${message} (${code})`;
  });
  return [`${file} has ${count}; nothing was started.`, ...lines].join('\n');
}

/** What goes to the queue, and the blob it names when the document is too large for a message. */
export interface ApplyMessage {
  readonly text: string;
  /** For the container `requests`. */
  readonly blob?: { readonly name: string; readonly content: string };
}

/** The queue message of an apply (architecture.md §4): the document itself, or a reference to a blob that holds it. */
export function applyMessage(requestId: string, { value }: Pick<ClusterFile, 'value'>): ApplyMessage {
  const head = { schemaVersion: '1', operation: 'apply', requestId };
  const text = JSON.stringify({ ...head, cluster: value });
  if (Buffer.byteLength(text) <= maxMessageBytes) return { text };
  const content = JSON.stringify(value);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const name = `${requestId}.json`;
  return { text: JSON.stringify({ ...head, clusterBlob: { name, sha256 } }), blob: { name, content } };
}
