import { spawnSync } from 'node:child_process';
import path from 'node:path';

/** The gate: format, types, type-aware lint, fences, dead code, duplication, generated files. Runs all, reports all. */
const root = path.dirname(import.meta.dirname);

const checks: readonly (readonly [string, string, readonly string[]])[] = [
  ['format', 'biome', ['format', '.']],
  ['types', 'tsc', ['--noEmit']],
  ['lint', 'oxlint', ['--type-aware', '--deny-warnings']],
  ['fences', 'node', ['scripts/fences.ts']],
  ['dead code', 'knip', []],
  ['duplication', 'jscpd', ['--config', '.jscpd.json', '.']],
  ['generated files', 'node', ['scripts/generate.ts', '--check']],
];

const failed: string[] = [];
for (const [name, command, args] of checks) {
  const started = performance.now();
  const result = spawnSync(path.join(root, 'node_modules/.bin', command), args, { cwd: root, encoding: 'utf8' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const ok = result.status === 0;
  console.log(`${ok ? '✔' : '✖'} ${name} (${seconds} s)`);
  if (!ok) {
    failed.push(name);
    console.log(`${result.stdout}\n${result.stderr}`);
  }
}
if (failed.length > 0) {
  console.error(`failed: ${failed.join(', ')}`);
  process.exitCode = 1;
}
