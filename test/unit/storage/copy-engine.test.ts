import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CopyScene, MiB, publicImage, value } from '../../full/storage/copy-world.ts';
import { expectResumed, killedCopy } from '../../full/storage/interrupt.ts';
import { pause, privateImage, StorageWorld, subscription } from '../../full/storage/harness.ts';

/** Azure seconds per second: a lease of a minute lasts for one second. */
const scale = 60;
const images = {
  plain: publicImage('plain-v1.33.4.vhd', 12 * MiB, 14),
  changing: publicImage('changing-v1.33.4.vhd', 8 * MiB, 10),
  fragmented: publicImage('fragmented-v1.33.4.vhd', 8 * MiB, 100, 20 * 1024 * MiB),
  private: privateImage,
};
const world = new StorageWorld();
beforeAll(() => world.start({ images: Object.values(images), timeScale: scale }));
afterAll(() => world.stop());

const pagelist = { service: 'blob', match: { host: 'capstanimages', query: 'comp=pagelist' } };

describe('an interrupted copy', () => {
  it('goes on after SIGKILL inside a slice, and moves at most what was in flight again', async () => {
    const scene = await CopyScene.make(world, images.plain);
    await killedCopy(scene, 1, 2);
    await expectResumed(scene);
  });
});

describe('clusters that want the same image in the same account', () => {
  it('share one copy: the second waits and then finds it complete', async () => {
    const scene = await CopyScene.make(world, images.plain);
    const [first, second] = [scene.engine(), scene.engine()];
    const other = scene.planOfAnotherCluster();
    const copy = value(await first.plan(scene.plan));
    expect(await second.plan(other)).toMatchObject({
      status: 'wait',
      sentence: 'Another cluster is copying the same image: waiting for its copy',
    });
    for (const slice of copy.slices) value(await first.slice(scene.plan, copy, slice));
    value(await first.finish(scene.plan, copy));
    expect(value(await second.plan(other))).toMatchObject({ complete: true, slices: [] });
    expect(scene.repeated()).toEqual([]);
  });

  it('begin at the same moment and copy every byte once', async () => {
    const scene = await CopyScene.make(world, images.plain);
    const work = [scene.plan, scene.planOfAnotherCluster(), scene.planOfAnotherCluster()].map(async (plan) => {
      const engine = scene.engine();
      for (let tries = 0; tries < 200; tries++) {
        const planned = await engine.plan(plan);
        if (planned.status === 'done') {
          const copy = planned.value;
          for (const slice of copy.slices) value(await engine.slice(plan, copy, slice));
          if (!copy.complete) value(await engine.finish(plan, copy));
          return;
        }
        if (planned.status !== 'wait') throw new Error(JSON.stringify(planned));
        await pause((planned.retryAfter * 1000) / scale);
      }
      throw new Error('it never became free');
    });
    await Promise.all(work);
    expect(scene.repeated()).toEqual([]);
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
  });

  it('take over the copy of a cluster that died, from where it stopped', async () => {
    const scene = await CopyScene.make(world, images.plain);
    const [first, second] = [scene.engine(), scene.engine()];
    const other = scene.planOfAnotherCluster();
    const copy = value(await first.plan(scene.plan));
    const [begun, late] = copy.slices;
    value(await first.slice(scene.plan, copy, begun!));
    await pause(1200);
    const rest = await scene.complete(second, other);
    expect(rest.remainingBytes).toBe(copy.totalBytes - begun!.bytes);
    // The one that was thought dead finds the work done and writes nothing.
    const writes = scene.writes.length;
    expect(value(await first.slice(scene.plan, copy, late!))).toMatchObject({ bytes: 0 });
    expect(value(await first.finish(scene.plan, copy)).blobUrl).toBe(copy.blobUrl);
    expect(scene.writes.length).toBe(writes);
    expect(scene.repeated()).toEqual([]);
  });

  it('never write beside the one that holds the copy', async () => {
    const scene = await CopyScene.make(world, images.plain);
    const [first, second] = [scene.engine(), scene.engine()];
    const copy = value(await first.plan(scene.plan));
    const intruder = await second.slice(scene.planOfAnotherCluster(), copy, copy.slices[0]!);
    expect(intruder).toMatchObject({ status: 'wait' });
    expect(scene.writes).toEqual([]);
  });
});

describe('a source that changes during the copy', () => {
  it('ends the run, and the next one starts clean: never a mixed image', async () => {
    const scene = await CopyScene.make(world, images.changing);
    const engine = scene.engine();
    const copy = value(await engine.plan(scene.plan));
    value(await engine.slice(scene.plan, copy, copy.slices[0]!));
    scene.changeSource();
    const second = copy.slices[1]!;
    expect(await engine.slice(scene.plan, copy, second)).toMatchObject({ error: { code: 'CAP-3305' } });
    expect(await engine.finish(scene.plan, copy)).toMatchObject({ error: { code: 'CAP-3305' } });
    const again = await scene.complete(engine);
    expect(again.remainingBytes).toBe(again.totalBytes);
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
  });

  it('is noticed by the operation that would read the new bytes', async () => {
    const scene = await CopyScene.make(world, images.changing);
    const engine = scene.engine();
    const copy = value(await engine.plan(scene.plan));
    scene.onWrite = () => {
      scene.onWrite = () => undefined;
      scene.changeSource();
    };
    const whole = { ...copy.slices[0]!, end: copy.slices.at(-1)!.end };
    expect(await engine.slice(scene.plan, copy, whole)).toMatchObject({ error: { code: 'CAP-3305' } });
    await scene.complete(engine);
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
  });
});

describe('the second way: the storage service copies', () => {
  it('is waited for with progress, compared and marked', async () => {
    const scene = await CopyScene.make(world, images.plain);
    const engine = scene.engine();
    const copy = value(await engine.plan(scene.plan, { method: 'service' }));
    expect(copy).toMatchObject({ method: 'service', slices: [], complete: false });
    const pending = await engine.finish(scene.plan, copy);
    expect(pending).toMatchObject({ status: 'wait', retryAfter: 10, progress: { unit: 'bytes' } });
    let finished = pending;
    for (let tries = 0; tries < 50 && finished.status === 'wait'; tries++) {
      await pause(50);
      finished = await engine.finish(scene.plan, copy);
    }
    expect(value(finished).blobUrl).toBe(copy.blobUrl);
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
    expect(value(await engine.plan(scene.plan))).toMatchObject({ complete: true });
  });

  it('reads a private source with a user-delegation SAS, which it never shows', async () => {
    const scene = await CopyScene.make(world, images.private);
    const engine = scene.engine();
    const copy = value(await engine.plan(scene.plan, { method: 'service' }));
    expect(copy.sourceAccess).toBe('entra');
    let finished = await engine.finish(scene.plan, copy);
    for (let tries = 0; tries < 50 && finished.status === 'wait'; tries++) {
      await pause(50);
      finished = await engine.finish(scene.plan, copy);
    }
    expect(JSON.stringify([copy, value(finished)])).not.toMatch(/sig=|skoid|Bearer/);
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
  });

  it('is aborted on cancel, and the next run starts anew', async () => {
    const scene = await CopyScene.make(world, images.plain);
    const engine = scene.engine();
    const copy = value(await engine.plan(scene.plan, { method: 'service' }));
    value(await engine.abort(scene.plan));
    expect(await engine.finish(scene.plan, copy)).toMatchObject({ status: 'failed' });
    await scene.complete(engine);
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
  });

  it('is aborted only by the cluster that began it; one that waits for it begins it again', async () => {
    const scene = await CopyScene.make(world, images.plain);
    const engine = scene.engine();
    const other = scene.planOfAnotherCluster();
    const copy = value(await engine.plan(scene.plan, { method: 'service' }));
    value(await engine.plan(other, { method: 'service' }));
    expect(value(await engine.abort(other))).toEqual({ aborted: false });
    expect(value(await engine.abort(scene.plan))).toEqual({ aborted: true });
    expect(await engine.finish(other, copy)).toMatchObject({ status: 'failed', error: { code: 'CAP-3309' } });
    await scene.complete(engine, other);
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
  });

  it('is asked for by the request, and never taken when the request asks for ranges', async () => {
    const wish = async (copy: 'service' | 'ranges') => {
      const scene = await CopyScene.make(world, images.plain);
      const spec = { ...scene.plan.spec, image: { ...scene.plan.spec.image, copy } };
      return scene.engine().plan({ ...scene.plan, spec });
    };
    expect(value(await wish('service'))).toMatchObject({ method: 'service', slices: [] });
    await world.fault({
      ...pagelist,
      times: 1,
      action: { kind: 'status', status: 400, code: 'UnsupportedQueryParameter' },
    });
    expect(await wish('ranges')).toMatchObject({ status: 'failed', error: { code: 'CAP-2012' } });
  });

  it('is taken when the source cannot list its ranges', async () => {
    await world.fault({
      ...pagelist,
      times: 1,
      action: { kind: 'status', status: 400, code: 'UnsupportedQueryParameter' },
    });
    const scene = await CopyScene.make(world, images.plain);
    expect(value(await scene.engine().plan(scene.plan))).toMatchObject({ method: 'service' });
  });
});

describe('a fragmented source', () => {
  it('is listed in smaller windows when a listing times out', async () => {
    await world.fault({
      ...pagelist,
      times: 2,
      action: { kind: 'status', status: 500, code: 'OperationTimedOut' },
    });
    const scene = await CopyScene.make(world, images.fragmented);
    const copy = await scene.complete();
    expect(copy).toMatchObject({ method: 'ranges' });
    expect(copy.totalBytes).toBe(8 * MiB + 512);
    expect(JSON.stringify(copy).length).toBeLessThan(2500);
    expect(scene.writes.length).toBe(101);
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
  });
});

describe('a busy destination', () => {
  it('makes the operations come more slowly, and the slice still ends', async () => {
    const scene = await CopyScene.make(world, images.plain);
    const engine = scene.engine();
    const copy = value(await engine.plan(scene.plan));
    await world.fault({
      service: 'blob',
      match: { host: 'stscenes', query: 'comp=page(&|$)' },
      times: 12,
      action: { kind: 'status', status: 503, code: 'ServerBusy' },
    });
    for (const slice of copy.slices) value(await engine.slice(scene.plan, copy, slice));
    value(await engine.finish(scene.plan, copy));
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
  });
});

describe('a source whose account refuses keys', () => {
  it('is read with Entra ID although its URL carries a SAS, when the account is one of an allowed subscription', async () => {
    const { account, container, name } = images.private;
    const query = await world.sasOf(account, container, name);
    const path = `${subscription}/resourceGroups/storage/providers/Microsoft.Storage/storageAccounts/${account}`;
    const allow = (allowSharedKeyAccess: boolean) =>
      world.arm('PATCH', `${path}?api-version=2026-09-01`, { properties: { allowSharedKeyAccess } });
    await allow(false);
    const scene = await CopyScene.make(world, images.private, `?${query}`);
    const copy = await scene.complete();
    await allow(true);
    expect(copy.sourceAccess).toBe('entra');
    expect(scene.fingerprint()).toBe(scene.sourceFingerprint());
  });
});

describe('the probe of preflight', () => {
  it('tells the credential and the data role, and writes nothing', async () => {
    const scene = await CopyScene.make(world, images.plain);
    expect(value(await scene.engine().probe(scene.plan))).toEqual({ credential: 'sas', dataRole: 'sufficient' });
    const refuse = (code: string, times = 1) =>
      world.fault({
        service: 'blob',
        match: { host: 'stscenes' },
        times,
        action: { kind: 'status', status: 403, code },
      });
    await refuse('AuthorizationFailure');
    expect(await scene.engine().probe(scene.plan)).toMatchObject({ error: { code: 'CAP-3303' } });
    await refuse('KeyBasedAuthenticationNotPermitted');
    await refuse('AuthorizationPermissionMismatch');
    expect(value(await scene.engine().probe(scene.plan))).toEqual({
      credential: 'entra',
      reason: 'KeyBasedAuthenticationNotPermitted',
      dataRole: 'missing',
    });
    expect(scene.fingerprint()).toBeUndefined();
  });
});

describe('progress', () => {
  it('is told for every operation of a slice', async () => {
    const scene = await CopyScene.make(world, images.plain);
    const engine = scene.engine();
    const copy = value(await engine.plan(scene.plan));
    let bytes = 0;
    for (const slice of copy.slices) {
      value(await engine.slice(scene.plan, copy, { ...slice, onBytes: (count) => (bytes += count) }));
    }
    expect(bytes).toBe(copy.totalBytes);
  });
});
