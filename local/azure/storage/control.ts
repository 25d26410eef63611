import type { StorageDataPlane } from '../service.ts';
import { discard } from './blob-operations.ts';
import { dropContainer, isBeingDeleted } from './container-operations.ts';
import { httpDate, type StorageState } from './context.ts';

function endsWithVhdFooter(state: StorageState, id: number, size: number): boolean {
  if (size < 512) return false;
  return (
    state.pages
      .read(id, { start: size - 512, end: size })
      .subarray(0, 8)
      .toString('latin1') === 'conectix'
  );
}

/** Where the pages of a disk lie in its managed storage. */
export const diskBlob = { container: 'upload', blob: 'abcd' } as const;

/** What the control plane (ARM) asks of the data plane: containers by management calls, account deletion, image sources. */
export function createStorageControl(state: StorageState): StorageDataPlane {
  return {
    createContainer(account, name, publicAccess) {
      const existing = state.containers.find(account, name);
      if (isBeingDeleted(state, existing)) return false;
      const now = state.clock.now();
      const fresh = { etag: state.newEtag(now), modified: now };
      const present = existing !== undefined && existing.deletedAt === undefined;
      if (!present) {
        state.containers.put({ account, name, publicAccess, ...fresh, metadata: {}, deletedAt: undefined });
      } else if (existing.publicAccess !== publicAccess) {
        state.containers.put({ ...existing, publicAccess, ...fresh });
      }
      return !present;
    },
    deleteContainer(account, name) {
      const existing = state.containers.find(account, name);
      if (existing === undefined || existing.deletedAt !== undefined) return false;
      dropContainer(state, existing);
      return true;
    },
    listContainers: (account) =>
      state.containers
        .list(account)
        .filter((record) => record.deletedAt === undefined)
        .map(({ name, publicAccess, modified, etag }) => ({
          name,
          publicAccess,
          lastModified: httpDate(modified),
          etag,
        })),
    createDisk(account, size) {
      const address = { account, container: diskBlob.container, name: diskBlob.blob };
      if (state.blobs.find(address) !== undefined) return;
      const now = state.clock.now();
      const fresh = { etag: state.newEtag(now), modified: now };
      const { container } = address;
      state.containers.put({
        account,
        name: container,
        publicAccess: 'None',
        ...fresh,
        metadata: {},
        deletedAt: undefined,
      });
      const plain = { snapshot: '', sequence: 0, headers: {}, metadata: {}, copy: undefined, lease: undefined };
      const record = state.blobs.insert({ ...address, ...fresh, ...plain, type: 'PageBlob', size, created: now });
      state.files.create(record.id, size);
    },
    deleteAccount(account) {
      for (const id of state.blobs.ofContainer(account, undefined)) discard(state, id);
      for (const record of state.containers.list(account)) state.containers.remove(account, record.name);
      state.database.prepare('DELETE FROM staged_blocks WHERE account = ?').run(account);
    },
    blob(account, container, name) {
      const record = state.blobs.find({ account, container, name });
      if (record === undefined) return undefined;
      return {
        blobType: record.type,
        size: record.size,
        etag: record.etag,
        endsWithVhdFooter: record.type === 'PageBlob' && endsWithVhdFooter(state, record.id, record.size),
      };
    },
  };
}
