import generated from '../surface.json' with { type: 'json' };
import { EXTRA_OPERATIONS } from '../catalogue/extra-operations.ts';

/** One operation of the installed Azure SDK packages. */
export interface SurfaceOperation {
  readonly pkg: string;
  readonly group: string;
  readonly op: string;
  readonly method: string;
  /** Template with `{name}` placeholders, without query. */
  readonly path: string;
  /** api-version that the SDK sends; `*` when the caller chooses it. */
  readonly version: string;
  /** Query parameters besides api-version. */
  readonly query: readonly string[];
  readonly statuses: readonly number[];
  /** Name of the request body's shape. */
  readonly body?: string;
}

/**
 * What the simulated ARM accepts. A shape maps property names to the shape of their value: '' is unchecked, the key `[]`
 * stands for the elements of an array, the key `*` for a model that is not checked any further.
 */
export interface Surface {
  readonly operations: readonly SurfaceOperation[];
  readonly shapes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const extracted = generated as unknown as Surface;

/** The generated contract plus the few operations that no installed package has (locks, policies, Key Vault, subscriptions). */
export const surface: Surface = {
  operations: [...extracted.operations, ...EXTRA_OPERATIONS],
  shapes: extracted.shapes,
};
