import { describe, expect, it } from 'vitest';
import { copySentence } from '#domain/storage/progress.ts';
import { createPacer } from '../../../azure/storage/pacer.ts';

const MiB = 1024 ** 2;

/** Time that passes only by sleeping. */
function fakeTime() {
  let at = 0;
  return {
    now: () => at,
    sleep: async (milliseconds: number) => {
      at += milliseconds;
    },
    pass: (milliseconds: number) => {
      at += milliseconds;
    },
  };
}

describe('the pacer of a destination blob', () => {
  it('begins at 4 Gbit/s and takes 0.65 of it after a refusal', async () => {
    const pacer = createPacer(fakeTime());
    expect(pacer.rate()).toBe(5e8);
    pacer.refused(await pacer.turn(4 * MiB));
    expect(pacer.rate()).toBeCloseTo(5e8 * 0.65);
  });

  it('slows down once for operations that were in flight together', async () => {
    const pacer = createPacer(fakeTime());
    const marks = await Promise.all([1, 2, 3, 4].map(() => pacer.turn(4 * MiB)));
    for (const mark of marks) pacer.refused(mark);
    expect(pacer.rate()).toBeCloseTo(5e8 * 0.65);
    pacer.refused(await pacer.turn(4 * MiB));
    expect(pacer.rate() / (5e8 * 0.65 ** 2)).toBeCloseTo(1, 2);
  });

  it('recovers slowly, never above where it began', async () => {
    const time = fakeTime();
    const pacer = createPacer(time);
    for (let i = 0; i < 5; i++) pacer.refused(await pacer.turn(512));
    const low = pacer.rate();
    time.pass(1000);
    await pacer.turn(512);
    expect(pacer.rate()).toBeGreaterThan(low);
    expect(pacer.rate()).toBeLessThan(low * 1.1);
    time.pass(3_600_000);
    await pacer.turn(512);
    expect(pacer.rate()).toBe(5e8);
  });

  it('lets operations go at its rate, and counts small ones as requests', async () => {
    const time = fakeTime();
    const pacer = createPacer(time);
    for (let i = 0; i < 12; i++) pacer.refused(await pacer.turn(512));
    const rate = pacer.rate();
    const began = time.now();
    for (let i = 0; i < 10; i++) await pacer.turn(512);
    const weight = (60 * MiB) / 500;
    expect((time.now() - began) / 1000).toBeGreaterThan((8 * weight) / rate);
  });
});

describe('the line of a running copy', () => {
  const progress = { done: 500 * MiB, total: 2048 * MiB, unit: 'bytes' };

  it('says amount, rate and time left', () => {
    expect(copySentence(progress, { atStart: 0, seconds: 10 })).toBe(
      'Copying the base image: 500 MiB of 2.0 GiB · 50 MiB/s · about 31 s left',
    );
    expect(copySentence(progress, { atStart: 400 * MiB, seconds: 10 })).toContain('10 MiB/s · about 3 min left');
  });

  it('says no rate before there is one', () => {
    expect(copySentence(progress)).toBe('Copying the base image: 500 MiB of 2.0 GiB');
    expect(copySentence(progress, { atStart: 0, seconds: 1 })).not.toContain('/s');
    expect(copySentence(progress, { atStart: 500 * MiB, seconds: 20 })).not.toContain('/s');
  });
});
