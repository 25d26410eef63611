import type { CheckReport } from '#domain/check/types.ts';
import type { ClusterHead, InventoryItem, Operation, StepRecord } from '#domain/record.ts';
import type { StorageClients } from './clients.ts';
import { deleteRow, insertRow, putRow, queryRows, readRow, replaceRow, type Row } from './table.ts';

/** Everything that is recorded of one cluster. */
export interface ClusterRows {
  readonly head: ClusterHead;
  readonly steps: readonly StepRecord[];
  readonly items: readonly InventoryItem[];
  /** What the last look at the running cluster found. */
  readonly check?: CheckReport;
}

/** The table `clusters`: partition = cluster; rows `head`, `step:*`, `item:*` (architecture.md §3). */
export interface ClusterTable {
  head(name: string): Promise<Row<ClusterHead> | undefined>;
  heads(): AsyncGenerator<Row<ClusterHead>>;
  /** @returns false when the row exists or was changed by somebody else */
  insertHead(head: ClusterHead): Promise<boolean>;
  replaceHead(head: ClusterHead, etag: string): Promise<boolean>;
  rows(name: string): Promise<ClusterRows | undefined>;
  step(name: string, id: string): Promise<StepRecord | undefined>;
  putStep(name: string, step: StepRecord): Promise<void>;
  item(name: string, key: string): Promise<InventoryItem | undefined>;
  items(name: string): Promise<readonly InventoryItem[]>;
  putItem(name: string, item: InventoryItem): Promise<void>;
  /** Takes an item out of the inventory: the cluster has nothing to do with the resource any more. */
  forgetItem(name: string, key: string): Promise<void>;
  /** An operation of the cluster, also an earlier one. */
  operation(name: string, id: string): Promise<Operation | undefined>;
  putOperation(name: string, operation: Operation): Promise<void>;
  check(name: string): Promise<CheckReport | undefined>;
  putCheck(name: string, report: CheckReport): Promise<void>;
  /** Removes steps and inventory of an earlier life under the same name. */
  clear(name: string): Promise<void>;
}

const rowName = (prefix: 'step' | 'item', key: string) => `${prefix}:${key}`;

/** Opens the table `clusters`. */
export function createClusterTable(clients: StorageClients): ClusterTable {
  const table = () => clients.table('clusters');
  const partition = async function* <Value>(name: string, from: string, to: string) {
    yield* queryRows<Value>(await table(), `PartitionKey eq '${name}' and RowKey ge '${from}' and RowKey lt '${to}'`);
  };
  const items = async (name: string): Promise<readonly InventoryItem[]> => {
    const found: InventoryItem[] = [];
    for await (const row of partition<InventoryItem>(name, 'item:', 'item;')) found.push(row.value);
    return found;
  };
  return {
    head: async (name) => readRow<ClusterHead>(await table(), name, 'head'),
    async *heads() {
      for await (const row of queryRows<ClusterHead>(await table(), "RowKey eq 'head'")) yield row;
    },
    insertHead: async (head) => insertRow(await table(), head.name, 'head', head),
    replaceHead: async (head, etag) => replaceRow(await table(), head.name, 'head', head, etag),
    async rows(name) {
      let head: ClusterHead | undefined;
      const steps: StepRecord[] = [];
      const found: InventoryItem[] = [];
      let check: CheckReport | undefined;
      for await (const row of queryRows<unknown>(await table(), `PartitionKey eq '${name}'`)) {
        if (row.row === 'head') head = row.value as ClusterHead;
        else if (row.row.startsWith('step:')) steps.push(row.value as StepRecord);
        else if (row.row.startsWith('item:')) found.push(row.value as InventoryItem);
        else if (row.row === 'check') check = row.value as CheckReport;
      }
      return head === undefined ? undefined : { head, steps, items: found, ...(check === undefined ? {} : { check }) };
    },
    step: async (name, id) => (await readRow<StepRecord>(await table(), name, rowName('step', id)))?.value,
    putStep: async (name, step) => putRow(await table(), name, rowName('step', step.id), step),
    item: async (name, key) => (await readRow<InventoryItem>(await table(), name, rowName('item', key)))?.value,
    items,
    putItem: async (name, item) => putRow(await table(), name, rowName('item', item.key), item),
    forgetItem: async (name, key) => deleteRow(await table(), name, rowName('item', key)),
    operation: async (name, id) => (await readRow<Operation>(await table(), name, `op:${id}`))?.value,
    putOperation: async (name, operation) => putRow(await table(), name, `op:${operation.id}`, operation),
    check: async (name) => (await readRow<CheckReport>(await table(), name, 'check'))?.value,
    putCheck: async (name, report) => putRow(await table(), name, 'check', report),
    async clear(name) {
      await deleteRow(await table(), name, 'check');
      for await (const row of partition(name, 'item:', 'item;')) await deleteRow(await table(), name, row.row);
      for await (const row of partition(name, 'step:', 'step;')) await deleteRow(await table(), name, row.row);
    },
  };
}
