/** A process that writes pages until it is killed, and names each write that was acknowledged. */
import { writeSync } from 'node:fs';
import { join } from 'node:path';
import { openBlobs } from '#local/azure/storage/catalogue.ts';
import { openDatabase, storageSchema } from '#local/azure/storage/database.ts';
import { openBlobFiles } from '#local/azure/storage/files.ts';
import { openPageMap } from '#local/azure/storage/pages.ts';

const directory = process.argv[2] ?? '';
const database = openDatabase(join(directory, 'storage.db'), storageSchema);
const files = openBlobFiles(join(directory, 'contents'));
const pages = openPageMap(database, files);
const { id } = openBlobs(database).insert({
  account: 'a',
  container: 'c',
  name: 'b',
  snapshot: '',
  type: 'PageBlob',
  size: 1024 ** 3,
  etag: '',
  created: 0,
  modified: 0,
  sequence: 0,
  headers: {},
  metadata: {},
  copy: undefined,
  lease: undefined,
});
files.create(id, 1024 ** 3);
for (let i = 0; ; i += 1) {
  const offset = i * 131_072;
  pages.write(id, offset, Buffer.alloc(65_536, (i % 255) + 1), '');
  // Throws when nobody reads any more: the process never outlives its test.
  writeSync(1, `${offset}\n`);
}
