import type { RequestRecord } from '#domain/record.ts';
import type { StorageClients } from './clients.ts';
import { sha256 } from './documents.ts';
import { insertRow, putRow, readRow } from './table.ts';

/** The table `requests`: what became of each request id. */
export interface RequestTable {
  get(requestId: string): Promise<RequestRecord | undefined>;
  /** @returns false when the id is known already */
  insert(record: RequestRecord): Promise<boolean>;
  put(record: RequestRecord): Promise<void>;
}

/** Opens the table `requests`. Ids are free text, so the key is their hash. */
export function createRequestTable(clients: StorageClients): RequestTable {
  const table = () => clients.table('requests');
  const key = (requestId: string) => sha256(requestId);
  return {
    get: async (requestId) => (await readRow<RequestRecord>(await table(), key(requestId), 'request'))?.value,
    insert: async (record) => insertRow(await table(), key(record.requestId), 'request', record),
    put: async (record) => putRow(await table(), key(record.requestId), 'request', record),
  };
}
