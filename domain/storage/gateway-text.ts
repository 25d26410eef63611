import type { CapstanError } from '../errors/error.ts';
import { pathText, requestError } from '../spec/parse.ts';
import { readText } from '../spec/text.ts';
import { type Gateway, gatewayDocument } from './gateway.ts';

/** Reads and checks a gateway in YAML or JSON. All problems are reported together, each with its path and line. */
export function parseGatewayText(text: string): { readonly gateway: Gateway } | { readonly error: CapstanError } {
  const read = readText(text);
  if ('problems' in read) return { error: requestError(read.problems) };
  const parsed = gatewayDocument.safeParse(read.value);
  if (parsed.success) return { gateway: parsed.data };
  const problems = parsed.error.issues.map((issue) => {
    const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
    const path = [...issue.path, ...unknown];
    const line = read.lineOf(path);
    return {
      path: pathText(path),
      message: unknown.length === 0 ? issue.message : 'is not a field of the schema',
      code: 'CAP-1001' as const,
      ...(line === undefined ? {} : { line }),
    };
  });
  return { error: requestError(problems) };
}
