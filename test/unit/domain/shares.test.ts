import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { storageAccountCandidates } from '#domain/names/names.ts';
import { updatedFacts } from '#domain/plan/facts.ts';
import { sharedImageResources } from '#domain/plan/image.ts';
import { fullPart, movedResources, sharesAfter } from '#domain/plan/shares.ts';
import { sampleDocument, sampleFacts, samplePlan } from '../../support/sample-plan.ts';

const vhd = 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.33.4.vhd';
const shares = { account: 2, image: 3, copy: 4 };
const idOf = (plan: ReturnType<typeof samplePlan>, key: string) => plan.resources.find((one) => one.key === key)!.id;

describe('the names of what clusters share', () => {
  it('are the plain ones under number 0, so that nothing moves for clusters that exist', () => {
    expect(storageAccountCandidates('s', 'g', 'westeurope', { share: 0 })).toEqual(
      storageAccountCandidates('s', 'g', 'westeurope'),
    );
    expect(samplePlan({ facts: { shares: { account: 0, image: 0, copy: 0 } } })).toEqual(samplePlan());
  });

  it('differ from number to number, and accounts are still names that Azure accepts', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 500 }), { minLength: 2, maxLength: 2 }), (numbers) => {
        const names = numbers.flatMap((share) => storageAccountCandidates('s', 'g', 'westeurope', { share }));
        expect(new Set(names).size).toBe(10);
        for (const name of names) expect(name).toMatch(/^[a-z0-9]{3,24}$/);
        const images = numbers.map((image) => samplePlan({ facts: { shares: { image } } }).image.id);
        expect(new Set(images).size).toBe(2);
      }),
    );
  });

  it('carry the number of the image in the image, its disk and its gallery, and in nothing else', () => {
    const spec = { image: { vhd, through: 'disk', as: 'galleryVersion' } };
    const moved = movedResources(samplePlan({ spec }), samplePlan({ spec, facts: { shares: { image: 1 } } }));
    expect(moved.map(({ key }) => key)).toEqual(['imageDisk', 'gallery', 'galleryImage', 'image']);
    expect(moved.at(-1)?.id).toMatch(/\/galleries\/capstan_1\/images\/ubuntu-2404-v1\.33\.4-\w+-1\/versions\/1\.0\.0$/);
    const facts = sampleFacts({ shares: { image: 1 } });
    const ids = sharedImageResources(sampleDocument(spec), facts).map(({ id }) => id);
    expect(ids).toEqual(moved.map(({ id }) => id));
  });

  it('carry the number of the copy only in an account of the user: elsewhere the account is another one', () => {
    const blob = (spec: Record<string, unknown>) => samplePlan({ spec, facts: { shares } }).storage.blob;
    expect(blob({ storage: { account: 'corpimages0001' } })).toMatch(/-4\.vhd$/);
    expect(blob({})).toBe(samplePlan().storage.blob);
  });
});

describe('what is full', () => {
  const plan = samplePlan({ spec: { image: { vhd, through: 'disk', as: 'galleryVersion' } } });
  const alone = samplePlan({ spec: { storage: { networkAccess: 'private' } } });
  const own = samplePlan({ spec: { storage: { account: 'corpimages0001' } } });

  it.each([
    ['the account', plan, 'storageAccount', 'account'],
    ['the image', plan, 'image', 'image'],
    ['its definition', plan, 'galleryImage', 'image'],
    ['its gallery', plan, 'gallery', 'image'],
    ['its disk', plan, 'imageDisk', 'image'],
    ['the image with an account of the user', own, 'image', 'image'],
    ['an account of the user', own, 'storageAccount', 'none'],
    ['an account for one cluster', alone, 'storageAccount', 'none'],
    ['the private zone', alone, 'privateDnsZone', 'none'],
  ] as const)('decides which number grows: %s', (_what, given, key, part) => {
    expect(fullPart(given, { code: 'CAP-3019', where: idOf(given, key).toUpperCase() })).toBe(part);
  });

  it('is the copy in an account of the user, and the whole account elsewhere', () => {
    const copyOf = ({ storage }: typeof plan) => ({ code: 'CAP-3310' as const, where: `https://a/b/${storage.blob}` });
    expect(fullPart(own, copyOf(own))).toBe('copy');
    expect(fullPart(plan, copyOf(plan))).toBe('account');
  });

  it('is planned already when the plan names something else by now: asked twice, one number grows once', () => {
    const full = { code: 'CAP-3019' as const, where: idOf(plan, 'image') };
    const next = samplePlan({ facts: { shares: sharesAfter({}, 'image') } });
    expect(fullPart(next, full)).toBe('planned');
    expect(fullPart(own, { code: 'CAP-3310', where: `https://a/b/${plan.storage.blob}-1.vhd` })).toBe('planned');
  });

  it('grows by one, from where it was', () => {
    expect(sharesAfter({}, 'account')).toEqual({ account: 1 });
    expect(sharesAfter(shares, 'image')).toEqual({ account: 2, image: 4, copy: 4 });
  });
});

describe('a changed document', () => {
  it('stays in its account; a new image takes the number that was read for it', () => {
    const stored = sampleFacts({ shares: { account: 1, image: 1 } });
    const read = sampleFacts({ shares: { account: 7, image: 3 } });
    expect(updatedFacts(stored, read, { newImage: true }).shares).toEqual({ account: 1, image: 3 });
    expect(updatedFacts(stored, read, { newImage: false }).shares).toEqual({ account: 1, image: 1 });
    expect(updatedFacts(sampleFacts(), sampleFacts(), { newImage: true })).not.toHaveProperty('shares');
  });
});
