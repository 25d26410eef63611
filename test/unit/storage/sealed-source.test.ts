import { describe, expect, it } from 'vitest';
import { Secret } from '#domain/secret.ts';
import { parseClusterText } from '#domain/spec/parse.ts';
import { sealSource, unsealedSource } from '#domain/storage/sealed-source.ts';
import { shownSpec } from '#domain/storage/shown-spec.ts';
import { sampleDocument } from '../../support/sample-plan.ts';

const address = 'https://corp.blob.core.windows.net/images/base.vhd';
const signed = `${address}?sv=2025-01-05&sr=b&sp=r&sig=CANARY%3D`;

describe('a request with a SAS in its image source', () => {
  it('is stored without any part of the SAS, and the whole URL goes to the vault', () => {
    const { document, source } = sealSource(sampleDocument({ image: { vhd: signed } }));
    expect(document.spec.image).toMatchObject({ vhd: address, signature: 'keyVault' });
    expect(JSON.stringify(document)).not.toMatch(/CANARY|sig=|sp=r/);
    expect(source?.reveal()).toBe(signed);
    expect(JSON.stringify({ source })).not.toContain('CANARY');
  });

  it('keeps the parameters that choose a snapshot', () => {
    const { document } = sealSource(sampleDocument({ image: { vhd: `${signed}&snapshot=2026-01-01T00:00:00Z` } }));
    expect(document.spec.image.vhd).toBe(`${address}?snapshot=2026-01-01T00%3A00%3A00Z`);
  });

  it('is the same stored request when only the SAS was renewed', () => {
    const renewed = sealSource(sampleDocument({ image: { vhd: `${address}?sig=OTHER` } }));
    expect(renewed.document).toEqual(sealSource(sampleDocument({ image: { vhd: signed } })).document);
  });

  it('can be sent again as it is shown', () => {
    const { document } = sealSource(sampleDocument({ image: { vhd: signed } }));
    const shown = { ...document, spec: shownSpec(document.spec) };
    expect(parseClusterText(JSON.stringify(shown))).toEqual({ document });
  });

  it('is left as it is without a SAS', () => {
    const document = sampleDocument({ image: { vhd: address } });
    expect(sealSource(document)).toEqual({ document, source: undefined });
  });
});

describe('a kept SAS', () => {
  it.each([
    ['the same address', address, signed],
    ['another blob', 'https://corp.blob.core.windows.net/images/other.vhd', undefined],
    ['another account', 'https://evil.blob.core.windows.net/images/base.vhd', undefined],
    ['another scheme', 'http://corp.blob.core.windows.net/images/base.vhd', undefined],
  ])('is used for %s as it should be', (_, vhd, expected) => {
    expect(unsealedSource(vhd, new Secret(signed))).toBe(expected);
  });

  it('is missing without a secret', () => {
    expect(unsealedSource(address, undefined)).toBeUndefined();
  });
});

describe('a text that cannot be read', () => {
  it('is not quoted with the SAS in it', () => {
    const parsed = parseClusterText(`spec: { image: { vhd: *${signed} } }`);
    expect(JSON.stringify(parsed)).toMatch(/CAP-1002/);
    expect(JSON.stringify(parsed)).not.toContain('CANARY');
  });
});
