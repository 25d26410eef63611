import type { PreflightCheck } from '#azure/types.ts';
import type { CapstanError } from '#domain/errors/error.ts';

/** The checks that failed as one error: the first one, with the others beside it. */
export function refusedChecks(checks: readonly PreflightCheck[]): CapstanError | undefined {
  const [first, ...others] = checks.filter((check) => !check.ok);
  if (first === undefined) return undefined;
  const error = first.error ?? { code: 'CAP-9001' as const, message: first.detail };
  if (others.length === 0) return error;
  const problems = [first, ...others].map((check) => ({
    path: check.id,
    message: check.error?.message ?? check.detail,
    code: check.error?.code ?? ('CAP-9001' as const),
  }));
  return { ...error, problems };
}
