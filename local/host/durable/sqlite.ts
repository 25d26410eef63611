import type * as Sqlite from 'node:sqlite';

/** Node's SQLite, loaded when it is needed: an older Node can still say which version this host asks for. */
export function sqlite(): typeof Sqlite {
  return process.getBuiltinModule('node:sqlite');
}
