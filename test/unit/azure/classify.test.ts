import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classify } from '../../../azure/errors/classify.ts';
import { type Exchange, failureOf, transportFailure } from '../../../azure/errors/failure.ts';
import { backoffSeconds, parseRetryAfter } from '../../../azure/errors/retry-after.ts';
import { errorRegistry } from '#domain/errors/registry.ts';

const now = Date.UTC(2026, 10, 20);
const context = { key: '/id', attempt: 0, where: '/id', doing: 'create the thing' };

function exchange(status: number, body: unknown, headers: Record<string, string> = {}): Exchange {
  return { method: 'PUT', path: '/x', status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
}
function verdict(status: number, body: unknown, headers: Record<string, string> = {}, attempt = 0) {
  return classify(failureOf(exchange(status, body, headers), now), { ...context, attempt });
}
function error(code: string, message = '', more: object = {}) {
  return { error: { code, message, ...more } };
}

describe('what passes by itself', () => {
  it.each([
    ['429 without a code', 429, error('429', 'throttled')],
    [
      'RetryableError with its reason in the details',
      429,
      error('RetryableError', 'x', { details: [{ code: 'ReferencedResourceNotProvisioned', message: 'y' }] }),
    ],
    ['the same reason as 400', 400, error('ReferencedResourceNotProvisioned')],
    ['another writer as 409', 409, error('AnotherOperationInProgress')],
    ['a fresh identity', 400, error('PrincipalNotFound')],
    ['an account that is still being made', 409, error('StorageAccountIsNotProvisioned')],
    ['a reserved interface', 400, error('NicReservedForAnotherVm')],
    ['an unwrapped EtagMismatch of AKS', 409, { code: 'EtagMismatch', message: 'Another operation is in progress' }],
    ['two writes at once', 409, error('Conflict', 'The request failed due to conflict with a concurrent request.')],
    ['a token that ended on its way', 401, error('ExpiredAuthenticationToken')],
    ['503 with an HTML body', 503, '<html><body>down</body></html>'],
    ['500 of nginx', 500, '<html></html>'],
    ['504 ResourceReadFailed', 504, error('ResourceReadFailed')],
    [
      'a busy storage server in XML',
      503,
      '<?xml version="1.0"?><Error><Code>ServerBusy</Code><Message>slow</Message></Error>',
    ],
  ])('%s is waited for', (_, status, body) => {
    expect(verdict(status, body).kind).toBe('wait');
  });

  it('honours Retry-After as seconds and as a date', () => {
    expect(verdict(429, error('TooManyRequests'), { 'retry-after': '17' })).toMatchObject({ retryAfter: 17 });
    const date = new Date(now + 30_000).toUTCString();
    expect(verdict(429, error('TooManyRequests'), { 'retry-after': date })).toMatchObject({ retryAfter: 30 });
  });

  it('ends with a registered error when it does not pass', () => {
    const last = verdict(503, error('ServiceUnavailable'), {}, 15);
    expect(last).toMatchObject({ kind: 'failed', error: { code: 'CAP-3013', where: '/id' } });
    const broken = classify(
      transportFailure(Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })),
      { ...context, attempt: 15 },
    );
    expect(broken).toMatchObject({ kind: 'failed', error: { code: 'CAP-3015' } });
  });

  it('takes a token that is refused again and again as wrong', () => {
    const last = verdict(401, error('ExpiredAuthenticationToken'), {}, 5);
    expect(last).toMatchObject({ kind: 'failed', error: { code: 'CAP-3014' } });
  });

  it('treats a missing token as final, not as a broken connection', () => {
    const failure = transportFailure(Object.assign(new Error('no endpoint'), { name: 'CredentialUnavailableError' }));
    expect(classify(failure, context)).toMatchObject({ kind: 'failed', error: { code: 'CAP-3014' } });
  });
});

describe('what a person has to solve', () => {
  const failed = (status: number, body: unknown, headers = {}) => {
    const result = verdict(status, body, headers);
    if (result.kind !== 'failed') throw new Error('expected a terminal error');
    return result.error;
  };

  it('names the quota, the region and the new limit', () => {
    const result = failed(
      409,
      error(
        'OperationNotAllowed',
        'Operation could not be completed as it results in exceeding approved standardDASv5Family Cores quota. Additional details - Deployment Model: Resource Manager, Location: eastus, Current Limit: 100, Current Usage: 96, Additional Required: 64, (Minimum) New Limit Required: 160. Submit',
      ),
    );
    expect(result.code).toBe('CAP-3001');
    expect(result.remedy).toContain('standardDASv5Family');
    expect(result.remedy).toContain('eastus');
    expect(result.remedy).toContain('160');
  });

  it('names the policy assignment from additionalInfo, which the SDK drops', () => {
    const result = failed(
      403,
      error('RequestDisallowedByPolicy', 'disallowed', {
        additionalInfo: [{ type: 'PolicyViolation', info: { policyAssignmentId: '/a/policyAssignments/no-keys' } }],
      }),
      { 'x-ms-correlation-request-id': 'c-1' },
    );
    expect(result).toMatchObject({ code: 'CAP-3002', correlationId: 'c-1' });
    expect(result.remedy).toContain('/a/policyAssignments/no-keys');
  });

  it('names the missing action and its scope', () => {
    const result = failed(
      403,
      error(
        'AuthorizationFailed',
        "The client 'x' with object id 'x' does not have authorization to perform action 'Microsoft.Network/virtualNetworks/write' over scope '/subscriptions/s/resourceGroups/g' or the scope is invalid.",
      ),
    );
    expect(result.code).toBe('CAP-3003');
    expect(result.remedy).toContain('Microsoft.Network/virtualNetworks/write at /subscriptions/s/resourceGroups/g');
  });

  it('names the linked scope of a join', () => {
    const result = failed(
      403,
      error(
        'LinkedAuthorizationFailed',
        "The client has permission to perform action 'Microsoft.Network/networkInterfaces/write' on scope '/n'; however, it does not have permission to perform action 'Microsoft.Network/virtualNetworks/subnets/join/action' on the linked scope(s) '/vnet/subnets/a' or the linked scope(s) are invalid.",
      ),
    );
    expect(result.remedy).toContain('Microsoft.Network/virtualNetworks/subnets/join/action at /vnet/subnets/a');
  });

  it('names the lock and the namespace to register', () => {
    expect(
      failed(
        409,
        error(
          'ScopeLocked',
          "The scope '/a' cannot perform write operation because following scope(s) are locked: '/subscriptions/s/resourceGroups/g'. Please remove the lock and try again.",
        ),
      ).remedy,
    ).toContain('/subscriptions/s/resourceGroups/g');
    expect(
      failed(
        409,
        error(
          'MissingSubscriptionRegistration',
          "The subscription is not registered to use namespace 'Microsoft.Compute'. See https://x",
        ),
      ).remedy,
    ).toContain('az provider register --namespace Microsoft.Compute');
  });

  it('recovers the inner code of a failed operation', () => {
    const body = {
      status: 'Failed',
      error: {
        code: 'ResourceDeploymentFailure',
        message: 'outer',
        details: [{ code: 'ZonalAllocationFailed', message: 'zone 2 is full' }],
      },
    };
    const result = failed(200, body);
    expect(result.code).toBe('CAP-3006');
    expect(result.cause).toContain('ZonalAllocationFailed: zone 2 is full');
  });

  it('reads capital keys, as the deletion of a group answers', () => {
    expect(failed(409, { Error: { Code: 'ResourceGroupDeletionBlocked', Message: 'blocked' } }).code).toBe('CAP-3017');
  });

  it.each([
    [409, 'SkuNotAvailable', 'CAP-3007'],
    [409, 'StorageAccountAlreadyTaken', 'CAP-3008'],
    [409, 'ResourceGroupBeingDeleted', 'CAP-3016'],
    [400, 'InvalidResourceReference', 'CAP-3011'],
    [400, 'InvalidParameter', 'CAP-3010'],
    [401, 'InvalidAuthenticationToken', 'CAP-3014'],
    [400, 'InUseSubnetCannotBeDeleted', 'CAP-3017'],
  ])('%i %s is %s', (status, code, expected) => {
    expect(failed(status, error(code)).code).toBe(expected);
  });
});

describe('recorded answers of Azure', () => {
  const folder = fileURLToPath(new URL('../../../../shared/reference/azure-recordings/', import.meta.url));
  const present = existsSync(`${folder}errors.json`);
  const read = (file: string): any => JSON.parse(readFileSync(`${folder}${file}`, 'utf8'));
  const answers: { status: number; body: unknown }[] = present
    ? [
        ...read('errors.json').exchanges.map((entry: any) => entry.response),
        ...read('quotedErrors.json').quotes.map((entry: any) => entry.response),
      ].filter((entry) => typeof entry?.status === 'number' && entry.body !== undefined)
    : [{ status: 429, body: error('RetryableError') }];

  it(`sorts every one of ${answers.length} (recordings ${present ? 'present' : 'absent'})`, () => {
    for (const { status, body } of answers) {
      const result = verdict(status, body);
      if (result.kind === 'failed') {
        expect(errorRegistry[result.error.code], JSON.stringify(body)).toBeDefined();
        expect(result.error.remedy).toBeTruthy();
      } else {
        expect(result.retryAfter).toBeGreaterThan(0);
      }
      if (status === 429 || status >= 500) expect(result.kind, JSON.stringify(body)).toBe('wait');
    }
  });
});

describe('delays', () => {
  it('grow, stay under two minutes, and depend on nothing but their inputs', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(40), (key, attempt) => {
        const seconds = backoffSeconds(key, attempt);
        expect(seconds).toBe(backoffSeconds(key, attempt));
        expect(seconds).toBeGreaterThanOrEqual(Math.min(120, 2 ** Math.min(attempt + 1, 10)));
        expect(seconds).toBeLessThanOrEqual(120);
      }),
    );
  });
  it('of the past are zero, and unreadable ones are none', () => {
    expect(parseRetryAfter('Wed, 21 Oct 2015 07:28:00 GMT', now)).toBe(0);
    expect(parseRetryAfter('soon', now)).toBeUndefined();
    expect(parseRetryAfter(undefined, now)).toBeUndefined();
  });
});
