import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cloudOf } from '../../../azure/clients/cloud.ts';
import { decide, firstCredential } from '../../../azure/storage/credential-policy.ts';
import { publicLookup } from '../../../azure/storage/guarded-http.ts';
import {
  mergeRanges,
  missingOperations,
  operationBytes,
  operationsOf,
  sameRanges,
  slicesOf,
  totalOf,
} from '../../../azure/storage/ranges.ts';
import { isPublicAddress, readSourceUrl } from '../../../azure/storage/source-rules.ts';
import { isFixedVhd } from '../../../azure/storage/vhd.ts';

const sas = { credential: 'sas', reminted: false, shortLived: false, roleWaits: 0 } as const;
const entra = { credential: 'entra', reminted: false, shortLived: false, roleWaits: 0 } as const;
const blob = (code: string, status = 403) => ({ plane: 'blob', status, code }) as const;
const keys = (code: string, status = 403) => ({ plane: 'listKeys', status, code }) as const;

describe('credential policy', () => {
  it('begins with SAS, unless Entra ID is asked for or the account is known to refuse keys', () => {
    expect(firstCredential('automatic', 'allowed')).toMatchObject({ credential: 'sas' });
    expect(firstCredential('entra', 'allowed')).toMatchObject({ credential: 'entra' });
    expect(firstCredential('automatic', 'denied')).toMatchObject({ credential: 'entra', reason: 'sharedKeyAccess' });
    expect(firstCredential('sas', 'denied')).toMatchObject({ credential: 'sas' });
  });

  it.each([
    blob('KeyBasedAuthenticationNotPermitted'),
    keys('AuthorizationFailed'),
    keys('ScopeLocked', 409),
    keys('DenyAssignmentAuthorizationFailed'),
  ])('changes to Entra ID on $plane $code, and says why', (refusal) => {
    expect(decide(sas, 'automatic', refusal)).toMatchObject({
      action: 'retry',
      state: { credential: 'entra', reason: refusal.code },
    });
    expect(decide(sas, 'sas', refusal)).toEqual({ action: 'fail', problem: 'keysRefused' });
  });

  it.each([
    [blob('AuthorizationFailure'), { action: 'fail', problem: 'network' }],
    [blob('AuthorizationPermissionMismatch'), { action: 'fail', problem: 'sasRefused' }],
    [blob('AuthorizationProtocolMismatch'), { action: 'fail', problem: 'sasRefused' }],
    [blob('ServerBusy', 503), { action: 'other' }],
    [blob('BlobNotFound', 404), { action: 'other' }],
    [keys('ResourceNotFound', 404), { action: 'other' }],
    [keys('StorageAccountIsNotProvisioned', 409), { action: 'other' }],
  ])('keeps SAS on %o', (refusal, expected) => {
    expect(decide(sas, 'automatic', refusal)).toEqual(expected);
  });

  it('makes an expired SAS anew once', () => {
    const first = decide(sas, 'automatic', blob('AuthenticationFailed'));
    expect(first).toMatchObject({ action: 'retry', remint: true, state: { credential: 'sas', reminted: true } });
    expect(decide({ ...sas, reminted: true }, 'automatic', blob('AuthenticationFailed'))).toEqual({
      action: 'fail',
      problem: 'sasRefused',
    });
  });

  it('waits for a data role with a bound, then names it', () => {
    let state = { ...entra, roleWaits: 0 };
    let waited = 0;
    for (;;) {
      const decision = decide(state, 'entra', blob('AuthorizationPermissionMismatch'));
      if (decision.action !== 'wait') {
        expect(decision).toEqual({ action: 'fail', problem: 'roleMissing' });
        break;
      }
      waited += decision.retryAfter;
      state = decision.state as typeof state;
    }
    expect(waited).toBe(600);
  });

  it('never goes back from Entra ID to keys, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.integer({ min: 400, max: 503 }),
        fc.constantFrom<'automatic' | 'entra'>('automatic', 'entra'),
        (code, status, authentication) => {
          const decision = decide(entra, authentication, blob(code, status));
          if ('state' in decision) expect(decision.state.credential).toBe('entra');
        },
      ),
    );
  });
});

describe('rules of image sources', () => {
  const cloud = cloudOf('public');
  it.each([
    'http://images.example.com/a.vhd',
    'https://10.0.0.1/a.vhd',
    'https://[::1]/a.vhd',
    'https://2130706433/a.vhd',
    'https://0x7f.1/a.vhd',
    'https://localhost/a.vhd',
    'https://intranet/a.vhd',
    'https://user:pass@images.example.com/a.vhd',
    'https://images.example.com:8443/a.vhd',
    'ftp://images.example.com/a.vhd',
    'not a url',
  ])('refuse %s', (url) => {
    expect(readSourceUrl(url, cloud)).toHaveProperty('refused');
  });

  it('find the account only under the blob suffix of the chosen cloud', () => {
    expect(readSourceUrl('https://acct.blob.core.windows.net/c/b.vhd', cloud)).toMatchObject({
      account: 'acct',
      hasSas: false,
    });
    expect(readSourceUrl('https://acct.blob.core.windows.net.evil.com/c/b.vhd', cloud)).toMatchObject({
      account: undefined,
    });
    expect(readSourceUrl('https://evil.com/acct.blob.core.windows.net', cloud)).toMatchObject({ account: undefined });
    expect(readSourceUrl('https://acct.blob.core.windows.net/c/b.vhd', cloudOf('china'))).toMatchObject({
      account: undefined,
    });
  });

  it('never show the signature of a SAS', () => {
    const read = readSourceUrl('https://acct.blob.core.windows.net/c/b.vhd?sv=1&sig=SECRET', cloud);
    expect(read).toMatchObject({ hasSas: true, shown: 'https://acct.blob.core.windows.net/c/b.vhd' });
  });

  it.each([
    '10.1.2.3',
    '172.16.0.1',
    '192.168.1.1',
    '127.0.0.1',
    '169.254.169.254',
    '::1',
    'fe80::1',
    'fd00::1',
    '::ffff:10.0.0.1',
    '0.0.0.0',
    '100.64.0.1',
  ])('count %s as not public', (address) => expect(isPublicAddress(address)).toBe(false));
  it('count ordinary addresses as public', () => {
    expect(isPublicAddress('20.60.1.2')).toBe(true);
    expect(isPublicAddress('2603:1030::1')).toBe(true);
  });

  it('refuse a name that resolves to this machine at the moment of the connection', async () => {
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => publicLookup('localhost', {}, resolve));
    expect(error?.code).toBe('CAPSTAN_PRIVATE_ADDRESS');
  });

  it('want a page blob of whole MiB with a footer', () => {
    const shown = 'https://a/b';
    expect(isFixedVhd({ blobType: 'PageBlob', size: 30 * 1024 ** 3 + 512, shown })).toBeUndefined();
    expect(isFixedVhd({ blobType: 'BlockBlob', size: 30 * 1024 ** 3 + 512, shown })?.code).toBe('CAP-2012');
    expect(isFixedVhd({ blobType: 'PageBlob', size: 1000, shown })?.code).toBe('CAP-2012');
    expect(isFixedVhd({ blobType: 'PageBlob', size: 30 * 1024 ** 3, shown })?.code).toBe('CAP-2012');
  });
});

const range = fc
  .tuple(fc.nat(4000), fc.integer({ min: 1, max: 60_000 }))
  .map(([start, length]) => ({ start: start * 512, end: (start + length) * 512 }));

describe('ranges of the copy', () => {
  it('are covered exactly by operations of at most 4 MiB', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), (ranges) => {
        const merged = mergeRanges(ranges);
        const operations = operationsOf(ranges);
        expect(
          operations.every(([offset, count]) => offset % 512 === 0 && count % 512 === 0 && count <= operationBytes),
        ).toBe(true);
        expect(operations.reduce((sum, [, count]) => sum + count, 0)).toBe(totalOf(merged));
        expect(
          sameRanges(
            mergeRanges(operations.map(([offset, count]) => ({ start: offset, end: offset + count }))),
            merged,
          ),
        ).toBe(true);
        const slices = slicesOf(operations);
        // A slice names its window only; listing the window again gives the same operations.
        const inside = (slice: { start: number; end: number }) =>
          merged
            .map(({ start, end }) => ({ start: Math.max(start, slice.start), end: Math.min(end, slice.end) }))
            .filter(({ start, end }) => start < end);
        expect(slices.flatMap((slice) => operationsOf(inside(slice)))).toEqual(operations);
        expect(slices.reduce((sum, slice) => sum + slice.operations, 0)).toBe(operations.length);
      }),
    );
  });

  it('are never copied again when an operation is completely there, and always otherwise', () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 12 }), fc.infiniteStream(fc.boolean()), (ranges, coins) => {
        const operations = operationsOf(ranges);
        const done = operations.filter(() => coins.next().value);
        const present = mergeRanges(done.map(([offset, count]) => ({ start: offset, end: offset + count })));
        const missing = missingOperations(operations, present);
        expect(missing).toEqual(operations.filter((operation) => !done.includes(operation)));
      }),
    );
  });

  it('count half an operation as missing', () => {
    expect(missingOperations([[0, 4096]], [{ start: 0, end: 2048 }])).toEqual([[0, 4096]]);
  });
});
