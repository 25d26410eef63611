import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shownSpec, shownUrl } from '#domain/storage/shown-spec.ts';
import { sampleDocument } from '../../support/sample-plan.ts';

describe('a spec that is shown', () => {
  it('names the image without the signature in its URL', () => {
    const url = 'https://corp.blob.core.windows.net/images/base.vhd';
    const { spec } = sampleDocument({ image: { vhd: `${url}?sv=2025-01-05&sr=b&sig=CANARY%3D` } });
    const shown = shownSpec(spec);
    expect(shown.image.vhd).toBe(`${url}?redacted`);
    expect(JSON.stringify(shown)).not.toContain('CANARY');
    expect({ ...shown, image: spec.image }).toEqual(spec);
  });

  it('is the same when the URL carries nothing', () => {
    const { spec } = sampleDocument();
    expect(shownSpec(spec)).toEqual(spec);
  });

  it('never shows what follows the question mark, URL or not', () => {
    fc.assert(
      fc.property(fc.string(), fc.string({ minLength: 20 }), (before, secret) => {
        expect(shownUrl(`${before.replaceAll('?', '')}?${secret}`).includes(secret)).toBe(false);
      }),
    );
  });
});
