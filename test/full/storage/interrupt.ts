import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { CopyScene } from './copy-world.ts';

const runner = fileURLToPath(new URL('../../unit/storage/copy-runner.ts', import.meta.url));

/** Operations that one slice has in flight. */
const inFlight = 8;

function start(scene: CopyScene): ChildProcess {
  return spawn(process.execPath, [runner, scene.world.simulator.url, JSON.stringify(scene.plan)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
}

/** Lines of the child as they come. */
async function* lines(child: ChildProcess): AsyncGenerator<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    const parts = text.split('\n');
    text = parts.pop() ?? '';
    yield* parts;
  }
}

/**
 * Runs the copy in another process and kills it with SIGKILL: before it begins slice `slices`, or inside of it after
 * `writes` more page writes.
 *
 * @returns how many slices the plan had
 */
export async function killedCopy(scene: CopyScene, slices: number, writes?: number): Promise<number> {
  const child = start(scene);
  const gone = once(child, 'close');
  let planned = 0;
  let finished = -1;
  for await (const line of lines(child)) {
    const [word, count] = line.split(' ');
    if (word === 'planned') planned = Number(count);
    finished++;
    if (finished < slices) {
      child.stdin?.write('go\n');
    } else if (writes === undefined || finished >= planned) {
      child.kill('SIGKILL');
    } else {
      const limit = scene.writes.length + writes;
      scene.onWrite = () => {
        if (scene.writes.length >= limit) child.kill('SIGKILL');
      };
      child.stdin?.write('go\n');
    }
  }
  await gone;
  scene.onWrite = () => undefined;
  return planned;
}

/** Resumes after a kill and checks the promise: only interrupted operations are moved again, and the copy is byte-equal. */
export async function expectResumed(scene: CopyScene): Promise<void> {
  const before = scene.writes.reduce((sum, [, length]) => sum + length, 0);
  const copy = await scene.complete();
  const moved = scene.writes.reduce((sum, [, length]) => sum + length, 0);
  expect(scene.repeated().length).toBeLessThanOrEqual(inFlight);
  expect(copy.remainingBytes).toBeGreaterThanOrEqual(copy.totalBytes - before);
  expect(moved).toBeLessThanOrEqual(copy.totalBytes + inFlight * 4 * 1024 ** 2);
  expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
}
