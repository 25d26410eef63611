import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/**
 * A fault at any call, a failure or a cancellation at any activity: a reproducible choice, each on virtual time in a
 * world of its own. Everything: `npm run test:faults`.
 */
const runner = path.join(import.meta.dirname, 'matrix-runner.ts');

/** Lines of the runner; the test shows the wrong ones when there are some. */
async function run(...args: string[]): Promise<readonly string[]> {
  const done = await promisify(execFile)(process.execPath, [runner, ...args], { maxBuffer: 2 ** 26 }).catch(
    (error: { stdout?: string; message: string }) => ({ stdout: `${error.stdout ?? ''}\nWRONG ${error.message}` }),
  );
  return done.stdout.trim().split('\n');
}

describe('a fault at any call to Azure', { timeout: 900_000 }, () => {
  it('of a provision leaves the cluster Ready, or Failed with a registered code and a remedy, and a deletion leaves nothing', async () => {
    const lines = await run('--set', 'provision', '--sample', '150', '--seed', '5');
    expect(lines.filter((line) => line.startsWith('WRONG'))).toEqual([]);
    expect(lines.at(-1)).toMatch(/^150 cells: .* 0 wrong/);
  });

  it('of a deletion leaves nothing, at the latest after the second one', async () => {
    const lines = await run('--set', 'deletion', '--sample', '40', '--seed', '5');
    expect(lines.filter((line) => line.startsWith('WRONG'))).toEqual([]);
    expect(lines.at(-1)).toMatch(/^40 cells: .* 0 wrong/);
  });
});

describe('a provision that is interrupted', { timeout: 900_000 }, () => {
  it('by a failure, a dead host or a cancellation at any activity leaves nothing behind, and can be continued', async () => {
    const lines = await run('--set', 'steps');
    expect(lines.filter((line) => line.startsWith('WRONG'))).toEqual([]);
    expect(lines.at(-1)).toMatch(/^\d+ cells: .* 0 wrong/);
  });
});
