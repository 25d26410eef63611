import type { AzureReply } from '../../service.ts';
import type { AccountService, AccountServiceOptions } from '../account-service.ts';
import { createAccountService } from '../account-service.ts';
import { StorageError } from '../errors.ts';
import { tableOperations } from './operations.ts';
import { openTableStore } from './store.ts';

/** What a path names: the tables, one table, its entities, one entity. */
function placeOf(path: string): { readonly place: string; readonly table: string; readonly keys: string | undefined } {
  const name = decodeURIComponent(path).slice(1);
  const table = /^Tables(?:\('(?<name>[^']*)'\))?$/u.exec(name);
  if (table !== null) {
    const one = table.groups?.['name'];
    return one === undefined
      ? { place: 'tables', table: '', keys: undefined }
      : { place: 'table', table: one, keys: undefined };
  }
  const entity = /^(?<table>[A-Za-z]\w*)(?:\((?<keys>.*)\))?$/su.exec(name)?.groups;
  const keys = entity?.['keys'] === '' ? undefined : entity?.['keys'];
  return {
    place: entity === undefined ? '' : keys === undefined ? 'entities' : 'entity',
    table: entity?.['table'] ?? '',
    keys,
  };
}

/** `PartitionKey='a',RowKey='b'` in either order; quotes are doubled. */
function keysOf(text: string | undefined): { readonly partition: string; readonly row: string } | undefined {
  if (text === undefined) return undefined;
  const read = (name: string): string | undefined =>
    new RegExp(`(?:^|,)${name}='((?:[^']|'')*)'`, 'u').exec(text)?.[1]?.replaceAll("''", "'");
  const [partition, row] = [read('PartitionKey'), read('RowKey')];
  if (partition === undefined || row === undefined)
    throw new StorageError('InvalidInput', { message: 'An entity is addressed by PartitionKey and RowKey.' });
  return { partition, row };
}

function refusal(error: StorageError, id: string, now: number): AzureReply {
  const value = `${error.message}\nRequestId:${id}\nTime:${new Date(now).toISOString()}`;
  return {
    status: error.status,
    headers: { 'content-type': 'application/json', 'x-ms-error-code': error.code, ...error.details.headers },
    body: JSON.stringify({ 'odata.error': { code: error.code, message: { lang: 'en-US', value } } }),
  };
}

/** The table service of the simulated accounts: entities with their tags, filters and pages, keys, SAS and roles. */
export function createTableService(options: AccountServiceOptions): AccountService {
  const store = openTableStore(options.file);
  const { clock } = options;
  let last = 0;
  let within = 0;
  const stamp = (): string => {
    const now = Math.floor(clock.now());
    within = now === last ? within + 1 : 0;
    last = now;
    return new Date(now).toISOString().replace('Z', `${String(within).padStart(4, '0')}Z`);
  };
  return createAccountService(options, {
    letter: 't',
    store,
    find: (request, account) => {
      const { place, table, keys } = placeOf(request.path);
      const operation = request.query.has('comp') ? undefined : tableOperations[`${request.method} ${place}`];
      if (operation === undefined)
        throw new StorageError('NotImplemented', {
          message: `The simulated table service does not model ${request.method} ${request.path}.`,
        });
      return {
        needs: operation,
        run: () => operation.run({ store, clock, stamp, request, account, table, keys: keysOf(keys) }),
      };
    },
    headers: (request) => ({
      server: 'Windows-Azure-Table/1.0 Microsoft-HTTPAPI/2.0',
      'x-ms-version': request.headers['x-ms-version'] ?? '2019-02-02',
      'cache-control': 'no-cache',
    }),
    refusal,
  });
}
