import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openDatabase, storageSchema } from '#local/azure/storage/database.ts';
import { openBlobFiles } from '#local/azure/storage/files.ts';
import { openPageMap } from '#local/azure/storage/pages.ts';
import { temporaryDirectory } from './helpers.ts';

test('after kill -9 every acknowledged page is there, and no recorded range is without its data', async () => {
  const directory = temporaryDirectory();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'page-writer.ts'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (text.length > 2000) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const acknowledged = text.split('\n').slice(0, -1).map(Number);
  expect(acknowledged.length).toBeGreaterThan(50);

  const database = openDatabase(join(directory, 'storage.db'), storageSchema);
  const files = openBlobFiles(join(directory, 'contents'));
  const pages = openPageMap(database, files);
  const recorded = pages.ranges(1, { start: 0, end: 1024 ** 3 });
  const starts = new Set(recorded.map((range) => range.start));
  expect(acknowledged.filter((offset) => !starts.has(offset))).toEqual([]);
  for (const range of recorded) {
    const value = ((range.start / 131_072) % 255) + 1;
    expect(pages.read(1, range).equals(Buffer.alloc(65_536, value))).toBe(true);
  }
  database.close();
  files.close();
});
