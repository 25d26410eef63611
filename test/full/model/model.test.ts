import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const runner = path.join(import.meta.dirname, 'runner.ts');

it('fifty lives of up to thirty steps: the document, the cluster and Azure agree whenever nothing runs, and nothing is left', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [runner, '--runs', '50', '--seed', '500'], {
    maxBuffer: 2 ** 24,
  }).catch((error: { stdout?: string; message: string }) => ({ stdout: `${error.stdout ?? ''}\n${error.message}` }));
  expect(stdout).not.toMatch(/WRONG|broke off/);
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^50 lives: 0 wrong/);
}, 900_000);
