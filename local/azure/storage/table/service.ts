import type { AzureReply, AzureRequest, UnmodelledRequest } from '../../service.ts';
import { authorizeAccount } from '../account-access.ts';
import { StorageError } from '../errors.ts';
import type { QueueService, QueueServiceOptions } from '../queue/service.ts';
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
export function createTableService(options: QueueServiceOptions): QueueService {
  const store = openTableStore(options.file);
  const refused: UnmodelledRequest[] = [];
  let last = 0;
  let within = 0;
  const stamp = (): string => {
    const now = Math.floor(options.clock.now());
    within = now === last ? within + 1 : 0;
    last = now;
    return new Date(now).toISOString().replace('Z', `${String(within).padStart(4, '0')}Z`);
  };
  const answer = (request: AzureRequest): AzureReply => {
    const name = request.host.split('.')[0] ?? '';
    const directory = options.azure();
    const account = directory.storageAccount(name);
    if (account === undefined) {
      const message = `${request.host} does not resolve: there is no storage account ${name} in the simulated Azure.`;
      throw new StorageError('ResourceNotFound', { status: 502, message });
    }
    const { place, table, keys } = placeOf(request.path);
    const operation = request.query.has('comp') ? undefined : tableOperations[`${request.method} ${place}`];
    if (operation === undefined)
      throw new StorageError('NotImplemented', {
        message: `The simulated table service does not model ${request.method} ${request.path}.`,
      });
    const { tokens, tenantId, clock } = options;
    authorizeAccount(request, account, operation, { directory, tokens, tenantId, now: clock.now(), service: 't' });
    return operation.run({ store, clock, stamp, request, account: name, table, keys: keysOf(keys) });
  };
  return {
    unmodelled: () => refused,
    clear() {
      store.clear();
      refused.length = 0;
    },
    close: () => store.close(),
    service: async (request) => {
      const id = options.ids();
      const common = {
        server: 'Windows-Azure-Table/1.0 Microsoft-HTTPAPI/2.0',
        'x-ms-request-id': id,
        'x-ms-version': request.headers['x-ms-version'] ?? '2019-02-02',
        'cache-control': 'no-cache',
      };
      try {
        const reply = answer(request);
        return { ...reply, headers: { ...common, ...reply.headers } };
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        const { method, host, path } = request;
        if (error.code === 'NotImplemented') refused.push({ method, host, path, message: error.message });
        const reply = refusal(error, id, options.clock.now());
        return { ...reply, headers: { ...common, ...reply.headers } };
      }
    },
  };
}
