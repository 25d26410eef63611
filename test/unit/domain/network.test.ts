import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressAt, contains, overlaps, parseCidr, usableAddresses } from '#domain/network/cidr.ts';
import { spread, usableZones } from '#domain/network/zones.ts';

const range = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 0, max: 32 }))
  .map(([address, prefix]) => {
    const size = 2 ** (32 - prefix);
    const first = Math.floor(address / size) * size;
    const text = [24, 16, 8, 0].map((shift) => Math.floor(first / 2 ** shift) % 256).join('.');
    return `${text}/${prefix}`;
  });

describe('address ranges', () => {
  it('reads every range back to its own first address', () => {
    fc.assert(
      fc.property(range, (cidr) => {
        const parsed = parseCidr(cidr);
        expect(parsed).toBeDefined();
        expect(`${addressAt(parsed!, 0)}/${parsed!.prefix}`).toBe(cidr);
      }),
    );
  });

  it.each(['10.0.0.1/8', '256.0.0.0/8', '10.0.0.0/33', '10.0.0/8', 'x', '10.0.0.0', ''])('refuses %s', (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  it('overlaps exactly when one contains the other: ranges are aligned blocks', () => {
    fc.assert(
      fc.property(range, range, (left, right) => {
        const [a, b] = [parseCidr(left)!, parseCidr(right)!];
        expect(overlaps(a, b)).toBe(contains(a, b) || contains(b, a));
      }),
    );
  });

  it('keeps five addresses of a subnet for Azure', () => {
    expect(usableAddresses(parseCidr('10.0.0.0/29')!)).toBe(3);
    expect(usableAddresses(parseCidr('10.0.0.0/32')!)).toBe(0);
  });
});

describe('the spread over zones', () => {
  const zones = fc.subarray(['1', '2', '3'], { minLength: 1 });

  it('loses nobody, differs by at most one and puts the remainder first', () => {
    fc.assert(
      fc.property(fc.nat(1000), zones, (count, list) => {
        const shares = spread(count, list);
        expect(shares.reduce((sum, share) => sum + share.count, 0)).toBe(count);
        expect(shares.map((share) => share.zone)).toEqual([...list].sort());
        const counts = shares.map((share) => share.count);
        expect(counts).toEqual([...counts].sort((a, b) => b - a));
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('never takes a machine from a zone when the count grows', () => {
    fc.assert(
      fc.property(fc.nat(500), zones, (count, list) => {
        const before = spread(count, list);
        const after = spread(count + 1, list);
        for (const [index, share] of before.entries()) expect(after[index]!.count).toBeGreaterThanOrEqual(share.count);
      }),
    );
  });

  it('uses only zones that are both wanted and offered', () => {
    expect(usableZones(undefined, ['3', '1'])).toEqual(['1', '3']);
    expect(usableZones(['2', '3'], ['1', '2'])).toEqual(['2']);
    expect(usableZones(['3'], ['1', '2'])).toEqual([]);
  });
});
