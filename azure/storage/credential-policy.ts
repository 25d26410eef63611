/** `spec.storage.authentication`. */
export type Authentication = 'automatic' | 'entra' | 'sas';

/** What is used for one account, and what was learnt about it. Plain data, remembered per account. */
export interface CredentialState {
  readonly credential: 'sas' | 'entra';
  /** Azure's code (or `sharedKeyAccess`) that ruled SAS out. */
  readonly reason?: string;
  /** A refused SAS was made anew once. */
  readonly reminted: boolean;
  /** SAS of minutes instead of an hour: the account's SAS policy blocks long ones (azure-behaviour.md §1). */
  readonly shortLived: boolean;
  /** Times the data role was waited for. */
  readonly roleWaits: number;
}

/** A refusal of the storage account, or of its key list. */
export interface Refusal {
  /** `listKeys` is asked through ARM; `blob` is the data plane. */
  readonly plane: 'listKeys' | 'blob';
  readonly status: number | undefined;
  readonly code: string;
}

export type Decision =
  /** Try again at once with this state. */
  | { readonly action: 'retry'; readonly state: CredentialState; readonly remint: boolean }
  /** Come back later: a role assignment needs minutes to arrive. */
  | { readonly action: 'wait'; readonly state: CredentialState; readonly retryAfter: number }
  | { readonly action: 'fail'; readonly problem: 'keysRefused' | 'roleMissing' | 'network' | 'sasRefused' }
  /** Not a matter of credentials. */
  | { readonly action: 'other' };

/** Azure's own words for "no keys here" on the key list (azure-behaviour.md §1, table of refusals). */
const listKeysRefusals: ReadonlySet<string> = new Set([
  'AuthorizationFailed',
  'ScopeLocked',
  'DenyAssignmentAuthorizationFailed',
]);

/** Ten minutes in steps of 30 s: role assignments take that long at most (azure-behaviour.md §6, Identity lag). */
const roleWaitSeconds = 30;
const roleWaitLimit = 20;

/** The credential to begin with: SAS unless the request says Entra ID or the account is known to refuse keys. */
export function firstCredential(
  authentication: Authentication,
  sharedKeyAccess: 'allowed' | 'denied',
): CredentialState {
  const fresh = { reminted: false, shortLived: false, roleWaits: 0 };
  if (authentication === 'entra') return { credential: 'entra', ...fresh };
  if (authentication === 'automatic' && sharedKeyAccess === 'denied') {
    return { credential: 'entra', reason: 'sharedKeyAccess', ...fresh };
  }
  return { credential: 'sas', ...fresh };
}

function leaveSas(state: CredentialState, authentication: Authentication, reason: string): Decision {
  if (authentication === 'sas') return { action: 'fail', problem: 'keysRefused' };
  return { action: 'retry', remint: false, state: { ...state, credential: 'entra', reason, roleWaits: 0 } };
}

/**
 * What to do with a refusal. SAS is left exactly for the codes of the table in azure-behaviour.md §1 and for nothing
 * else: network refusals and missing roles would meet any credential.
 */
export function decide(state: CredentialState, authentication: Authentication, refusal: Refusal): Decision {
  const { code, plane } = refusal;
  if (plane === 'listKeys') {
    return listKeysRefusals.has(code) ? leaveSas(state, authentication, code) : { action: 'other' };
  }
  if (code === 'KeyBasedAuthenticationNotPermitted' && state.credential === 'sas') {
    return leaveSas(state, authentication, code);
  }
  if (code === 'AuthorizationFailure' || code === 'PublicAccessDisabled') return { action: 'fail', problem: 'network' };
  if (state.credential === 'sas') {
    const refused = refusal.status === 403 || refusal.status === 401;
    if (!refused) return { action: 'other' };
    // Expired, not yet valid, or longer than the SAS policy of the account allows: a fresh short one meets all three.
    // Other refusals of a SAS (permission, protocol) would come back with a new one too.
    if (code === 'AuthenticationFailed' && !state.reminted) {
      return { action: 'retry', remint: true, state: { ...state, reminted: true, shortLived: true } };
    }
    return { action: 'fail', problem: 'sasRefused' };
  }
  if (code === 'AuthorizationPermissionMismatch') {
    if (state.roleWaits >= roleWaitLimit) return { action: 'fail', problem: 'roleMissing' };
    return { action: 'wait', retryAfter: roleWaitSeconds, state: { ...state, roleWaits: state.roleWaits + 1 } };
  }
  return { action: 'other' };
}
