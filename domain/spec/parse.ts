import type { z } from 'zod';
import type { CapstanError, Problem } from '../errors/error.ts';
import { checkManagedDocument } from '../managed/checks.ts';
import { managedDocument } from '../managed/schema.ts';
import type { AnyDocument, ManagedDocument } from '../managed/types.ts';
import { type Broken, checkDocument } from './checks.ts';
import { lenientDocument, lenientManagedDocument, touches } from './lenient.ts';
import { clusterDocument } from './schema.ts';
import { readText, unsafeKey } from './text.ts';
import type { ClusterDocument } from './types.ts';

export type ParseResult = { readonly document: AnyDocument } | { readonly error: CapstanError };

/** `['spec', 'workerPools', 0, 'zones']` → `spec.workerPools[0].zones`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, part) =>
      typeof part === 'number' ? `${text}[${part}]` : text === '' ? String(part) : `${text}.${String(part)}`,
    '',
  );
}

/**
 * Reads and checks a cluster document in YAML or JSON. All problems are reported together, each with its path and line.
 */
export function parseClusterText(text: string): ParseResult {
  const read = readText(text);
  if ('problems' in read) return { error: requestError(read.problems) };
  return checkValue(read.value, (path) => read.lineOf(path));
}

/** Checks a cluster document that is a value already (part of a queue message). */
export function parseClusterValue(value: unknown): ParseResult {
  const unsafe = unsafeKey(value);
  if (unsafe !== undefined) return { error: requestError([{ path: '', message: unsafe, code: 'CAP-1002' }]) };
  return checkValue(value, () => undefined);
}

/** One error from a list of problems: its code is the problems' own when they agree. */
export function requestError(problems: readonly Problem[]): CapstanError {
  const codes = new Set(problems.map((problem) => problem.code));
  const [only] = codes;
  const first = problems[0];
  return {
    code: codes.size === 1 && only !== undefined ? only : 'CAP-1001',
    message:
      problems.length === 1 && first !== undefined
        ? first.path === ''
          ? capitalised(first.message)
          : `${first.path}: ${first.message}`
        : `The document has ${problems.length} problems`,
    problems,
  };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function checkValue(value: unknown, lineOf: (path: readonly PropertyKey[]) => number | undefined): ParseResult {
  const withLine = (path: readonly PropertyKey[], problem: Omit<Problem, 'path' | 'line'>): Problem => {
    const line = lineOf(path);
    return { path: pathText(path), ...problem, ...(line === undefined ? {} : { line }) };
  };
  const managed = typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'ManagedCluster';
  const judged = managed ? judgeManaged(value) : judgeCluster(value);
  if ('document' in judged && judged.broken.length === 0) return { document: judged.document };
  const broken = judged.broken.map(({ path, message, code }) => withLine(path, { message, code }));
  if ('document' in judged) return { error: requestError(broken) };
  const problems = judged.issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) =>
          withLine([...issue.path, key], { message: 'is not a field of the schema', code: 'CAP-1001' }),
        )
      : [withLine(issue.path, { message: issue.message, code: 'CAP-1001' })],
  );
  return { error: requestError([...problems, ...broken]) };
}

type Judged = { readonly broken: readonly Broken[] } & (
  | { readonly document: AnyDocument }
  | { readonly issues: readonly z.core.$ZodIssue[] }
);

/** The rules of the schema and, as far as the rest of the document allows, those between fields. */
function judgeCluster(value: unknown): Judged {
  const parsed = clusterDocument.safeParse(value);
  if (parsed.success) return { document: parsed.data, broken: checkDocument(parsed.data) };
  const { issues } = parsed.error;
  const lenient: ClusterDocument | undefined = lenientDocument(value, issues);
  const further = lenient === undefined ? [] : checkDocument(lenient);
  return { issues, broken: further.filter(({ path }) => !touches(path, issues)) };
}

function judgeManaged(value: unknown): Judged {
  const parsed = managedDocument.safeParse(value);
  if (parsed.success) return { document: parsed.data, broken: checkManagedDocument(parsed.data) };
  const { issues } = parsed.error;
  const lenient: ManagedDocument | undefined = lenientManagedDocument(value, issues);
  const further = lenient === undefined ? [] : checkManagedDocument(lenient);
  return { issues, broken: further.filter(({ path }) => !touches(path, issues)) };
}
