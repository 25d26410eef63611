import type * as Sqlite from 'node:sqlite';

/** Node's SQLite, loaded when it is needed: an older Node can still say which version this host asks for. */
export function sqlite(): typeof Sqlite {
  return process.getBuiltinModule('node:sqlite');
}

const BUSY = 5;

/** True for an error of SQLite itself: disk full, read-only, input/output. */
export function isStoreError(error: unknown): error is Error & { readonly errcode: number } {
  return error instanceof Error && 'errcode' in error;
}

/** True when another process holds the lock. */
export function isBusy(error: unknown): boolean {
  return isStoreError(error) && error.errcode % 256 === BUSY;
}
