import { z } from 'zod';
import type { StorageAccountView } from '../../service.ts';
import { diskBlob } from '../../storage/control.ts';
import { signedBlobQuery } from '../../storage/sas.ts';
import { ArmError, emptyReply, invalidParameter, jsonReply } from '../engine/errors.ts';
import { at, type JsonObject, number, text } from '../engine/json.ts';
import type { Action, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { locationOf } from '../engine/view.ts';

/**
 * Direct upload of a disk (`createOption: Upload`): empty, then written through a SAS, then ready. Both actions answer at
 * once; the real ones are long operations that end within seconds.
 */
type Phase = 'ReadyToUpload' | 'ActiveUpload' | 'done';

/** What is kept of a new disk for upload; undefined for other disks. */
export function uploadOf(world: World, properties: JsonObject): JsonObject | undefined {
  if (text(at(properties, 'creationData', 'createOption')) !== 'Upload') return undefined;
  const size = number(at(properties, 'creationData', 'uploadSizeBytes')) ?? 0;
  if (size % 512 !== 0 || size <= 512) {
    throw invalidParameter(
      'disk.creationData.uploadSizeBytes',
      'A disk for upload needs uploadSizeBytes: the size of a VHD with its footer of 512 bytes.',
    );
  }
  const storage = `md-${world.random.uuid().replaceAll('-', '').slice(0, 12)}`;
  const key = Buffer.from(world.random.filler(64, 'disk key', storage)).toString('base64');
  return { upload: 'ReadyToUpload' satisfies Phase, storage, key, size };
}

/** State of the upload; undefined when there is none, or none any more. */
export function uploadState(disk: Resource): 'ReadyToUpload' | 'ActiveUpload' | undefined {
  const phase = text(disk.hidden['upload']);
  return phase === 'ReadyToUpload' || phase === 'ActiveUpload' ? phase : undefined;
}

/** The page blob behind a disk for upload. */
export function prepareUpload(world: World, disk: Resource): void {
  const storage = text(disk.hidden['storage']);
  if (storage !== undefined) world.storage.createDisk(storage, number(disk.hidden['size']) ?? 0);
}

export function removeUpload(world: World, disk: Resource): void {
  const storage = text(disk.hidden['storage']);
  if (storage !== undefined) world.storage.deleteAccount(storage);
}

const accessSchema = z.object({ access: z.literal('Write'), durationInSeconds: z.int().min(1) });

export const beginGetAccess: Action = (world, disk, { body }) => {
  const storage = text(disk.hidden['storage']);
  const parsed = accessSchema.safeParse(body);
  if (!parsed.success || storage === undefined || uploadState(disk) === undefined) {
    throw new ArmError(
      409,
      'OperationNotAllowed',
      `Access to disk ${disk.name} is not granted: the simulated Azure grants Write access to disks for upload only.`,
      { target: disk.name },
    );
  }
  world.store.put({ ...disk, hidden: { ...disk.hidden, upload: 'ActiveUpload' satisfies Phase } });
  const from = world.clock.now() - 1000;
  const grant = { permissions: 'rw', from, to: from + parsed.data.durationInSeconds * 1000 };
  const query = signedBlobQuery({ account: storage, ...diskBlob }, text(disk.hidden['key']) ?? '', grant);
  const url = `https://${storage}.z6.blob.storage.azure.net/${diskBlob.container}/${diskBlob.blob}`;
  return jsonReply(200, { accessSAS: `${url}?${query}` });
};

export const endGetAccess: Action = (world, disk) => {
  if (uploadState(disk) === 'ActiveUpload')
    world.store.put({ ...disk, hidden: { ...disk.hidden, upload: 'done' satisfies Phase } });
  return emptyReply(200);
};

/** The managed storage of a disk; its key signs nothing when no access is granted. */
export function diskStorageView(world: World, name: string): StorageAccountView | undefined {
  for (const disk of world.store.ofType('Microsoft.Compute/disks')) {
    if (text(disk.hidden['storage']) !== name) continue;
    return {
      id: disk.id,
      name,
      location: locationOf(disk),
      allowSharedKeyAccess: true,
      allowBlobPublicAccess: false,
      minimumTlsVersion: 'TLS1_2',
      callerReaches: true,
      isDisk: true,
      sasExpirationAction: undefined,
      sasExpirationPeriod: undefined,
      keys: uploadState(disk) === 'ActiveUpload' ? [text(disk.hidden['key']) ?? ''] : [],
    };
  }
  return undefined;
}
