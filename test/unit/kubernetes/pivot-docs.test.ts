import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { componentVersions } from '#domain/cluster-api/versions.ts';

const root = join(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/pivot.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split('|').map((cell) => cell.trim()));

test('every risk R1 to R10 names lines and tests that exist', () => {
  const risks = rows.filter((cells) => /^R\d+ /.test(cells[1]!));
  expect(risks.map((cells) => cells[1]!.split(' ')[0])).toEqual(
    Array.from({ length: 10 }, (_, index) => `R${index + 1}`),
  );
  for (const [, risk, prevented, proven] of risks) {
    for (const part of `${prevented}; ${proven}`.split('; ')) {
      const [, file, text] = /^`([^`]+)` `([^`]+)`$/.exec(part) ?? [];
      expect(file, `${risk}: ${part}`).toBeDefined();
      expect(readFileSync(join(root, file!), 'utf8'), `${risk}: ${part}`).toContain(text);
    }
  }
});

test('the table of components is the one of GET /api/versions', () => {
  const table = rows.map((cells) => cells.slice(1, 4).join(' | '));
  for (const { name, version, purpose } of componentVersions)
    expect(table).toContain(`${name} | ${version} | ${purpose}`);
});
