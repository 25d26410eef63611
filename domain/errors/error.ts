import type { ErrorCode } from './registry.ts';

/** What a person is told when something fails: what, where, why and what to do. Plain JSON; never carries a secret. */
export interface CapstanError {
  readonly code: ErrorCode;
  /** One sentence: what happened. */
  readonly message: string;
  /** Where: file, line, field or resource id. */
  readonly where?: string;
  /** Why, as precisely as it is known (an Azure code and text, a line of a serial console). */
  readonly cause?: string;
  /** What to do next. */
  readonly remedy?: string;
  /** `x-ms-correlation-request-id` of the ARM call that failed. */
  readonly correlationId?: string;
  /** Problems of one request, reported together. */
  readonly problems?: readonly Problem[];
}

/** One thing that is wrong with a request. */
export interface Problem {
  /** Path of the field, e.g. `spec.workerPools[0].zones`. */
  readonly path: string;
  /** Line in the YAML or JSON text, from 1. */
  readonly line?: number;
  readonly message: string;
  readonly code: ErrorCode;
}

/** The exception form of a CapstanError, for code paths that cannot return a value. */
export class CapstanFailure extends Error {
  readonly error: CapstanError;
  /** It may be over in a moment (no answer, too many calls): an activity tries again a few times first. */
  readonly passing: boolean;

  constructor(error: CapstanError, options: { readonly passing?: boolean } = {}) {
    super(`${error.code} ${error.message}`);
    this.name = 'CapstanFailure';
    this.error = error;
    this.passing = options.passing === true;
  }
}
