import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

/** More clusters in one group than what they share has room for: 50 tags, one for each user. On virtual time. */
const runner = path.join(import.meta.dirname, 'shares-runner.ts');

interface Result {
  readonly built: Readonly<Record<string, number>>;
  readonly deleted: Readonly<Record<string, number>>;
  /** Users by the shared resource. */
  readonly shared: Readonly<Record<string, readonly string[]>>;
  readonly moves: { readonly most: number; readonly all: number };
  /** Inventory rows of what was left. */
  readonly left: number;
  /** Tags of the clusters after they were deleted. */
  readonly tags: readonly string[];
  /** What is in Azure after they were deleted and was not before. */
  readonly stays: readonly string[];
  readonly secrets: readonly string[];
  readonly unmodelled: readonly unknown[];
}

async function run(...args: string[]): Promise<Result> {
  const flags = ['--disable-warning=ExperimentalWarning', '--disable-warning=DEP0204'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, runner, ...args], { maxBuffer: 2 ** 26 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Result;
}

/** Sizes of the groups that share a kind of thing, largest first. */
const sizes = ({ shared }: Result, type: string) =>
  Object.entries(shared)
    .flatMap(([name, users]) => (name.startsWith(`${type}/`) ? [users.length] : []))
    .toSorted((a, b) => b - a);

const clean = { tags: [], stays: [], secrets: [], unmodelled: [], left: 0 };

describe('clusters beyond the room of what they share', { timeout: 900_000 }, () => {
  it('that begin at the same moment all become Ready, on the next account and image; deleted, they leave nothing', async () => {
    const result = await run('--clusters', '53');
    expect(result).toMatchObject({ built: { Ready: 53 }, deleted: { Deleted: 53 }, ...clean });
    // 50 tags: the mark of Capstan, one of the user, 48 users.
    expect(sizes(result, 'storageAccounts')).toEqual([48, 5]);
    expect(sizes(result, 'images')).toEqual([48, 5]);
    // Who shares an account shares the image of its copy: nobody had to move twice.
    expect(result.moves.most).toBe(1);
  });

  it('race for the last place, and go on by themselves when they lose it', async () => {
    const result = await run('--clusters', '3', '--room', '1');
    expect(result).toMatchObject({ built: { Ready: 3 }, deleted: { Deleted: 3 }, ...clean, stays: expect.any(Array) });
    // What the other users hold stays; of the next account and image nothing does.
    expect(new Set(result.stays.map((name) => name.split('/')[0]))).toEqual(new Set(['images', 'storageAccounts']));
    expect(result.stays).toHaveLength(2);
    expect(sizes(result, 'storageAccounts')).toEqual([48, 1]);
    // Who shares an account shares the image of its copy: one move was enough.
    expect(sizes(result, 'images')).toEqual([48, 1]);
    expect(result.moves).toEqual({ most: 1, all: 1 });
  });

  it('leave what they had joined when a later part is full', async () => {
    const result = await run('--clusters', '3', '--room', '1', '--disk');
    // Other users hold the full image still; of the clusters nothing is there.
    expect(result).toMatchObject({ built: { Ready: 3 }, deleted: { Deleted: 3 }, ...clean, stays: expect.any(Array) });
    expect(result.stays).toEqual([expect.stringMatching(/^images\/[^/]*[a-z]$/)]);
    expect(sizes(result, 'storageAccounts')).toEqual([3]);
    // One of two wins the last place in the image. The other had joined its disk, and left it for a disk of its own.
    expect(sizes(result, 'disks')).toEqual([2, 1]);
    expect(sizes(result, 'images')).toEqual([48, 1]);
    expect(result.moves).toEqual({ most: 1, all: 1 });
  });

  it('go on to the next one at once where there is no room from the beginning', async () => {
    const result = await run('--clusters', '3', '--room', '0', '--disk');
    expect(result).toMatchObject({
      built: { Ready: 3 },
      deleted: { Deleted: 3 },
      tags: [],
      moves: { most: 0, all: 0 },
    });
    // Two clusters wrote the next disk side by side.
    expect(sizes(result, 'disks')).toEqual([2, 1]);
    expect(sizes(result, 'images')).toEqual([48, 2]);
  });
});
