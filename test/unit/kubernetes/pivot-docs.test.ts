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

/** Every part of a cell names a file and a text in it. */
function expectNamed(cell: string, where: string): void {
  for (const part of cell.split('; ')) {
    const [, file, text] = /^`([^`]+)` `([^`]+)`$/.exec(part) ?? [];
    expect(file, `${where}: ${part}`).toBeDefined();
    expect(readFileSync(join(root, file!), 'utf8'), `${where}: ${part}`).toContain(text);
  }
}

test('every risk R1 to R10 names lines and tests that exist', () => {
  const risks = rows.filter((cells) => /^R\d+ /.test(cells[1]!));
  expect(risks.map((cells) => cells[1]!.split(' ')[0])).toEqual(
    Array.from({ length: 10 }, (_, index) => `R${index + 1}`),
  );
  for (const [, risk, prevented, proven] of risks) expectNamed(`${prevented}; ${proven}`, risk!);
});

test('every trap names a test that plants it', () => {
  const chapter = page.slice(page.indexOf('## Traps'), page.indexOf('## Export'));
  const traps = chapter.split('\n').filter((line) => /^\| (?!trap|-)/.test(line));
  expect(traps.length).toBeGreaterThan(20);
  for (const line of traps) {
    const [, trap, planted] = line.split('|').map((cell) => cell.trim());
    expectNamed(planted!, trap!);
  }
});

test('the table of components is the one of GET /api/versions', () => {
  const table = rows.map((cells) => cells.slice(1, 4).join(' | '));
  for (const { name, version, purpose } of componentVersions)
    expect(table).toContain(`${name} | ${version} | ${purpose}`);
});
