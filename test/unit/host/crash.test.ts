import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { FIXTURES, installApp } from './support.ts';

const RUNNER = path.join(import.meta.dirname, 'crash-runner.ts');

function run(
  app: string,
  killAt: number,
): { signal: string | null; result: { output: string; commits: number } | undefined } {
  const folder = path.dirname(app);
  const env = { PATH: process.env['PATH'] ?? '', JOURNAL: path.join(folder, 'journal') };
  const child = spawnSync(process.execPath, [RUNNER, app, path.join(folder, 'data'), String(killAt)], {
    env,
    encoding: 'utf8',
  });
  const line = child.stdout.trim().split('\n').at(-1) ?? '';
  if (child.status !== 0 && child.signal === null) throw new Error(child.stderr);
  return { signal: child.signal, result: line.startsWith('{') ? JSON.parse(line) : undefined };
}

describe('killed right after a commit', () => {
  const whole = run(installApp(path.join(FIXTURES, 'durable-app')), 0);
  const commits = whole.result?.commits ?? 0;
  const output = { first: 5, child: { total: 5 }, flaky: { n: 9, square: 81 }, count: 5 };

  test('the scenario runs through without a crash', () => {
    expect(JSON.parse(whole.result?.output ?? '{}')).toEqual(output);
    expect(commits).toBeGreaterThan(15);
  });

  const boundaries = Array.from({ length: commits }, (_, index) => index + 1).filter((boundary) => boundary % 6 === 1);
  test.each(boundaries)('number %i, it ends the same, and only what was not recorded runs again', (boundary) => {
    const app = installApp(path.join(FIXTURES, 'durable-app'));
    expect(run(app, boundary).signal).toBe('SIGKILL');
    expect(JSON.parse(run(app, 0).result?.output ?? '{}')).toEqual(output);
    const counts = new Map<string, number>();
    for (const line of readFileSync(path.join(path.dirname(app), 'journal'), 'utf8')
      .trim()
      .split('\n'))
      counts.set(line, (counts.get(line) ?? 0) + 1);
    // The fan-out and the generations both work on 0 to 2: three numbers run twice by design.
    const planned = new Map(['0', '1', '2', '3', '4', '9'].map((n) => [`work ${n}`, Number(n) <= 2 ? 2 : 1]));
    for (const [line, count] of counts) expect(count, line).toBeLessThanOrEqual((planned.get(line) ?? 0) + 1);
  });
});
