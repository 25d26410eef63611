import type { StepId } from '#domain/steps.ts';
import type { VirtualWorld } from '../../../support/virtual.ts';

/**
 * Changes of a running cluster on virtual time, each with the app dead for a quarter of an hour in the middle of it. The
 * cluster is deleted afterwards, and nothing may be left.
 */
export interface Scene {
  /** The promise that it keeps. */
  readonly name: string;
  /** Patch of the small document that the cluster is made from. */
  readonly before: object;
  /** Looks at what stands before the first change; what it returns is given to every `look`. */
  note?(world: VirtualWorld): Promise<unknown>;
  /** One after the other. */
  readonly changes: readonly Change[];
}

export interface Change {
  /** Patch of the small document that is applied, or the action that is asked for. */
  readonly to: object | 'renew';
  readonly tags?: Readonly<Record<string, string>>;
  /** The app dies after the first call of this step; without it after the sixth call of the change. */
  readonly diesIn?: StepId;
  look(world: VirtualWorld, noted: unknown): Promise<void>;
}
