import type { PlannedAction, PreflightCheck, PreflightReport } from '../types.ts';
import type { Existing } from './existing.ts';

/** What a report is made of, for clusters of either kind. */
export interface Findings {
  readonly existing: Pick<Existing, 'found'>;
  readonly resources: readonly PlannedAction[];
  readonly checks: readonly PreflightCheck[];
  /** Azure seconds of the longest chain of what will be done, and the keys of its resources. */
  readonly path: { readonly seconds: number; readonly resources: readonly string[] };
  /** Calls to Azure Resource Manager that the run is about to make. */
  readonly armCalls: number;
}

/** The preflight report: counts by action, and the one sentence that the step shows. Pure. */
export function reportOf({ existing, resources, checks, path, armCalls }: Findings): PreflightReport {
  const count = (action: PlannedAction['action']) => resources.filter((resource) => resource.action === action).length;
  const failed = checks.filter((check) => !check.ok).length;
  const changes = count('~') === 0 ? '' : `, ${count('~')} to change`;
  const minutes = Math.max(1, Math.round(path.seconds / 60));
  return {
    ok: failed === 0,
    checks,
    resources,
    create: count('+'),
    change: count('~'),
    exists: existing.found.size - count('~'),
    armCalls,
    seconds: path.seconds,
    criticalPath: path.resources,
    sentence:
      failed === 0
        ? `${checks.length} checks · ${count('+')} resources to create${changes} · about ${minutes} m on Azure`
        : `${failed} of ${checks.length} checks failed · nothing was created`,
  };
}
