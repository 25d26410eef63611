import { createHash } from 'node:crypto';
import { transaction } from './database.ts';
import type { StorageState } from './context.ts';
import type { Interval } from './intervals.ts';

/** One image that stands in the simulated Azure from the start. */
export interface SeededImage {
  readonly account: string;
  readonly container: string;
  readonly name: string;
  /** Size of the disk without its footer, in bytes. */
  readonly diskSize: number;
  /** Bytes of data, spread over so many fragments. */
  readonly dataSize: number;
  readonly fragments: number;
  readonly metadata: Readonly<Record<string, string>>;
}

const MiB = 1024 * 1024;
const GiB = 1024 * MiB;
const block = 64 * 1024;

/** The public base images (accounts, names and sizes are fixed; the start command and the samples name them). */
export const seededImages: readonly SeededImage[] = [
  {
    account: 'capstanimages',
    container: 'images',
    name: 'ubuntu-2404-v1.33.4.vhd',
    diskSize: 30 * GiB,
    dataSize: 24 * MiB,
    fragments: 40,
    metadata: { kubernetesversion: 'v1.33.4' },
  },
  {
    account: 'capstanimages',
    container: 'images',
    name: 'ubuntu-2404-v1.34.1.vhd',
    diskSize: 30 * GiB,
    dataSize: 2 * MiB,
    fragments: 8,
    metadata: { kubernetesversion: 'v1.34.1' },
  },
  {
    account: 'capstanimages',
    container: 'images',
    name: 'ubuntu-2404-v1.35.0.vhd',
    diskSize: 30 * GiB,
    dataSize: 2 * MiB,
    fragments: 8,
    metadata: { kubernetesversion: 'v1.35.0' },
  },
];

function checksum(footer: Buffer): number {
  let sum = 0;
  for (const byte of footer) sum += byte;
  return ~sum >>> 0;
}

/** Cylinders, heads and sectors of a disk as the VHD specification computes them. */
function geometry(diskSize: number): { readonly cylinders: number; readonly heads: number; readonly sectors: number } {
  const total = Math.min(diskSize / 512, 65_535 * 16 * 255);
  if (total >= 65_535 * 16 * 63) return { cylinders: Math.floor(total / 255 / 16), heads: 16, sectors: 255 };
  return { cylinders: Math.floor(total / 63 / 16), heads: 16, sectors: 63 };
}

/**
 * The 512-byte footer of a fixed VHD (Virtual Hard Disk Image Format Specification: cookie `conectix`, big endian,
 * disk type 2, one's complement checksum).
 */
export function vhdFooter(diskSize: number, uniqueId: Buffer): Buffer {
  const footer = Buffer.alloc(512);
  footer.write('conectix', 0, 'latin1');
  footer.writeUInt32BE(2, 8);
  footer.writeUInt32BE(0x0001_0000, 12);
  footer.writeBigUInt64BE(0xffff_ffff_ffff_ffffn, 16);
  footer.writeUInt32BE(0x2b00_0000, 24);
  footer.write('cpst', 28, 'latin1');
  footer.writeUInt32BE(0x0001_0000, 32);
  footer.write('Wi2k', 36, 'latin1');
  footer.writeBigUInt64BE(BigInt(diskSize), 40);
  footer.writeBigUInt64BE(BigInt(diskSize), 48);
  const { cylinders, heads, sectors } = geometry(diskSize);
  footer.writeUInt16BE(cylinders, 56);
  footer.writeUInt8(heads, 58);
  footer.writeUInt8(sectors, 59);
  footer.writeUInt32BE(2, 60);
  uniqueId.copy(footer, 68, 0, 16);
  footer.writeUInt32BE(checksum(footer), 64);
  return footer;
}

/** So many pseudo-random bytes that depend on the seed only (xorshift): the same image in every installation. */
function pseudoRandom(length: number, seed: number): Buffer {
  const words = new Int32Array(length / 4);
  let x = seed | 1;
  for (let i = 0; i < words.length; i += 1) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    words[i] = x;
  }
  return Buffer.from(words.buffer);
}

/** Where the data of an image lies: fragments of unequal length, spread over the disk, aligned to 64 KiB. */
export function layout(image: SeededImage): readonly Interval[] {
  const blocks = image.dataSize / block;
  const stride = Math.floor(image.diskSize / image.fragments / block) * block;
  const weights = Array.from({ length: image.fragments }, (_, i) => 1 + ((i * 7) % 5));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let weighed = 0;
  let laid = 0;
  return weights.map((weight, i) => {
    weighed += weight;
    // Rounded over the sum, so that no fragment has to take up what the others lost.
    const count = Math.max(1, Math.floor((blocks * weighed) / total) - laid);
    laid += count;
    return { start: i * stride, end: i * stride + count * block };
  });
}

function seedImage(state: StorageState, image: SeededImage): void {
  const { account, container, name, metadata } = image;
  const size = image.diskSize + 512;
  const digest = createHash('sha256').update(name).digest();
  const now = state.clock.now();
  const fragments = layout(image);
  transaction(state.database, () => {
    const record = state.blobs.insert({
      account,
      container,
      name,
      snapshot: '',
      type: 'PageBlob',
      size,
      etag: state.newEtag(now),
      created: now,
      modified: now,
      sequence: 0,
      headers: { 'content-type': 'application/octet-stream' },
      metadata,
      copy: undefined,
      lease: undefined,
    });
    state.files.create(record.id, size);
    const insert = state.database.prepare('INSERT INTO ranges VALUES (?, ?, ?)');
    for (const [index, { start, end }] of fragments.entries()) {
      const data = pseudoRandom(end - start, digest.readInt32LE(0) + index * 2_654_435);
      state.files.write(record.id, start, data);
      insert.run(record.id, start, end);
    }
    state.files.write(record.id, image.diskSize, vhdFooter(image.diskSize, digest.subarray(0, 16)));
    insert.run(record.id, image.diskSize, size);
  });
}

/** Puts the seeded containers and images where they are missing; what is there stays as it is. */
export function seedStorage(state: StorageState, images: readonly SeededImage[] = seededImages): void {
  const container = (account: string, name: string, publicAccess: 'None' | 'Blob'): void => {
    if (state.containers.find(account, name) !== undefined) return;
    const now = state.clock.now();
    state.containers.put({
      account,
      name,
      publicAccess,
      etag: state.newEtag(now),
      modified: now,
      metadata: {},
      deletedAt: undefined,
    });
  };
  container('corpimages0001', 'images', 'None');
  for (const image of images) {
    container(image.account, image.container, 'Blob');
    if (state.blobs.find(image) === undefined) seedImage(state, image);
  }
}
