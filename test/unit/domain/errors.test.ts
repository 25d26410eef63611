import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { errorRegistry } from '#domain/errors/registry.ts';

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
const codesOnPage = new Set(page.match(/CAP-\d{4}/gu));

it('docs/errors.md has every code of the registry with its cause and remedy, and no other code', () => {
  const plain = (text: string) => text.replaceAll('|', '\\|');
  for (const [code, entry] of Object.entries(errorRegistry)) {
    expect(page, code).toContain(code);
    for (const text of [entry.title, entry.cause, entry.remedy]) {
      expect(text.length, code).toBeGreaterThan(3);
      expect(page, code).toContain(plain(text));
    }
  }
  expect([...codesOnPage].filter((code) => !(code in errorRegistry))).toEqual([]);
});
