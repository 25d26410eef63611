import type { CapstanError } from '#domain/errors/error.ts';
import { type ErrorCode, errorEntry } from '#domain/errors/registry.ts';

/**
 * A registered error with the registry's remedy where no more exact one is known.
 *
 * @param message one sentence that says what happened
 */
export function capstanError(
  code: ErrorCode,
  message: string,
  rest: {
    readonly where?: string | undefined;
    readonly cause?: string | undefined;
    readonly remedy?: string | undefined;
    readonly correlationId?: string | undefined;
  } = {},
): CapstanError {
  return {
    code,
    message,
    remedy: rest.remedy ?? errorEntry(code).remedy,
    ...(rest.where === undefined ? {} : { where: rest.where }),
    ...(rest.cause === undefined ? {} : { cause: rest.cause }),
    ...(rest.correlationId === undefined ? {} : { correlationId: rest.correlationId }),
  };
}
