import type { Gateway } from '#domain/storage/gateway.ts';
import type { StorageClients } from './clients.ts';
import { deleteRow, putRow, queryRows, readRow } from './table.ts';

/** A stored gateway with its name. */
export interface StoredGateway {
  readonly name: string;
  readonly gateway: Gateway;
  readonly updatedAt: string;
}

/** The table `gateways`: one row per private gateway. */
export interface GatewayTable {
  get(name: string): Promise<StoredGateway | undefined>;
  list(): Promise<readonly StoredGateway[]>;
  put(stored: StoredGateway): Promise<void>;
  /** Absent is fine. */
  delete(name: string): Promise<void>;
}

const partition = 'gateway';

/** Opens the table `gateways`. */
export function createGatewayTable(clients: StorageClients): GatewayTable {
  const table = () => clients.table('gateways');
  return {
    get: async (name) => (await readRow<StoredGateway>(await table(), partition, name))?.value,
    async list() {
      const found: StoredGateway[] = [];
      for await (const row of queryRows<StoredGateway>(await table(), `PartitionKey eq '${partition}'`))
        found.push(row.value);
      return found;
    },
    put: async (stored) => putRow(await table(), partition, stored.name, stored),
    delete: async (name) => deleteRow(await table(), partition, name),
  };
}
