import type { Clock } from '../../clock.ts';
import type { AzureReply, AzureRequest } from '../../service.ts';
import type { AccessNeeds } from '../account-access.ts';
import { operationsUnder } from '../account-access.ts';
import { StorageError } from '../errors.ts';
import { type Entity, parseFilter } from './filter.ts';
import type { StoredEntity, TableStore } from './store.ts';

/** One authorised request. */
export interface TableCall {
  readonly store: TableStore;
  readonly clock: Clock;
  /** A point in time that no other write has. */
  readonly stamp: () => string;
  readonly request: AzureRequest;
  readonly account: string;
  readonly table: string;
  /** Keys in the address. */
  readonly keys: { readonly partition: string; readonly row: string } | undefined;
}

interface TableOperation extends AccessNeeds {
  readonly run: (call: TableCall) => AzureReply;
}

const actions = 'Microsoft.Storage/storageAccounts/tableServices/tables';
const pageSize = 1000;
const largestEntity = 1024 * 1024;

function isPlain({ request }: TableCall): boolean {
  return /odata=nometadata/iu.test(request.headers['accept'] ?? '');
}

function json(
  call: TableCall,
  status: number,
  value: object,
  headers: Readonly<Record<string, string>> = {},
): AzureReply {
  const level = isPlain(call) ? 'nometadata' : 'minimalmetadata';
  const type = { 'content-type': `application/json;odata=${level};streaming=true;charset=utf-8` };
  return { status, headers: { ...type, ...headers }, body: JSON.stringify(value) };
}

const base = ({ account }: TableCall): string => `https://${account}.table.core.windows.net`;

function metadata(call: TableCall, of: string): object {
  return isPlain(call) ? {} : { 'odata.metadata': `${base(call)}/$metadata#${of}` };
}

function bodyOf({ request }: TableCall): Entity {
  try {
    const parsed: unknown = JSON.parse(request.body.toString('utf8'));
    if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as Entity;
  } catch {
    // Said below, as for a list.
  }
  throw new StorageError('InvalidInput', { message: 'The body is not a JSON object.' });
}

const wantsNothing = ({ request }: TableCall): boolean => /return-no-content/iu.test(request.headers['prefer'] ?? '');

function listTables(call: TableCall): AzureReply {
  const { store, account, request } = call;
  const test = parseFilter(request.query.get('$filter') ?? '');
  const top = topOf(call);
  const found = store
    .tables(account, request.query.get('NextTableName') ?? '')
    .map((TableName) => ({ TableName }))
    .filter((table) => test(table));
  const next = found[top]?.TableName;
  return json(
    call,
    200,
    { ...metadata(call, 'Tables'), value: found.slice(0, top) },
    next === undefined ? {} : { 'x-ms-continuation-nexttablename': next },
  );
}

function topOf({ request }: TableCall): number {
  const text = request.query.get('$top');
  if (text === null) return pageSize;
  if (/^\d{1,4}$/u.test(text) && Number(text) >= 1 && Number(text) <= pageSize) return Number(text);
  throw new StorageError('InvalidInput', { message: `$top is a number from 1 to ${pageSize}.` });
}

function createTable(call: TableCall): AzureReply {
  const { store, account } = call;
  const name = bodyOf(call)['TableName'];
  if (typeof name !== 'string' || !/^(?!tables$)[A-Za-z][A-Za-z0-9]{2,62}$/iu.test(name))
    throw new StorageError('InvalidResourceName');
  if (store.table(account, name) !== undefined) throw new StorageError('TableAlreadyExists');
  store.create(account, name);
  if (wantsNothing(call)) return { status: 204, headers: { 'preference-applied': 'return-no-content' } };
  return json(call, 201, { ...metadata(call, 'Tables/@Element'), TableName: name });
}

function deleteTable(call: TableCall): AzureReply {
  const { store, account, table } = call;
  if (store.table(account, table) === undefined) throw new StorageError('ResourceNotFound');
  store.drop(account, table);
  return { status: 204, headers: {} };
}

function requireTable({ store, account, table }: TableCall): void {
  if (store.table(account, table) === undefined) throw new StorageError('TableNotFound');
}

/** An entity as the caller wants to see it. */
function shown(call: TableCall, { etag, body }: StoredEntity): object {
  const chosen = call.request.query.get('$select')?.split(',') ?? [];
  const visible = Object.entries(body).filter(([name]) => {
    if (isPlain(call) && name.endsWith('@odata.type')) return false;
    return chosen.length === 0 || chosen.includes(name.replace(/@odata\.type$/u, ''));
  });
  return { ...(isPlain(call) ? {} : { 'odata.etag': etag }), ...Object.fromEntries(visible) };
}

function queryEntities(call: TableCall): AzureReply {
  const { store, account, table, request } = call;
  requireTable(call);
  const filter = request.query.get('$filter') ?? '';
  const test = parseFilter(filter);
  const top = topOf(call);
  const [partition, row] = [request.query.get('NextPartitionKey') ?? '', request.query.get('NextRowKey') ?? ''];
  const value: object[] = [];
  for (const entity of store.entities(account, table, partition, row)) {
    if (!test(entity.body)) continue;
    if (value.length === top) {
      const next = {
        'x-ms-continuation-nextpartitionkey': entity.partition,
        'x-ms-continuation-nextrowkey': entity.row,
      };
      return json(call, 200, { ...metadata(call, table), value }, next);
    }
    value.push(shown(call, entity));
  }
  return json(call, 200, { ...metadata(call, table), value });
}

function found(call: TableCall): StoredEntity | undefined {
  requireTable(call);
  const { store, account, table, keys } = call;
  return keys === undefined ? undefined : store.entity(account, table, keys.partition, keys.row);
}

function getEntity(call: TableCall): AzureReply {
  const entity = found(call);
  if (entity === undefined) throw new StorageError('ResourceNotFound');
  const { etag } = entity;
  return json(call, 200, { ...metadata(call, `${call.table}/@Element`), ...shown(call, entity) }, { etag });
}

/** Keeps an entity with its keys and a new time, and answers its tag. */
function keep(call: TableCall, keys: NonNullable<TableCall['keys']>, sent: Entity): StoredEntity {
  const stamp = call.stamp();
  const own = Object.entries(sent).filter(
    ([name, value]) => !name.startsWith('odata.') && !name.startsWith('Timestamp') && value !== null,
  );
  const body = { PartitionKey: keys.partition, RowKey: keys.row, Timestamp: stamp };
  const entity = {
    ...keys,
    etag: `W/"datetime'${encodeURIComponent(stamp)}'"`,
    body: { ...Object.fromEntries(own), ...body },
  };
  if (JSON.stringify(entity.body).length > largestEntity)
    throw new StorageError('InvalidInput', { message: 'An entity is at most 1 MiB large.' });
  call.store.put(call.account, call.table, entity);
  return entity;
}

function insertEntity(call: TableCall): AzureReply {
  requireTable(call);
  const sent = bodyOf(call);
  const [partition, row] = [sent['PartitionKey'], sent['RowKey']];
  if (typeof partition !== 'string' || typeof row !== 'string')
    throw new StorageError('PropertiesNeedValue', {
      message: 'The values are not specified for all properties in the entity: PartitionKey and RowKey.',
    });
  if (call.store.entity(call.account, call.table, partition, row) !== undefined)
    throw new StorageError('EntityAlreadyExists');
  const entity = keep(call, { partition, row }, sent);
  const { etag } = entity;
  if (wantsNothing(call)) return { status: 204, headers: { etag, 'preference-applied': 'return-no-content' } };
  return json(call, 201, { ...metadata(call, `${call.table}/@Element`), ...shown(call, entity) }, { etag });
}

function checkTag(call: TableCall, before: StoredEntity | undefined, isWanted: boolean): void {
  const wanted = call.request.headers['if-match'];
  if (wanted === undefined) {
    if (isWanted) throw new StorageError('MissingRequiredHeader', { message: 'If-Match is missing.' });
    return;
  }
  if (before === undefined) throw new StorageError('ResourceNotFound');
  if (wanted !== '*' && wanted !== before.etag) throw new StorageError('UpdateConditionNotSatisfied');
}

/** Update with If-Match, insert or replace (or merge) without. */
function writeEntity(call: TableCall, isMerge: boolean): AzureReply {
  const before = found(call);
  checkTag(call, before, false);
  const { keys } = call;
  if (keys === undefined) throw new StorageError('InvalidInput');
  const { etag } = keep(call, keys, { ...(isMerge ? before?.body : {}), ...bodyOf(call) });
  return { status: 204, headers: { etag } };
}

function deleteEntity(call: TableCall): AzureReply {
  const before = found(call);
  checkTag(call, before, true);
  if (before !== undefined) call.store.remove(call.account, call.table, before.partition, before.row);
  return { status: 204, headers: {} };
}

const on = operationsUnder(actions);

/** Operations by method and place (REST reference, "Table service REST API"). */
export const tableOperations: Readonly<Record<string, TableOperation>> = {
  'GET tables': on('c', 'l', 'read', listTables),
  'POST tables': on('c', 'cw', 'write', createTable),
  'DELETE table': on('c', 'd', 'delete', deleteTable),
  'GET entities': on('o', 'r', 'entities/read', queryEntities),
  'POST entities': on('o', 'a', 'entities/add/action', insertEntity),
  'GET entity': on('o', 'r', 'entities/read', getEntity),
  'PUT entity': on('o', 'uaw', 'entities/write', (call) => writeEntity(call, false)),
  'PATCH entity': on('o', 'uaw', 'entities/write', (call) => writeEntity(call, true)),
  'MERGE entity': on('o', 'uaw', 'entities/write', (call) => writeEntity(call, true)),
  'DELETE entity': on('o', 'd', 'entities/delete', deleteEntity),
};
