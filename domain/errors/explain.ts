import type { CapstanError } from './error.ts';
import { errorEntry } from './registry.ts';

/** The error with cause and remedy of the registry where it has no more exact ones: every face shows all four lines. */
export function explained(error: CapstanError): CapstanError {
  const entry = errorEntry(error.code);
  return { ...error, cause: error.cause ?? entry.cause, remedy: error.remedy ?? entry.remedy };
}
