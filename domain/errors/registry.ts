import { azureErrors } from './azure.ts';
import { bootstrapErrors } from './bootstrap.ts';
import type { ErrorEntry } from './entry.ts';
import { internalErrors } from './internal.ts';
import { managedErrors } from './managed.ts';
import { pivotErrors } from './pivot.ts';
import { preflightErrors } from './preflight.ts';
import { requestErrors } from './request.ts';
import { workloadErrors } from './workload.ts';

/**
 * The one registry of errors a person can meet. Codes are stable: an entry may be reworded, never re-used for
 * something else. 1xxx request, 2xxx preflight, 3xxx Azure, 4xxx bootstrap, 5xxx agent and pivot, 6xxx nodes, pools
 * and add-ons, 9xxx Capstan itself.
 */
export const errorRegistry = {
  ...requestErrors,
  ...managedErrors,
  ...preflightErrors,
  ...azureErrors,
  ...bootstrapErrors,
  ...pivotErrors,
  ...workloadErrors,
  ...internalErrors,
} as const;

export type ErrorCode = keyof typeof errorRegistry;

/** The registered entry of a code. */
export function errorEntry(code: ErrorCode): ErrorEntry {
  return errorRegistry[code];
}
