import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CopyScene, MiB, publicImage } from './copy-world.ts';
import { StorageWorld } from './harness.ts';
import { expectResumed, killedCopy } from './interrupt.ts';

const image = publicImage('killed-v1.33.4.vhd', 64 * MiB, 60);
const world = new StorageWorld();
beforeAll(() => world.start({ images: [image] }));
afterAll(() => world.stop());

describe('a copy that is killed with SIGKILL', () => {
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('before slice %i goes on where it stopped', async (slices) => {
    const scene = await CopyScene.make(world, image);
    expect(await killedCopy(scene, slices)).toBeGreaterThanOrEqual(8);
    await expectResumed(scene);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('inside slice %i goes on where it stopped', async (slices) => {
    const scene = await CopyScene.make(world, image);
    await killedCopy(scene, slices, 1 + (slices % 5));
    await expectResumed(scene);
  });

  it('again and again comes to its end', async () => {
    const scene = await CopyScene.make(world, image);
    for (let round = 0; round < 6; round++) await killedCopy(scene, 0, 3);
    await expectResumed(scene);
    expect(scene.writes.length).toBeGreaterThan(18);
  });
});
