import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { isRecorded } from './exchanges.ts';
import { known } from './known.ts';
import { walk } from './walk.ts';

/** Every recorded exchange with the real Azure, sent to the simulated one. */
describe.runIf(isRecorded)('the recorded exchanges', () => {
  let walked: Awaited<ReturnType<typeof walk>>;
  beforeAll(async () => {
    walked = await walk();
  }, 300_000);

  const isKnown = (title: string, difference: string) =>
    known.some((entry) => entry.exchanges.test(title) && (entry.differences?.test(difference) ?? true));

  it('are answered with the recorded status, headers, shape, state and error code, but for what is listed', () => {
    const unknown = walked.flatMap(({ name, what, found }) =>
      found.filter((difference) => !isKnown(`${name} ${what}`, difference)).map((text) => `${name} ${what}: ${text}`),
    );
    expect(unknown).toEqual([]);
    expect(walked.filter(({ found }) => found.length === 0).length).toBeGreaterThanOrEqual(225);
  });

  it('differ in everything that is listed: the list has nothing that came right', () => {
    const idle = known.filter(
      (entry) =>
        !walked.some(
          ({ name, what, found }) =>
            entry.exchanges.test(`${name} ${what}`) &&
            found.some((difference) => entry.differences?.test(difference) ?? true),
        ),
    );
    expect(idle.map(({ reason }) => reason)).toEqual([]);
  });
});

it('what is left out of the comparison with the recordings stands in the documentation', () => {
  const page = readFileSync(path.join(import.meta.dirname, '../../../../docs/simulation.md'), 'utf8');
  for (const { reason } of known) expect(page).toContain(reason);
});
