import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAzure } from '#azure/index.ts';
import { FakeArm } from '../../support/azure-fake-arm.ts';
import { samplePlan } from '../../support/sample-plan.ts';

let arm: FakeArm;
let gatewayUrl: string;

beforeEach(async () => {
  arm = new FakeArm();
  gatewayUrl = await arm.start();
  process.env['IDENTITY_ENDPOINT'] = `${gatewayUrl}/msi/token`;
  process.env['IDENTITY_HEADER'] = 'x';
});
afterEach(() => arm.stop());

const plan = (vhd: string) => samplePlan({ spec: { image: { vhd } } });

describe('a source that is not ours', () => {
  it.each([401, 403, 404])('never receives a token, also when it answers %i', async (status) => {
    arm.extra = (request) => (request.host === 'images.example.com' ? { status } : undefined);
    const azure = createAzure({ environment: 'public', gatewayUrl });
    const outcome = await azure.copy.plan(plan('https://images.example.com/a/b.vhd'));
    expect(outcome).toMatchObject({ status: 'failed' });
    const asked = arm.seen.filter((request) => request.host === 'images.example.com');
    expect(asked.length).toBeGreaterThan(0);
    expect(asked.every((request) => request.headers.authorization === undefined)).toBe(true);
  });

  it('is not followed to another place', async () => {
    arm.extra = (request) =>
      request.host === 'images.example.com'
        ? { status: 302, headers: { location: 'https://evil.example.com/' } }
        : undefined;
    const azure = createAzure({ environment: 'public', gatewayUrl });
    const outcome = await azure.copy.plan(plan('https://images.example.com/a/b.vhd'));
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-2012' } });
    expect(arm.seen.some((request) => request.host === 'evil.example.com')).toBe(false);
  });

  it('that looks like an account of the cloud gets none either, unless ARM lists it in an allowed subscription', async () => {
    arm.extra = (request) => {
      if (request.host === 'someoneelse.blob.core.windows.net')
        return { status: 403, headers: { 'x-ms-error-code': 'NoAuthenticationInformation' } };
      return request.path.includes('/storageAccounts?')
        ? { status: 200, body: { value: [{ name: 'mine', id: '/x' }] } }
        : undefined;
    };
    const azure = createAzure({
      environment: 'public',
      gatewayUrl,
      allowedSubscriptions: ['aaaaaaaa-0000-4000-8000-000000000000'],
    });
    const outcome = await azure.copy.plan(plan('https://someoneelse.blob.core.windows.net/a/b.vhd'));
    expect(outcome).toMatchObject({ status: 'failed', error: { code: 'CAP-3306' } });
    const asked = arm.seen.filter((request) => request.host.startsWith('someoneelse'));
    expect(asked.every((request) => request.headers.authorization === undefined)).toBe(true);
    expect(arm.seen.some((request) => request.path.includes('/subscriptions/aaaaaaaa-'))).toBe(true);
  });
});
