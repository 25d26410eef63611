import type { CapstanError, Problem } from '../errors/error.ts';
import { checkDocument } from './checks.ts';
import { lenientDocument, touches } from './lenient.ts';
import { clusterDocument } from './schema.ts';
import { readText, unsafeKey } from './text.ts';
import type { ClusterDocument } from './types.ts';

export type ParseResult = { readonly document: ClusterDocument } | { readonly error: CapstanError };

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
  if (typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'ManagedCluster') {
    const message = 'kind ManagedCluster (AKS) is not available in this version';
    return { error: requestError([withLine(['kind'], { message, code: 'CAP-1011' })]) };
  }
  const parsed = clusterDocument.safeParse(value);
  if (!parsed.success) {
    const problems = parsed.error.issues.flatMap((issue) =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) =>
            withLine([...issue.path, key], { message: 'is not a field of the schema', code: 'CAP-1001' }),
          )
        : [withLine(issue.path, { message: issue.message, code: 'CAP-1001' })],
    );
    const lenient = lenientDocument(value, parsed.error.issues);
    const further =
      lenient === undefined ? [] : checkDocument(lenient).filter(({ path }) => !touches(path, parsed.error.issues));
    const all = [...problems, ...further.map(({ path, message, code }) => withLine(path, { message, code }))];
    return { error: requestError(all) };
  }
  const problems = checkDocument(parsed.data).map(({ path, message, code }) => withLine(path, { message, code }));
  return problems.length === 0 ? { document: parsed.data } : { error: requestError(problems) };
}
