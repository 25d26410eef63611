import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

it('the sample cluster takes as long as the critical path of its plan says, within 15 %', async () => {
  const bench = path.resolve(import.meta.dirname, '../../../bench/critical-path/main.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [bench, '--count', '4']).catch(
    (error: { stdout?: string; message: string }) => ({ stdout: `${error.stdout ?? ''}\n${error.message}` }),
  );
  expect(stdout).toMatch(/^within 15 % of the planned critical path/m);
}, 120_000);
