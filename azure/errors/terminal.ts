import type { CapstanError } from '#domain/errors/error.ts';
import type { ErrorCode } from '#domain/errors/registry.ts';
import { capstanError } from './capstan-error.ts';
import type { FailureContext } from './classify.ts';
import type { AzureFailure } from './failure.ts';

interface Rule {
  readonly codes: readonly string[];
  readonly code: ErrorCode;
  readonly message: (failure: AzureFailure, context: FailureContext) => string;
  readonly remedy?: (failure: AzureFailure) => string | undefined;
}

const quotaPattern = /exceeding approved (.+?) (?:Cores )?quota/i;

function quotaName(failure: AzureFailure): string {
  const name = quotaPattern.exec(failure.message)?.[1];
  return name === undefined ? 'a quota' : `the quota ${name}`;
}

function quotaRemedy(failure: AzureFailure): string | undefined {
  const wanted = /New Limit Required: (\d+)/i.exec(failure.message)?.[1];
  const limit = /Current Limit: (\d+)/i.exec(failure.message)?.[1];
  const location = /Location: ([A-Za-z0-9]+)/.exec(failure.message)?.[1];
  if (wanted === undefined) return undefined;
  const from = limit === undefined ? '' : ` (it is ${limit} now)`;
  const where = location === undefined ? '' : ` in ${location}`;
  return `Raise ${quotaName(failure)}${where} to at least ${wanted}${from}: Azure portal, Quotas. Then apply again.`;
}

function missingAction(failure: AzureFailure): { readonly action: string; readonly scope: string } | undefined {
  const action = /perform action(?:\(s\))? '([^']+)'/i.exec(failure.message)?.[1];
  const scope = /(?:linked scope\(s\)|over scope|on scope) '([^']+)'/i.exec(failure.message)?.[1];
  return action === undefined ? undefined : { action, scope: scope ?? 'the scope in the cause' };
}

function authorizationRemedy(failure: AzureFailure): string | undefined {
  const linked = /perform action '([^']+)' on the linked scope\(s\) '([^']+)'/i.exec(failure.message);
  const found =
    linked === null ? missingAction(failure) : { action: linked[1] ?? '', scope: linked[2] ?? 'the linked scope' };
  if (found === undefined) return undefined;
  return `Give the identity of Capstan a role with the action ${found.action} at ${found.scope}, wait a few minutes and apply again.`;
}

function policyNames(failure: AzureFailure): readonly string[] {
  const infos = failure.additionalInfo.filter((entry) => entry.type === 'PolicyViolation').map((entry) => entry.info);
  const fromInfo = infos.map((info) => {
    const name = info['policyAssignmentId'] ?? info['policyAssignmentName'];
    return typeof name === 'string' ? name : '';
  });
  const fromText = [...failure.message.matchAll(/"policyAssignment":\{"name":"([^"]*)","id":"([^"]*)"/g)].map(
    (match) => match[2] ?? match[1] ?? '',
  );
  return [...new Set([...fromInfo, ...fromText])].filter((name) => name !== '');
}

function policyRemedy(failure: AzureFailure): string | undefined {
  const names = policyNames(failure);
  if (names.length === 0) return undefined;
  return `Ask the owner of the policy assignment ${names.join(', ')} for an exemption, or change the request to comply.`;
}

function lockRemedy(failure: AzureFailure): string | undefined {
  const scopes = /scope\(s\) are locked: (.+?)\. Please/i.exec(failure.message)?.[1];
  return scopes === undefined
    ? undefined
    : `Remove the lock on ${scopes.replaceAll("'", '')} (az lock list), then apply again.`;
}

function registrationRemedy(failure: AzureFailure): string | undefined {
  const namespace = /namespace '([^']+)'/i.exec(failure.message)?.[1];
  return namespace === undefined
    ? undefined
    : `Run az provider register --namespace ${namespace} --wait, then apply again.`;
}

const cannot = (_: AzureFailure, context: FailureContext): string => `Azure did not let Capstan ${context.doing}.`;

/** In this order: the first rule with a matching code (outer or inner) speaks. */
const rules: readonly Rule[] = [
  {
    codes: ['RequestDisallowedByPolicy', 'PolicyViolation'],
    code: 'CAP-3002',
    message: (_, context) => `A policy forbids to ${context.doing}.`,
    remedy: policyRemedy,
  },
  {
    codes: ['AuthorizationFailed', 'LinkedAuthorizationFailed', 'DenyAssignmentAuthorizationFailed', 'Forbidden'],
    code: 'CAP-3003',
    message: (failure, context) => {
      const action = missingAction(failure)?.action;
      return `Capstan may not ${context.doing}${action === undefined ? '' : `: the action ${action} is missing`}.`;
    },
    remedy: authorizationRemedy,
  },
  {
    codes: ['ScopeLocked'],
    code: 'CAP-3004',
    message: (_, context) => `A lock forbids to ${context.doing}.`,
    remedy: lockRemedy,
  },
  {
    codes: ['MissingSubscriptionRegistration', 'SubscriptionNotRegistered'],
    code: 'CAP-3005',
    message: cannot,
    remedy: registrationRemedy,
  },
  {
    codes: [
      'AllocationFailed',
      'ZonalAllocationFailed',
      'OverconstrainedAllocationRequest',
      'OverconstrainedZonalAllocationRequest',
      'SkuCapacityRestricted',
    ],
    code: 'CAP-3006',
    message: (_, context) => `Azure has no capacity to ${context.doing}.`,
  },
  {
    codes: ['SkuNotAvailable', 'LocationNotAvailableForResourceType', 'LocationNotAvailable'],
    code: 'CAP-3007',
    message: cannot,
  },
  {
    codes: [
      'QuotaExceeded',
      'PublicIPCountLimitReached',
      'PublicIpAddressCountLimitReached',
      'NetworkSecurityGroupCountLimitReached',
    ],
    code: 'CAP-3001',
    message: (failure, context) => `${quotaName(failure)} does not allow to ${context.doing}.`,
    remedy: quotaRemedy,
  },
  {
    codes: ['StorageAccountAlreadyTaken', 'DnsRecordInUse', 'DomainNameInUse', 'AlreadyExists'],
    code: 'CAP-3008',
    message: cannot,
  },
  {
    codes: ['ResourceGroupBeingDeleted', 'ResourceGroupNotFound', 'SubscriptionNotFound'],
    code: 'CAP-3016',
    message: cannot,
  },
  {
    codes: ['CannotDeleteResource', 'ResourceGroupDeletionBlocked'],
    code: 'CAP-3017',
    message: cannot,
  },
  {
    codes: ['ResourceNotFound', 'NotFound', 'ParentResourceNotFound', 'InvalidResourceReference', 'ImageNotFound'],
    code: 'CAP-3011',
    message: cannot,
  },
  {
    codes: [
      'ExpiredAuthenticationToken',
      'InvalidAuthenticationToken',
      'InvalidAuthenticationTokenTenant',
      'AuthenticationFailed',
      'InvalidAuthenticationInfo',
    ],
    code: 'CAP-3014',
    message: () => 'Azure refused the token of Capstan.',
  },
];

function matches(rule: Rule, failure: AzureFailure): boolean {
  return rule.codes.includes(failure.code) || failure.innerCodes.some((code) => rule.codes.includes(code));
}

function fallback(failure: AzureFailure): ErrorCode {
  if (failure.transport !== undefined || failure.status === 401) return 'CAP-3014';
  if (failure.asynchronous) return 'CAP-3012';
  if (/InUse|CannotBeDeleted/.test(failure.code)) return 'CAP-3017';
  if (failure.status === 403) return 'CAP-3003';
  return failure.status === 404 ? 'CAP-3011' : 'CAP-3010';
}

function causeOf(failure: AzureFailure): string {
  if (failure.transport !== undefined) return `${failure.transport}: ${failure.message}`;
  const head = [failure.status === undefined || failure.asynchronous ? '' : String(failure.status), failure.code];
  const details = failure.innerCodes.map((code, index) => `${code}: ${failure.innerMessages[index] ?? ''}`.trim());
  const lines = [`${head.filter((part) => part !== '').join(' ')}: ${failure.message}`, ...details];
  return lines.join(' | ').slice(0, 1500);
}

/**
 * The registered error for a failure that does not pass by itself: quota, policy, authorisation, lock, registration,
 * capacity, taken name, missing reference, or a request that Azure found invalid. Pure.
 */
export function terminalError(failure: AzureFailure, context: FailureContext): CapstanError {
  const quota = failure.code === 'OperationNotAllowed' && quotaPattern.test(failure.message);
  const rule = quota
    ? rules.find((candidate) => candidate.code === 'CAP-3001')
    : rules.find((candidate) => matches(candidate, failure));
  const code = rule?.code ?? fallback(failure);
  return capstanError(code, rule?.message(failure, context) ?? `Azure did not let Capstan ${context.doing}.`, {
    where: context.where,
    cause: causeOf(failure),
    remedy: rule?.remedy?.(failure),
    correlationId: failure.correlationId,
  });
}
