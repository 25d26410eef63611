import assert from 'node:assert/strict';
import type { AnyDocument } from '#domain/managed/types.ts';
import type { StepId } from '#domain/steps.ts';
import { startAction } from '#services/actions.ts';
import { sampleDocument } from '../../../support/sample-plan.ts';
import type { VirtualProcess, VirtualWorld } from '../../../support/virtual.ts';
import { cluster, deleteAll, prepare, storyOf } from '../../azure/matrix.ts';
import type { Scene } from './scene.ts';
import { small } from './stage.ts';
import type { Story } from './stories.ts';

/** Plays one story in a world of its own, and deletes its cluster. @throws Error when the promise is not kept */
export async function playStory(virtual: VirtualProcess, { name, play }: Story): Promise<void> {
  const { world, before } = await prepare(virtual, name);
  const apply = async (document: AnyDocument) => {
    await world.apply(document as never);
    const { phase, head } = await world.settled(cluster);
    return [phase, head.operation.error?.code] as const;
  };
  try {
    await play({
      world,
      document: (patch = {}) => sampleDocument({ ...small, ...patch }, cluster),
      apply,
      async stopIn(document, step, holds = async () => true) {
        await world.apply(document as never);
        const runs = async () =>
          (await world.store.clusters.step(cluster, step))?.state === 'running' && (await holds());
        await world.until(runs, step, 7200);
        await world.cancel(cluster, 'keep');
        assert.equal((await world.settled(cluster)).head.operation.error?.code, 'CAP-9005');
      },
    });
    assert.equal(await deleteAll(world, before), '');
    assert.deepEqual(await world.unmodelled(), []);
  } finally {
    await world.close();
  }
}

/** Plays one scene in a world of its own. @throws Error when the promise is not kept */
export async function playScene(virtual: VirtualProcess, scene: Scene): Promise<void> {
  const { world, before } = await prepare(virtual, scene.name);
  const document = (patch: object, tags?: Readonly<Record<string, string>>): AnyDocument => {
    const made = sampleDocument({ ...small, ...patch }, cluster);
    return tags === undefined ? made : { ...made, metadata: { ...made.metadata, tags: { ...tags } } };
  };
  const ready = async () => {
    const { phase, head } = await world.settled(cluster);
    assert.equal(phase, 'Ready', `${head.operation.error?.code}\n${await storyOf(world)}`);
  };
  try {
    await world.apply(document(scene.before) as never);
    await ready();
    const noted = await scene.note?.(world);
    for (const change of scene.changes) {
      const { to, tags, diesIn } = change;
      dieOnce(world, diesIn);
      if (to === 'renew') await startAction(world.dependencies, `renew-${virtual.now()}`, cluster, 'renew');
      else await world.apply(document(to, tags) as never);
      await world.until(() => world.host.isAway, 'the middle of the change', 3600);
      const back = virtual.now() + 900_000;
      await world.until(() => virtual.now() >= back, 'a quarter of an hour', 1000);
      world.host.comeBack();
      await ready();
      await change.look(world, noted);
    }
    assert.equal(await deleteAll(world, before), '');
    assert.deepEqual(await world.unmodelled(), []);
  } finally {
    await world.close();
  }
}

/** Lets the app die after the first call of the step, or without one after the sixth call. */
function dieOnce({ host }: VirtualWorld, diesIn: StepId | undefined): void {
  let calls = 0;
  let died = false;
  host.onActivity(async (call, run) => {
    const outcome = await run();
    calls += 1;
    if (!died && (diesIn === undefined ? calls === 6 : call.input['step'] === diesIn)) {
      died = true;
      host.goAway();
    }
    return outcome;
  });
}
