import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { storageDocument } from './document.ts';

/** Writes the table of the storage matrix into docs/storage.md; `--check` only tells whether it is up to date. */
const file = path.join(import.meta.dirname, '../../../docs/storage.md');
const text = storageDocument();
const stale = readFileSync(file, 'utf8') !== text;
if (stale && process.argv.includes('--check')) {
  console.error('docs/storage.md is not up to date: run node test/full/storage/generate.ts');
  process.exitCode = 1;
} else if (stale) {
  writeFileSync(file, text);
}
