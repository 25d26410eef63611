import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  AnonymousCredential,
  BlobClient,
  BlobSASPermissions,
  BlobServiceClient,
  ContainerClient,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { beforeEach, describe, expect, test } from 'vitest';
import type { StorageAccountView } from '#local/azure/service.ts';
import type { Simulator } from '#local/simulator/compose.ts';
import { accountKey, appCredential, type FakeAzure, fakeAzure, rerouted, send, startSimulator } from './helpers.ts';

const host = 'srcacct.blob.core.windows.net';
const base = `https://${host}`;
const hour = 3_600_000;
/** Time stands still: every request falls into the same second. */
const frozenClock = () => {
  const at = Date.now();
  return { timeScale: 1, now: () => at, after: () => ({ cancel: () => undefined }) };
};
let azure: FakeAzure;
let simulator: Simulator;

const options = () => ({ httpClient: rerouted(simulator) as any, retryOptions: { maxTries: 1 } });
const sharedKey = (key = accountKey('srcacct')) => new StorageSharedKeyCredential('srcacct', key);
const byToken = () => new BlobServiceClient(base, appCredential(simulator), options());
const byKey = (key?: string) => new BlobServiceClient(base, sharedKey(key), options());
const change = (changes: Partial<StorageAccountView>) =>
  azure.accounts.set('srcacct', { ...azure.accounts.get('srcacct')!, ...changes });
const bySas = (sas: string) => new BlobClient(`${base}/data/a.txt?${sas}`, new AnonymousCredential(), options());

function serviceSas(changes: Record<string, unknown> = {}, key?: string): string {
  const fields = {
    containerName: 'data',
    blobName: 'a.txt',
    permissions: BlobSASPermissions.parse('r'),
    expiresOn: new Date(Date.now() + hour),
  };
  return generateBlobSASQueryParameters({ ...fields, ...changes }, sharedKey(key)).toString();
}

async function delegationSas(changes: Record<string, unknown> = {}): Promise<string> {
  const key = await byToken().getUserDelegationKey(new Date(Date.now() - hour), new Date(Date.now() + 2 * hour));
  const fields = {
    containerName: 'data',
    blobName: 'a.txt',
    permissions: BlobSASPermissions.parse('r'),
    expiresOn: new Date(Date.now() + hour),
  };
  return generateBlobSASQueryParameters({ ...fields, ...changes }, key, 'srcacct').toString();
}

async function text(client: BlobClient): Promise<string> {
  return (await client.downloadToBuffer()).toString();
}

beforeEach(async () => {
  azure = fakeAzure();
  simulator = await startSimulator(azure);
  await byToken().getContainerClient('data').create();
  await byToken().getContainerClient('data').getBlockBlobClient('a.txt').upload('hello', 5);
});

describe('credentials that are accepted', () => {
  test('shared key, bearer, account, service and user delegation SAS read the same blob', async () => {
    expect(await text(byKey().getContainerClient('data').getBlobClient('a.txt'))).toBe('hello');
    expect(await text(byToken().getContainerClient('data').getBlobClient('a.txt'))).toBe('hello');
    expect(await text(bySas(serviceSas({ startsOn: new Date(Date.now() - hour) })))).toBe('hello');
    expect(
      await text(bySas(serviceSas({ blobName: undefined, permissions: ContainerSASPermissions.parse('rl') }))),
    ).toBe('hello');
    expect(await text(bySas(await delegationSas()))).toBe('hello');
    const account = generateAccountSASQueryParameters(
      {
        permissions: AccountSASPermissions.parse('r'),
        services: AccountSASServices.parse('b').toString(),
        resourceTypes: AccountSASResourceTypes.parse('o').toString(),
        expiresOn: new Date(Date.now() + hour),
      },
      sharedKey(),
    ).toString();
    expect(await text(bySas(account))).toBe('hello');
    const container = new ContainerClient(`${base}/data?${account}`, new AnonymousCredential(), options());
    await expect(container.deleteIfExists()).rejects.toMatchObject({
      statusCode: 403,
      code: 'AuthorizationResourceTypeMismatch',
    });
  });

  test('a user delegation SAS of every signed version is accepted', async () => {
    for (const version of ['2018-11-09', '2020-02-10', '2020-12-06', '2025-07-05', '2026-04-06']) {
      expect(await text(bySas(await delegationSas({ version }))), version).toBe('hello');
      expect(await text(bySas(serviceSas({ version }))), version).toBe('hello');
    }
  });

  test('shared key signs metadata, names that need encoding and query strings', async () => {
    const container = byKey().getContainerClient('data');
    const name = 'dir/naïve name+1%20#x.txt';
    await container.getBlockBlobClient(name).upload('x', 1, { metadata: { b_c: '1', bb: '2', a: ' padded ' } });
    const names: string[] = [];
    for await (const blob of container.listBlobsFlat({ prefix: 'dir/', includeMetadata: true })) names.push(blob.name);
    expect(names).toEqual([name]);
  });
});

describe('refusals as Azure answers them', () => {
  test('an account without shared keys refuses keys, account SAS and service SAS, and takes user delegation SAS', async () => {
    change({ allowSharedKeyAccess: false });
    const refusal = { statusCode: 403, code: 'KeyBasedAuthenticationNotPermitted' };
    await expect(byKey().getContainerClient('data').deleteIfExists()).rejects.toMatchObject(refusal);
    await expect(bySas(serviceSas()).download()).rejects.toMatchObject(refusal);
    expect(await text(bySas(await delegationSas()))).toBe('hello');
  });

  test('HEAD refusals carry the code in the header only', async () => {
    change({ allowSharedKeyAccess: false });
    const answer = await send(simulator, host, 'HEAD', `/data/a.txt?${serviceSas()}`);
    expect([answer.status, answer.headers['x-ms-error-code'], answer.text]).toEqual([
      403,
      'KeyBasedAuthenticationNotPermitted',
      '',
    ]);
  });

  test('wrong signatures and wrong keys are AuthenticationFailed with a detail', async () => {
    const failed = { statusCode: 403, code: 'AuthenticationFailed' };
    const wrong = Buffer.alloc(64, 1).toString('base64');
    await expect(byKey(wrong).getContainerClient('data').deleteIfExists()).rejects.toMatchObject(failed);
    await expect(bySas(serviceSas({}, wrong)).download()).rejects.toMatchObject(failed);
    const tampered = (await delegationSas()).replace('sp=r', 'sp=rw');
    await expect(bySas(tampered).download()).rejects.toMatchObject(failed);
    const answer = await send(simulator, host, 'GET', `/data/a.txt?${tampered}`);
    expect(answer.text.charCodeAt(0)).toBe(0xfeff);
    expect(answer.text).toContain('<AuthenticationErrorDetail>Signature did not match');
  });

  test('an expired SAS names its time frame', async () => {
    const expired = serviceSas({ startsOn: new Date(Date.now() - 2 * hour), expiresOn: new Date(Date.now() - hour) });
    await expect(bySas(expired).download()).rejects.toMatchObject({
      statusCode: 403,
      code: 'AuthenticationFailed',
      details: {
        authenticationErrorDetail: expect.stringContaining('Signature not valid in the specified time frame'),
      },
    });
  });

  test('a SAS policy that blocks refuses long periods', async () => {
    change({ sasExpirationAction: 'Block', sasExpirationPeriod: '0.02:00:00' });
    const startsOn = new Date(Date.now() - 60_000);
    expect(await text(bySas(serviceSas({ startsOn })))).toBe('hello');
    const long = serviceSas({ startsOn, expiresOn: new Date(Date.now() + 5 * hour) });
    await expect(bySas(long).download()).rejects.toMatchObject({ statusCode: 403, code: 'AuthenticationFailed' });
  });

  test('a SAS without the permission is AuthorizationPermissionMismatch, create without write cannot replace', async () => {
    const block = (sas: string) => bySas(sas).getBlockBlobClient();
    await expect(block(serviceSas()).upload('x', 1)).rejects.toMatchObject({
      statusCode: 403,
      code: 'AuthorizationPermissionMismatch',
    });
    await expect(
      block(serviceSas({ permissions: BlobSASPermissions.parse('c') })).upload('x', 1),
    ).rejects.toMatchObject({
      statusCode: 403,
      code: 'UnauthorizedBlobOverwrite',
    });
  });

  test('network rules refuse every credential with AuthorizationFailure', async () => {
    const sas = await delegationSas();
    change({ callerReaches: false });
    const refusal = { statusCode: 403, code: 'AuthorizationFailure' };
    await expect(byKey().getContainerClient('data').deleteIfExists()).rejects.toMatchObject(refusal);
    await expect(byToken().getContainerClient('data').deleteIfExists()).rejects.toMatchObject(refusal);
    await expect(bySas(sas).download()).rejects.toMatchObject(refusal);
  });

  test('a bearer without the data role is AuthorizationPermissionMismatch; its delegation SAS loses the right too', async () => {
    const sas = await delegationSas();
    const scopes: string[] = [];
    azure.denied = (_oid, action, scope) => {
      scopes.push(scope);
      return action.endsWith('/blobs/read');
    };
    const refusal = { statusCode: 403, code: 'AuthorizationPermissionMismatch' };
    await expect(byToken().getContainerClient('data').getBlobClient('a.txt').download()).rejects.toMatchObject(refusal);
    await expect(bySas(sas).download()).rejects.toMatchObject(refusal);
    expect(scopes[0]).toMatch(/storageAccounts\/srcacct\/blobServices\/default\/containers\/data$/);
  });

  test('a token for another audience is 401 InvalidAuthenticationInfo with a challenge', async () => {
    const token = await appCredential(simulator).getToken('https://management.azure.com/.default');
    const headers = { authorization: `Bearer ${token?.token}`, 'x-ms-version': '2025-11-05' };
    const answer = await send(simulator, host, 'GET', '/data/a.txt', { headers });
    expect([answer.status, answer.headers['x-ms-error-code']]).toEqual([401, 'InvalidAuthenticationInfo']);
    expect(answer.headers['www-authenticate']).toContain('resource_id=https://storage.azure.com');
  });

  test('anonymous reads follow the account and the container', async () => {
    const read = () => send(simulator, host, 'GET', '/data/a.txt');
    expect((await read()).headers['x-ms-error-code']).toBe('PublicAccessNotPermitted');
    change({ allowBlobPublicAccess: true });
    expect((await read()).headers['x-ms-error-code']).toBe('ResourceNotFound');
    const put = await send(simulator, host, 'PUT', '/data/b.txt', {
      headers: { 'x-ms-blob-type': 'BlockBlob' },
      body: 'x',
    });
    expect([put.status, put.headers['x-ms-error-code']]).toEqual([401, 'NoAuthenticationInformation']);
    simulator.storage.dataPlane.createContainer('srcacct', 'data', 'Blob');
    expect((await read()).text).toBe('hello');
    expect((await send(simulator, host, 'GET', '/data?restype=container&comp=list')).headers['x-ms-error-code']).toBe(
      'ResourceNotFound',
    );
  });

  test('an account that does not exist does not resolve, and what is not modelled is loud and counted', async () => {
    expect((await send(simulator, 'absent.blob.core.windows.net', 'GET', '/x/y')).status).toBe(502);
    const token = await appCredential(simulator).getToken('https://storage.azure.com/.default');
    const headers = { authorization: `Bearer ${token?.token}`, 'x-ms-version': '2025-11-05' };
    const answer = await send(simulator, host, 'GET', '/data/a.txt?comp=tags', { headers });
    expect([answer.status, answer.headers['x-ms-error-code']]).toEqual([501, 'NotImplemented']);
    const doors = await send(simulator, `127.0.0.1:${simulator.port}`, 'GET', '/_simulator/unmodelled');
    expect(JSON.parse(doors.text)).toHaveLength(1);
  });
});

describe('block blobs and containers', () => {
  test('blocks are staged, committed and listed', async () => {
    const blob = byKey().getContainerClient('data').getBlockBlobClient('blocks.bin');
    const id = (n: number) => Buffer.from(`block-${n}`).toString('base64');
    await blob.stageBlock(id(1), 'one', 3);
    await blob.stageBlock(id(2), 'two', 3);
    expect((await blob.getBlockList('uncommitted')).uncommittedBlocks).toHaveLength(2);
    await blob.commitBlockList([id(2), id(1)], {
      metadata: { kind: 'test' },
      blobHTTPHeaders: { blobContentType: 'text/plain' },
    });
    expect(await text(blob)).toBe('twoone');
    await blob.commitBlockList([id(1)]);
    expect(await text(blob)).toBe('one');
    await expect(blob.commitBlockList([id(9)])).rejects.toMatchObject({ statusCode: 400, code: 'InvalidBlockList' });
  });

  test('containers and blobs are listed by page and by folder; a deleted container keeps its name for a while', async () => {
    const service = byToken();
    const container = service.getContainerClient('listing');
    await container.create();
    await expect(container.create()).rejects.toMatchObject({ statusCode: 409, code: 'ContainerAlreadyExists' });
    for (const name of ['a/1', 'a/2', 'b', 'c/3']) await container.getBlockBlobClient(name).upload('x', 1);
    const seen: string[] = [];
    for await (const item of container.listBlobsByHierarchy('/')) seen.push(`${item.kind}:${item.name}`);
    expect(seen).toEqual(['prefix:a/', 'prefix:c/', 'blob:b']);
    const pages: number[] = [];
    for await (const page of container.listBlobsFlat().byPage({ maxPageSize: 3 }))
      pages.push(page.segment.blobItems.length);
    expect(pages).toEqual([3, 1]);
    const names: string[] = [];
    for await (const item of service.listContainers()) names.push(item.name);
    expect(names).toEqual(['data', 'listing']);
    await container.delete();
    await expect(container.create()).rejects.toMatchObject({ statusCode: 409, code: 'ContainerBeingDeleted' });
    await expect
      .poll(
        () =>
          container.createIfNotExists().then(
            (r) => r.succeeded,
            () => false,
          ),
        { timeout: 5000 },
      )
      .toBe(true);
  });

  test('a lease keeps others out until it is released', async () => {
    const blob = byToken().getContainerClient('data').getBlockBlobClient('a.txt');
    const lease = blob.getBlobLeaseClient();
    await lease.acquireLease(-1);
    await expect(blob.upload('x', 1)).rejects.toMatchObject({ statusCode: 412, code: 'LeaseIdMissing' });
    await blob.upload('x', 1, { conditions: { leaseId: lease.leaseId } });
    await expect(
      blob.getBlobLeaseClient('11111111-2222-4333-8444-555555555555').acquireLease(15),
    ).rejects.toMatchObject({ statusCode: 409 });
    await lease.releaseLease();
    await blob.upload('y', 1);
  });

  test('a blob above its request rate is answered 503 ServerBusy', async () => {
    const slow = await startSimulator(azure, { timeScale: 1, clock: frozenClock() });
    const token = await appCredential(slow).getToken('https://storage.azure.com/.default');
    const headers = { authorization: `Bearer ${token?.token}`, 'x-ms-version': '2025-11-05' };
    const all = await Promise.all(
      Array.from({ length: 501 }, () => send(slow, host, 'GET', '/data/absent', { headers })),
    );
    expect(
      all.filter((answer) => answer.headers['x-ms-error-code'] === 'ServerBusy').map((answer) => answer.status),
    ).toEqual([503]);
  });
});
