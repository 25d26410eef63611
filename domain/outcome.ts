import type { CapstanError } from './errors/error.ts';

/** How far a step has come, for the progress bar. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  /** `bytes`, `nodes`, `objects`, … */
  readonly unit: string;
}

/**
 * What every activity returns, and the only thing it returns: errors are values, so that history stays small and a
 * fan-out never leaves `Task.all` early (functions-host-protocol.md §5.3). Always a JSON object
 * (durable-recordings/README.md: bare booleans and strings change on the way).
 */
export type Outcome<Value extends object = Record<string, never>> =
  | { readonly status: 'done'; readonly value: Value; readonly sentence?: string }
  | Wait
  | { readonly status: 'failed'; readonly error: CapstanError }
  | { readonly status: 'cancelled' };

/** Not yet: come back in `retryAfter` Azure seconds with `state`. */
export interface Wait {
  readonly status: 'wait';
  /** Azure seconds; the orchestrator divides by the time scale. */
  readonly retryAfter: number;
  /** Small JSON handed back to the next call (references, never payloads or secrets). */
  readonly state?: Readonly<Record<string, unknown>>;
  readonly sentence?: string;
  readonly progress?: Progress;
}

/** A finished outcome. */
export function done<Value extends object>(value: Value, sentence?: string): Outcome<Value> {
  return sentence === undefined ? { status: 'done', value } : { status: 'done', value, sentence };
}

/** A failed outcome. */
export function failed(error: CapstanError): { readonly status: 'failed'; readonly error: CapstanError } {
  return { status: 'failed', error };
}

/** An outcome that asks to be called again. */
export function wait(retryAfter: number, rest: Omit<Wait, 'status' | 'retryAfter'> = {}): Wait {
  return { status: 'wait', retryAfter, ...rest };
}
