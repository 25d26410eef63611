import type { TableClient, TableEntity } from '@azure/data-tables';

/** A row with its concurrency token. */
export interface Row<Value> {
  readonly value: Value;
  readonly etag: string;
}

interface Stored {
  json: string;
}

/** Status code of a storage error, 0 when it is none. */
export function statusOf(error: unknown): number {
  return typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : 0;
}

/** Longest text that is kept in one property: a table string ends at 32 Ki UTF-16 characters. */
const propertyLimit = 31_000;

/** Azurite decodes request bodies chunk by chunk and breaks characters at the seams; escapes survive that. */
function ascii(json: string): string {
  return json.replaceAll(
    /[\u0080-\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function pack(value: unknown): Record<string, string> {
  const json = ascii(JSON.stringify(value));
  const parts: Record<string, string> = {};
  for (let index = 0; index * propertyLimit < Math.max(json.length, 1); index++) {
    parts[`json${index === 0 ? '' : index}`] = json.slice(index * propertyLimit, (index + 1) * propertyLimit);
  }
  return parts;
}

function unpack<Value>(entity: Record<string, unknown>): Value {
  let json = '';
  for (let index = 0; ; index++) {
    const part = entity[`json${index === 0 ? '' : index}`];
    if (typeof part !== 'string') break;
    json += part;
  }
  return JSON.parse(json) as Value;
}

/** Reads one row; undefined when it is absent. */
export async function readRow<Value>(
  table: TableClient,
  partition: string,
  row: string,
): Promise<Row<Value> | undefined> {
  try {
    const entity = await table.getEntity<Stored>(partition, row);
    return { value: unpack<Value>(entity as unknown as Record<string, unknown>), etag: entity.etag };
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw error;
  }
}

/** Inserts a row. @returns false when it exists */
export async function insertRow(table: TableClient, partition: string, row: string, value: unknown): Promise<boolean> {
  try {
    await table.createEntity({ partitionKey: partition, rowKey: row, ...pack(value) });
    return true;
  } catch (error) {
    if (statusOf(error) === 409) return false;
    throw error;
  }
}

/** Replaces a row if it is unchanged. @returns false when somebody else changed or deleted it */
export async function replaceRow(
  table: TableClient,
  partition: string,
  row: string,
  value: unknown,
  etag: string,
): Promise<boolean> {
  try {
    await table.updateEntity({ partitionKey: partition, rowKey: row, ...pack(value) }, 'Replace', { etag });
    return true;
  } catch (error) {
    if (statusOf(error) === 412 || statusOf(error) === 404) return false;
    throw error;
  }
}

/** Writes a row whatever stands there. */
export async function putRow(table: TableClient, partition: string, row: string, value: unknown): Promise<void> {
  await table.upsertEntity({ partitionKey: partition, rowKey: row, ...pack(value) }, 'Replace');
}

/** Deletes a row; absent is fine. */
export async function deleteRow(table: TableClient, partition: string, row: string): Promise<void> {
  try {
    await table.deleteEntity(partition, row);
  } catch (error) {
    if (statusOf(error) !== 404) throw error;
  }
}

/** Rows of a query in key order, with their row keys. */
export async function* queryRows<Value>(
  table: TableClient,
  filter: string,
): AsyncGenerator<{ partition: string; row: string; value: Value; etag: string }> {
  for await (const entity of table.listEntities<TableEntity<Stored>>({ queryOptions: { filter } })) {
    yield {
      partition: entity.partitionKey ?? '',
      row: entity.rowKey ?? '',
      value: unpack<Value>(entity as unknown as Record<string, unknown>),
      etag: entity.etag,
    };
  }
}
