import { randomUUID } from 'node:crypto';
import type { CopyPlan } from '#azure/index.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { createEtags } from '#local/azure/storage/records.ts';
import type { SeededImage } from '#local/azure/storage/seed.ts';
import { seededClientId } from '#local/simulator/compose.ts';
import { connect, type Connection } from '../../../azure/clients/clients.ts';
import { createCopy, type ImageCopy } from '../../../azure/storage/copy.ts';
import { samplePlan } from '../../support/sample-plan.ts';
import type { StorageWorld } from './harness.ts';

export const MiB = 1024 ** 2;

/** A public image of the given data in the given number of pieces. */
export function publicImage(name: string, dataSize: number, fragments: number, diskSize = 1024 ** 3): SeededImage {
  return { account: 'capstanimages', container: 'images', name, diskSize, dataSize, fragments, metadata: {} };
}

export function value<Value extends object>(outcome: Outcome<Value>): Value {
  if (outcome.status !== 'done') throw new Error(JSON.stringify(outcome));
  return outcome.value;
}

export const account = 'stscenes';
const worlds = new WeakMap<StorageWorld, Promise<unknown>>();

/** One copy into a container of its own, with every page write that reached the destination. */
export class CopyScene {
  readonly world: StorageWorld;
  readonly image: SeededImage;
  readonly container: string;
  readonly plan: ClusterPlan;
  /** `[offset, length]` of every page write that was carried out, in order. */
  readonly writes: [number, number][] = [];
  onWrite: () => void = () => undefined;

  private constructor(world: StorageWorld, image: SeededImage, container: string, query: string) {
    this.world = world;
    this.image = image;
    this.container = container;
    this.plan = planOf(container, image, randomUUID(), query);
    this.#watch();
  }

  /** @param query the SAS in the URL of the source, with its question mark */
  static async make(world: StorageWorld, image: SeededImage, query = ''): Promise<CopyScene> {
    const ready = worlds.get(world) ?? world.createAccount(account);
    worlds.set(world, ready);
    await ready;
    const container = `scene-${randomUUID()}`;
    await world.createContainer(account, container);
    return new CopyScene(world, image, container, query);
  }

  /** The same wish by another cluster. */
  planOfAnotherCluster(): ClusterPlan {
    return planOf(this.container, this.image, randomUUID());
  }

  connection(): Connection {
    return connect({
      environment: 'public',
      gatewayUrl: this.world.simulator.url,
      managedIdentityClientId: seededClientId,
    });
  }

  engine(connection = this.connection()): ImageCopy {
    return createCopy(connection);
  }

  /** Copies the rest and returns its plan. */
  async complete(engine = this.engine(), plan = this.plan): Promise<CopyPlan> {
    const copy = value(await engine.plan(plan));
    for (const slice of copy.slices) value(await engine.slice(plan, copy, slice));
    if (!copy.complete) value(await engine.finish(plan, copy));
    return copy;
  }

  sourceFingerprint(): string | undefined {
    return this.world.fingerprint(this.image.account, this.image.container, this.image.name);
  }

  fingerprint(): string | undefined {
    return this.world.fingerprint(account, this.container, this.plan.storage.blob);
  }

  /** Somebody puts a new image in the place of the source. */
  changeSource(): void {
    const { blobs, pages } = this.world.simulator.storage.state;
    const record = blobs.find(this.image)!;
    for (const range of pages.ranges(record.id, { start: 0, end: record.size - 512 })) {
      pages.write(record.id, range.start, Buffer.alloc(4096, Math.floor(Math.random() * 255) + 1), '');
    }
    blobs.update(record, { etag: createEtags()(Date.now()) });
  }

  /** Offsets that were written more than once. */
  repeated(): number[] {
    const offsets = this.writes.map(([offset]) => offset);
    return offsets.filter((offset, index) => offsets.indexOf(offset) !== index);
  }

  #watch(): void {
    const { blobs, pages } = this.world.simulator.storage.state;
    const write = pages.write.bind(pages);
    Object.assign(pages, {
      write: (blob: number, offset: number, data: Buffer, snapshot: string) => {
        write(blob, offset, data, snapshot);
        if (blobs.byId(blob)?.container !== this.container) return;
        this.writes.push([offset, data.length]);
        this.onWrite();
      },
    });
  }
}

function planOf(container: string, image: SeededImage, uid: string, query = ''): ClusterPlan {
  const vhd = `https://${image.account}.blob.core.windows.net/${image.container}/${image.name}${query}`;
  return {
    ...samplePlan({
      spec: { image: { vhd }, storage: { account, container } },
      facts: { storageAccountName: account },
    }),
    uid,
  };
}
