import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { scenes, stories } from './scenes/all.ts';

/** Each change is played in one process on virtual time, the app dead for a quarter of an hour in the middle of it. */
const results = new Map<string, string | undefined>();

beforeAll(async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(import.meta.dirname, 'scenes-runner.ts')], {
    maxBuffer: 2 ** 24,
  });
  for (const line of stdout.trim().split('\n')) {
    const { name, failure } = JSON.parse(line) as { name: string; failure?: string };
    results.set(name, failure);
  }
}, 300_000);

describe('a running cluster whose app dies in the middle of a change', () => {
  it.each(scenes.map(({ name }) => name))('gets %s', (name) => {
    expect(results.has(name)).toBe(true);
    expect(results.get(name)).toBeUndefined();
  });
});

describe('a life that does not go straight', () => {
  it.each(stories.map(({ name }) => name))('%s', (name) => {
    expect(results.has(name)).toBe(true);
    expect(results.get(name)).toBeUndefined();
  });
});
