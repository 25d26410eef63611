/**
 * What a look at a cluster can find.
 *
 * `drift`: a field that the document owns has another value; `missing`: something of ours is gone; `foreign`: something
 * bears our mark and is not in the document; `orphaned`: an Azure resource that no machine of the cluster uses;
 * `expiring`: a credential ends soon; `down`: a controller does not run; `unreachable`: the API server does not answer;
 * `paused`: somebody stopped the controllers; `unhealthy`: machines that are wanted are not ready.
 */
export type FindingKind =
  | 'drift'
  | 'missing'
  | 'foreign'
  | 'orphaned'
  | 'expiring'
  | 'down'
  | 'unreachable'
  | 'paused'
  | 'unhealthy';

export interface Finding {
  readonly kind: FindingKind;
  /** The object or resource, and the field. Stable: the same trouble has the same place. */
  readonly where: string;
  /** As a person would say it. */
  readonly sentence: string;
  /** A repair brings it about: what the document says, and nothing else. */
  readonly repairable: boolean;
}

/** A certificate with its end. */
export interface CertificateView {
  readonly name: string;
  /** ISO 8601. */
  readonly expiresAt: string;
  readonly authority: boolean;
}

/** Row `check` of a cluster: what the last look found. */
export interface CheckReport {
  /** ISO 8601. */
  readonly checkedAt: string;
  readonly api: {
    readonly reachable: boolean;
    /** Since when it is so, ISO 8601. */
    readonly since: string;
    readonly problem?: string;
  };
  readonly findings: readonly Finding[];
  readonly certificates: readonly CertificateView[];
  /** Findings beyond the ones that are kept. */
  readonly more?: number;
}
