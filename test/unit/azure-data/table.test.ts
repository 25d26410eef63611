import {
  AzureNamedKeyCredential,
  AzureSASCredential,
  odata,
  TableClient,
  TableServiceClient,
} from '@azure/data-tables';
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  generateAccountSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-queue';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseFilter } from '#local/azure/storage/table/filter.ts';
import { signText } from '#local/azure/storage/shared-key.ts';
import type { Simulator } from '#local/simulator/compose.ts';
import { accountKey, appCredential, fakeAzure, rerouted, send, startSimulator, temporaryDirectory } from './helpers.ts';

const url = 'https://srcacct.table.core.windows.net';
const host = 'srcacct.table.core.windows.net';
const key = new AzureNamedKeyCredential('srcacct', accountKey('srcacct'));
const options = (simulator: Simulator): any => ({ httpClient: rerouted(simulator), retryOptions: { maxRetries: 0 } });

async function start(dataDirectory = temporaryDirectory(), azure = fakeAzure()) {
  const simulator = await startSimulator(azure, { dataDirectory });
  return { simulator, azure, table: new TableClient(url, 'things', key, options(simulator)) };
}

const odataError = (code: string) => ({ details: { odataError: { code } } });

async function all<T>(iterator: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of iterator) found.push(item);
  return found;
}

describe('the real table client', () => {
  test('makes, lists and deletes tables', async () => {
    const { simulator, table } = await start();
    const service = new TableServiceClient(url, key, options(simulator));
    for (const name of ['alpha', 'beta', 'gamma']) await service.createTable(name);
    const raw = await send(simulator, host, 'POST', '/Tables', { body: '{"TableName":"alpha"}' });
    expect(raw.status).toBe(401);
    expect(
      (await all(service.listTables({ queryOptions: { filter: "TableName ge 'beta'" } }))).map(({ name }) => name),
    ).toEqual(['beta', 'gamma']);
    await service.deleteTable('alpha');
    expect(await all(service.listTables())).toHaveLength(2);
    await expect(table.getEntity('a', 'b')).rejects.toMatchObject(odataError('TableNotFound'));
    await expect(service.createTable('1no')).rejects.toMatchObject({ statusCode: 400 });
  });

  test('keeps entities with their types; tags guard updates and deletions, also after a restart', async () => {
    const dataDirectory = temporaryDirectory();
    const { simulator, table } = await start(dataDirectory);
    await table.createTable();
    const entity = {
      partitionKey: "o'hara",
      rowKey: '1/2',
      text: 'é',
      count: 7,
      big: 9_007_199_254_740_993n,
      yes: true,
      at: new Date('2026-01-02T03:04:05Z'),
      bytes: new Uint8Array([1, 2]),
    };
    await table.createEntity(entity);
    await expect(table.createEntity(entity)).rejects.toMatchObject(odataError('EntityAlreadyExists'));
    const read = await table.getEntity<any>("o'hara", '1/2');
    expect(read).toMatchObject({ text: 'é', count: 7, big: 9_007_199_254_740_993n, yes: true, at: entity.at });
    expect([...read.bytes]).toEqual([1, 2]);
    await table.updateEntity({ partitionKey: "o'hara", rowKey: '1/2', count: 8 }, 'Merge', { etag: read.etag });
    await expect(
      table.updateEntity({ partitionKey: "o'hara", rowKey: '1/2', count: 9 }, 'Replace', { etag: read.etag }),
    ).rejects.toMatchObject(odataError('UpdateConditionNotSatisfied'));
    await simulator.close();
    const { table: again } = await start(dataDirectory);
    expect(await again.getEntity<any>("o'hara", '1/2')).toMatchObject({ text: 'é', count: 8 });
    await again.upsertEntity({ partitionKey: "o'hara", rowKey: '1/2', count: 1 }, 'Replace');
    expect((await again.getEntity<any>("o'hara", '1/2')).text).toBeUndefined();
    await again.deleteEntity("o'hara", '1/2');
    await expect(again.getEntity("o'hara", '1/2')).rejects.toMatchObject(odataError('ResourceNotFound'));
  });

  test('filters, selects and pages', async () => {
    const { table } = await start();
    await table.createTable();
    for (let n = 0; n < 9; n += 1)
      await table.createEntity({
        partitionKey: n < 5 ? 'a' : 'b',
        rowKey: `r${n}`,
        n,
        big: BigInt(n),
        at: new Date(n * 1000),
      });
    const rows = async (filter: string) =>
      (await all(table.listEntities({ queryOptions: { filter } }))).map(({ rowKey }) => rowKey);
    expect(await rows(odata`PartitionKey eq ${'a'} and n gt ${2}`)).toEqual(['r3', 'r4']);
    expect(await rows('not (n lt 7) or n eq 0')).toEqual(['r0', 'r7', 'r8']);
    expect(await rows('big ge 8L')).toEqual(['r8']);
    expect(await rows(odata`at le ${new Date(1000)}`)).toEqual(['r0', 'r1']);
    expect(await rows("absent eq 'x'")).toEqual([]);
    await expect(rows('n eq')).rejects.toMatchObject(odataError('InvalidInput'));
    const pages: number[] = [];
    for await (const page of table.listEntities({ queryOptions: { select: ['n'] } }).byPage({ maxPageSize: 4 }))
      pages.push(page.length);
    expect(pages).toEqual([4, 4, 1]);
  });
});

describe('who may use a table', () => {
  test('the holder of a key in either scheme, of an account SAS, or of a data role', async () => {
    const { simulator, table, azure } = await start();
    await table.createTable();
    const date = new Date().toUTCString();
    const signature = signText(accountKey('srcacct'), `GET\n\n\n${date}\n/srcacct/Tables`);
    const whole = { 'x-ms-date': date, authorization: `SharedKey srcacct:${signature}` };
    expect((await send(simulator, host, 'GET', '/Tables', { headers: whole })).status).toBe(200);
    const wrong = { ...whole, authorization: whole.authorization.replace(/.{4}=$/u, 'AAA=') };
    expect((await send(simulator, host, 'GET', '/Tables', { headers: wrong })).status).toBe(403);
    const sas = generateAccountSASQueryParameters(
      {
        services: 't',
        resourceTypes: AccountSASResourceTypes.parse('o').toString(),
        permissions: AccountSASPermissions.parse('r'),
        expiresOn: new Date(Date.now() + 600_000),
      },
      new StorageSharedKeyCredential('srcacct', accountKey('srcacct')),
    ).toString();
    const bySas = new TableClient(url, 'things', new AzureSASCredential(sas), options(simulator));
    expect(await all(bySas.listEntities())).toEqual([]);
    await expect(bySas.createEntity({ partitionKey: 'a', rowKey: 'b' })).rejects.toMatchObject(
      odataError('AuthorizationPermissionMismatch'),
    );
    const byRole = new TableClient(url, 'things', appCredential(simulator), options(simulator));
    await byRole.createEntity({ partitionKey: 'a', rowKey: 'b' });
    azure.denied = () => true;
    await expect(byRole.deleteEntity('a', 'b')).rejects.toMatchObject(odataError('AuthorizationPermissionMismatch'));
  });

  test('a batch is refused in words, and counted', async () => {
    const { simulator, table } = await start();
    await table.createTable();
    await expect(table.submitTransaction([['create', { partitionKey: 'a', rowKey: 'b' }]])).rejects.toThrow(
      /does not model|501/,
    );
    const counted = await send(simulator, `127.0.0.1:${simulator.port}`, 'GET', '/_simulator/unmodelled');
    expect(counted.text).toContain('$batch');
  });
});

test('whatever is written as a filter is read, or refused as a bad input', () => {
  const words = fc.constantFrom(
    'a',
    'eq',
    'and',
    'or',
    'not',
    '(',
    ')',
    "'x''y'",
    '1',
    '1L',
    'true',
    "datetime'x'",
    "'",
    '$',
    '-',
    '',
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 12 }), (parts) => {
      try {
        parseFilter(parts.join(' '))({ a: 1 });
      } catch (error) {
        expect(error).toMatchObject({ code: 'InvalidInput' });
      }
    }),
    { numRuns: 500, seed: 1 },
  );
});
