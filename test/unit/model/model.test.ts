import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const runner = path.join(import.meta.dirname, '../../full/model/runner.ts');
const five = ['--runs', '5', '--seed', '50', '--steps', '10', '--workers', '1', '--shrinks', '20'];

it('five random lives of clusters: the document, the cluster and Azure agree whenever nothing runs, and nothing is left', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [runner, ...five], { maxBuffer: 2 ** 24 }).catch(
    (error: { stdout?: string; message: string }) => ({ stdout: `${error.stdout ?? ''}\n${error.message}` }),
  );
  expect(stdout).not.toMatch(/WRONG|broke off/);
  expect(stdout.trim().split('\n').at(-1)).toMatch(/^5 lives: 0 wrong/);
}, 300_000);
