import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** Contents of blobs: one sparse file per blob, named by the blob's number. */
export interface BlobFiles {
  create(id: number, size: number): void;
  resize(id: number, size: number): void;
  write(id: number, offset: number, data: Buffer): void;
  /** Fills `target` from `offset`; what lies beyond the end of the file reads as zeros. */
  read(id: number, offset: number, target: Buffer): void;
  remove(id: number): void;
  /** Deletes the files of blobs that no longer exist (left by a kill between two steps). */
  sweep(exists: (id: number) => boolean): void;
  close(): void;
}

const openLimit = 64;

/** Opens the folder that holds the contents. Reads and writes are synchronous and at most 4 MiB, so they stay in order. */
export function openBlobFiles(directory: string): BlobFiles {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const descriptors = new Map<number, number>();
  const path = (id: number): string => join(directory, `${id}.bin`);
  const forget = (id: number): void => {
    const descriptor = descriptors.get(id);
    if (descriptor !== undefined) closeSync(descriptor);
    descriptors.delete(id);
  };
  const open = (id: number, flags: string): number => {
    const known = descriptors.get(id);
    if (known !== undefined) return known;
    const oldest = descriptors.keys().next();
    if (descriptors.size >= openLimit && oldest.done !== true) forget(oldest.value);
    const descriptor = openSync(path(id), flags, 0o600);
    descriptors.set(id, descriptor);
    return descriptor;
  };
  return {
    create(id, size) {
      forget(id);
      ftruncateSync(open(id, 'w+'), size);
    },
    resize: (id, size) => ftruncateSync(open(id, 'r+'), size),
    write(id, offset, data) {
      const descriptor = open(id, 'r+');
      let done = 0;
      while (done < data.length) done += writeSync(descriptor, data, done, data.length - done, offset + done);
    },
    read(id, offset, target) {
      const descriptor = open(id, 'r+');
      let done = 0;
      while (done < target.length) {
        const count = readSync(descriptor, target, done, target.length - done, offset + done);
        if (count === 0) {
          target.fill(0, done);
          return;
        }
        done += count;
      }
    },
    remove(id) {
      forget(id);
      rmSync(path(id), { force: true });
    },
    sweep(exists) {
      for (const file of readdirSync(directory)) {
        const id = Number(/^(\d+)\.bin$/.exec(file)?.[1]);
        if (Number.isInteger(id) && !exists(id)) rmSync(join(directory, file), { force: true });
      }
    },
    close() {
      for (const id of descriptors.keys()) forget(id);
    },
  };
}
