import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const runner = path.join(import.meta.dirname, '../../full/azure/matrix-runner.ts');

it('twenty faults at calls of a provision: Ready or Failed with a remedy, nothing is left; the same seed gives the same log', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [runner, '--set', 'provision', '--sample', '20', '--seed', '7'],
    { maxBuffer: 2 ** 24 },
  ).catch((error: { stdout?: string; message: string }) => ({ stdout: `${error.stdout ?? ''}\n${error.message}` }));
  // The runner's two processes record the undisturbed run each for itself, and compare.
  expect(stdout).not.toMatch(/WRONG|gave different logs|not complete/);
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^20 cells: .* 0 wrong/);
}, 300_000);
