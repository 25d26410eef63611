import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { matrixTable } from './matrix.ts';

const begin = /<!-- matrix:[^>]*-->/;
const end = '<!-- /matrix -->';

const file = path.join(import.meta.dirname, '../../../docs/storage.md');

/** docs/storage.md with the table of the matrix as the tests have it; what people write around it stays. */
export function storageDocument(): string {
  const text = readFileSync(file, 'utf8');
  const opening = begin.exec(text);
  const close = text.indexOf(end);
  if (opening === null || close < 0) throw new Error('docs/storage.md has no place for the matrix');
  const head = text.slice(0, opening.index + opening[0].length);
  return `${head}\n\n${matrixTable()}\n\n${text.slice(close)}`;
}

// `node test/full/storage/document.ts [--check]` writes the table, or tells whether it is up to date.
if (import.meta.main) {
  const text = storageDocument();
  const stale = readFileSync(file, 'utf8') !== text;
  if (stale && process.argv.includes('--check')) process.exitCode = 1;
  else if (stale) writeFileSync(file, text);
  console.log(stale ? 'docs/storage.md was not up to date' : 'docs/storage.md is up to date');
}
