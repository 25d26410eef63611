import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { totalLength } from '#local/azure/storage/intervals.ts';
import type { SeededImage } from '#local/azure/storage/seed.ts';
import { seededClientId } from '#local/simulator/compose.ts';
import { StorageWorld } from '../../test/full/storage/harness.ts';
import { samplePlan } from '../../test/support/sample-plan.ts';

/**
 * `npm run bench:image [-- --json FILE] [--data MiB] [--runs N]`: copies a 30 GiB sparse image with fragmented data on the
 * simulated storage, which refuses what is above the rates of a page blob (60 MiB or 500 requests a second), in real
 * time. Prints the median of the runs. The bytes are those that the storage carried out, not those that were planned.
 */
const { values } = parseArgs({
  options: {
    json: { type: 'string' },
    data: { type: 'string', default: '256' },
    runs: { type: 'string', default: '3' },
  },
});
const MiB = 1024 ** 2;
const dataSize = Number(values.data) * MiB;
const image: SeededImage = {
  account: 'capstanimages',
  container: 'images',
  name: 'bench-v1.33.4.vhd',
  diskSize: 30 * 1024 * MiB,
  dataSize,
  fragments: Math.round(dataSize / MiB) * 2,
  metadata: {},
};

interface Result {
  readonly bytesMoved: number;
  readonly bytesNonZero: number;
  readonly operations: number;
  /** Requests that the storage refused with 503. */
  readonly refused: number;
  readonly seconds: number;
  readonly rssAboveBaseMiB: number;
}

const world = new StorageWorld();
await world.start({ images: [image], timeScale: 1, throttle: true });
const { storage, log, url } = world.simulator;
const sourceBlob = storage.state.blobs.find(image);
if (sourceBlob === undefined) throw new Error('the image was not put in place');
const bytesNonZero = totalLength(storage.state.pages.ranges(sourceBlob.id, { start: 0, end: sourceBlob.size }));
const source = world.fingerprint(image.account, image.container, image.name);
const account = 'corpimages0001';

/** Bytes and operations that reached the destination. */
const moved = { bytes: 0, operations: 0 };
const write = storage.state.pages.write.bind(storage.state.pages);
Object.assign(storage.state.pages, {
  write(blob: number, offset: number, data: Buffer, snapshot: string) {
    write(blob, offset, data, snapshot);
    moved.bytes += data.length;
    moved.operations += 1;
  },
});

async function run(): Promise<Result> {
  const container = `bench-${randomUUID()}`;
  storage.dataPlane.createContainer(account, container, 'None');
  const vhd = `https://${image.account}.blob.core.windows.net/${image.container}/${image.name}`;
  const plan = {
    ...samplePlan({
      spec: { image: { vhd }, storage: { account, container, resourceGroup: 'storage' } },
      facts: { storageAccountName: account },
    }),
    uid: randomUUID(),
  };
  Object.assign(moved, { bytes: 0, operations: 0 });
  const seen = log.entries().at(-1)?.seq ?? 0;
  const child = fileURLToPath(new URL('./copy-process.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [child, url, seededClientId, JSON.stringify(plan)]);
  const { seconds, rssAboveBaseMiB } = JSON.parse(stdout) as Pick<Result, 'seconds' | 'rssAboveBaseMiB'>;
  if (world.fingerprint(account, container, plan.storage.blob) !== source)
    throw new Error('the copy is not byte-equal');
  const refused = log.entries().filter((entry) => entry.seq > seen && entry.status === 503).length;
  storage.dataPlane.deleteContainer(account, container);
  return { bytesMoved: moved.bytes, bytesNonZero, operations: moved.operations, refused, seconds, rssAboveBaseMiB };
}

const results: Result[] = [];
try {
  for (let i = 0; i < Number(values.runs); i++) results.push(await run());
} finally {
  await world.stop();
}
const middle = [...results].sort((a, b) => a.seconds - b.seconds)[Math.floor(results.length / 2)];
if (middle === undefined) throw new Error('--runs must be at least 1');
const median: Result = {
  ...middle,
  seconds: Number(middle.seconds.toFixed(2)),
  rssAboveBaseMiB: Number(Math.max(...results.map((result) => result.rssAboveBaseMiB)).toFixed(1)),
};
const text = JSON.stringify(median);
console.log(text);
if (values.json !== undefined) writeFileSync(values.json, `${text}\n`);
if (median.bytesMoved / median.bytesNonZero > 1.01 || median.rssAboveBaseMiB >= 150) {
  console.error('over the bounds: bytes moved / non-zero bytes <= 1.01, memory above base < 150 MiB');
  process.exitCode = 1;
}
