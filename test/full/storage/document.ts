import { readFileSync } from 'node:fs';
import path from 'node:path';
import { matrixTable } from './matrix.ts';

const begin = /<!-- matrix:[^>]*-->/;
const end = '<!-- /matrix -->';

/** docs/storage.md with the table of the matrix as the tests have it; what people write around it stays. */
export function storageDocument(): string {
  const file = path.join(import.meta.dirname, '../../../docs/storage.md');
  const text = readFileSync(file, 'utf8');
  const opening = begin.exec(text);
  const close = text.indexOf(end);
  if (opening === null || close < 0) throw new Error('docs/storage.md has no place for the matrix');
  const head = text.slice(0, opening.index + opening[0].length);
  return `${head}\n\n${matrixTable()}\n\n${text.slice(close)}`;
}
