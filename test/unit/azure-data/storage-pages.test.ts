import { createHash, randomBytes } from 'node:crypto';
import {
  AnonymousCredential,
  BlobSASPermissions,
  BlobServiceClient,
  generateBlobSASQueryParameters,
  PageBlobClient,
  StorageSharedKeyCredential,
} from '@azure/storage-blob';
import { describe, expect, test } from 'vitest';
import type { Simulator } from '#local/simulator/compose.ts';
import { accountKey, appCredential, fakeAzure, rerouted, send, startSimulator, temporaryDirectory } from './helpers.ts';

const MiB = 1024 * 1024;
const size = 30 * 1024 * MiB + 512;
const url = (name: string): string => `https://${name}.blob.core.windows.net`;

function pipeline(simulator: Simulator) {
  return { httpClient: rerouted(simulator) as any, retryOptions: { maxTries: 1 } };
}

function withKey(simulator: Simulator, name: string): BlobServiceClient {
  return new BlobServiceClient(url(name), new StorageSharedKeyCredential(name, accountKey(name)), pipeline(simulator));
}

function withToken(simulator: Simulator, name: string): BlobServiceClient {
  return new BlobServiceClient(url(name), appCredential(simulator), pipeline(simulator));
}

async function rangesOf(client: PageBlobClient): Promise<number[][]> {
  const ranges: number[][] = [];
  for await (const range of client.listPageRanges(0, size)) if (!range.isClear) ranges.push([range.start, range.end]);
  return ranges;
}

async function content(client: PageBlobClient, offset: number, count: number): Promise<Buffer> {
  return client.downloadToBuffer(offset, count, { blockSize: 4 * MiB });
}

describe('page blobs with the real storage client', () => {
  test('a sparse 30 GiB blob keeps written pages, reads zeros elsewhere and lists its ranges', async () => {
    const simulator = await startSimulator(fakeAzure());
    const container = withKey(simulator, 'srcacct').getContainerClient('images');
    await container.create();
    const blob = container.getPageBlobClient('os.vhd');
    await blob.create(size, { metadata: { kubernetesversion: 'v1.33.4' } });
    const data = randomBytes(1 * MiB);
    await blob.uploadPages(data, 700 * MiB, data.length);
    await blob.uploadPages(data, 701 * MiB, data.length);
    await blob.uploadPages(data.subarray(0, 512), size - 512, 512);
    await blob.clearPages(700 * MiB + 4096, 4096);
    expect(await rangesOf(blob)).toEqual([
      [700 * MiB, 700 * MiB + 4095],
      [700 * MiB + 8192, 702 * MiB - 1],
      [size - 512, size - 1],
    ]);
    const read = await content(blob, 700 * MiB, MiB);
    const expected = Buffer.from(data);
    expected.fill(0, 4096, 8192);
    expect(read.equals(expected)).toBe(true);
    const properties = await blob.getProperties();
    expect(properties.contentLength).toBe(size);
    expect(properties.blobType).toBe('PageBlob');
    expect(properties.metadata).toEqual({ kubernetesversion: 'v1.33.4' });
  });

  test('ranges are listed window by window and page by page', async () => {
    const simulator = await startSimulator(fakeAzure());
    const container = withKey(simulator, 'srcacct').getContainerClient('images');
    await container.create();
    const blob = container.getPageBlobClient('fragmented.vhd');
    await blob.create(size);
    for (let i = 0; i < 20; i += 1) await blob.uploadPages(Buffer.alloc(512, 1), i * 4096, 512);
    const windowed = await blob.getPageRanges(8192, 8192);
    expect(windowed.pageRange).toHaveLength(2);
    const pages = blob.listPageRanges(0, size).byPage({ maxPageSize: 7 });
    const counts: number[] = [];
    for await (const page of pages) counts.push(page.pageRange?.length ?? 0);
    expect(counts).toEqual([7, 7, 6]);
  });

  test('what is written survives a restart of the simulator', async () => {
    const dataDirectory = temporaryDirectory();
    const data = randomBytes(8192);
    const first = await startSimulator(fakeAzure(), { dataDirectory });
    const container = withKey(first, 'srcacct').getContainerClient('images');
    await container.create();
    await container.getPageBlobClient('os.vhd').create(size);
    await container.getPageBlobClient('os.vhd').uploadPages(data, 512, data.length);
    await first.close();
    const second = await startSimulator(fakeAzure(), { dataDirectory });
    const blob = withKey(second, 'srcacct').getContainerClient('images').getPageBlobClient('os.vhd');
    expect(await rangesOf(blob)).toEqual([[512, 512 + 8191]]);
    expect((await content(blob, 512, 8192)).equals(data)).toBe(true);
  });

  test('limits and alignment are refused as Azure refuses them', async () => {
    const simulator = await startSimulator(fakeAzure());
    const container = withKey(simulator, 'srcacct').getContainerClient('images');
    await container.create();
    const blob = container.getPageBlobClient('os.vhd');
    await expect(blob.create(1000)).rejects.toMatchObject({ statusCode: 400, code: 'InvalidHeaderValue' });
    await blob.create(64 * MiB);
    await expect(blob.uploadPages(Buffer.alloc(4 * MiB + 512), 0, 4 * MiB + 512)).rejects.toMatchObject({
      statusCode: 413,
    });
    await expect(blob.uploadPages(Buffer.alloc(512), 100, 512)).rejects.toMatchObject({
      statusCode: 416,
      code: 'InvalidPageRange',
    });
    await expect(blob.uploadPages(Buffer.alloc(512), 64 * MiB, 512)).rejects.toMatchObject({ statusCode: 416 });
    await expect(blob.create(64 * MiB, { conditions: { ifNoneMatch: '*' } })).rejects.toMatchObject({
      statusCode: 409,
      code: 'BlobAlreadyExists',
    });
    await expect(
      blob.uploadPages(Buffer.alloc(512), 0, 512, { conditions: { ifMatch: '"0x0"' } }),
    ).rejects.toMatchObject({
      statusCode: 412,
    });
    await expect(container.getPageBlobClient('absent').getProperties()).rejects.toMatchObject({
      statusCode: 404,
      details: { errorCode: 'BlobNotFound' },
    });
  });

  test('size, sequence number and metadata change under conditions', async () => {
    const simulator = await startSimulator(fakeAzure());
    const container = withKey(simulator, 'srcacct').getContainerClient('images');
    await container.create();
    const blob = container.getPageBlobClient('os.vhd');
    await blob.create(MiB, { blobSequenceNumber: 7 });
    await blob.uploadPages(Buffer.alloc(1024, 1), MiB - 1024, 1024);
    await blob.resize(MiB - 512);
    await blob.resize(2 * MiB);
    expect(await rangesOf(blob)).toEqual([[MiB - 1024, MiB - 513]]);
    expect((await content(blob, MiB - 1024, 1024)).subarray(512).every((byte) => byte === 0)).toBe(true);
    expect((await blob.updateSequenceNumber('increment')).blobSequenceNumber).toBe(8);
    const most = { a: 'x'.repeat(8191) };
    await blob.setMetadata(most);
    await expect(blob.setMetadata({ ...most, b: '' })).rejects.toMatchObject({ statusCode: 400 });
    expect((await blob.getProperties()).metadata).toEqual(most);
    const stale = { conditions: { ifSequenceNumberEqualTo: 7 } };
    await expect(blob.uploadPages(Buffer.alloc(512), 0, 512, stale)).rejects.toMatchObject({
      statusCode: 412,
      code: 'SequenceNumberConditionNotMet',
    });
    const { etag } = await blob.setMetadata({ complete: 'true' });
    await expect(blob.setMetadata({}, { conditions: { ifMatch: '"0x0"' } })).rejects.toMatchObject({ statusCode: 412 });
    await expect(blob.download(0, 512, { conditions: { ifNoneMatch: etag ?? '' } })).rejects.toMatchObject({
      statusCode: 304,
    });
    await blob.delete();
    expect(await blob.exists()).toBe(false);
  });

  test('a whole blob is streamed, and a reset removes everything but the seeded images', async () => {
    const simulator = await startSimulator(fakeAzure(), { seedImages: true });
    const container = withKey(simulator, 'srcacct').getContainerClient('images');
    await container.create();
    const blob = container.getPageBlobClient('os.vhd');
    await blob.create(12 * MiB);
    await blob.uploadPages(Buffer.alloc(512, 9), 11 * MiB, 512);
    const all = await blob.downloadToBuffer(0, 12 * MiB, { blockSize: 12 * MiB });
    expect([all.length, all[11 * MiB], all[11 * MiB + 512]]).toEqual([12 * MiB, 9, 0]);
    await send(simulator, `127.0.0.1:${simulator.port}`, 'POST', '/_simulator/reset');
    expect(await container.exists()).toBe(false);
    const image = { account: 'capstanimages', container: 'images', name: 'ubuntu-2404-v1.34.1.vhd' };
    expect(simulator.storage.dataPlane.blob(image.account, image.container, image.name)).toMatchObject({
      endsWithVhdFooter: true,
    });
  });

  test('a diff lists what was written and cleared after the snapshot', async () => {
    const simulator = await startSimulator(fakeAzure());
    const container = withKey(simulator, 'srcacct').getContainerClient('images');
    await container.create();
    const blob = container.getPageBlobClient('os.vhd');
    await blob.create(MiB);
    await blob.uploadPages(Buffer.alloc(4096, 1), 0, 4096);
    const snapshot = await blob.createSnapshot();
    await blob.uploadPages(Buffer.alloc(512, 2), 8192, 512);
    await blob.clearPages(0, 1024);
    const diff = await blob.getPageRangesDiff(0, MiB, snapshot.snapshot ?? '');
    expect(diff.pageRange?.map((r) => r.offset)).toEqual([8192]);
    expect(diff.clearRange?.map((r) => r.offset)).toEqual([0]);
    const old = await blob.withSnapshot(snapshot.snapshot ?? '').downloadToBuffer(0, 4096);
    expect(old.equals(Buffer.alloc(4096, 1))).toBe(true);
    await expect(blob.delete()).rejects.toMatchObject({ statusCode: 409, code: 'SnapshotsPresent' });
    await blob.delete({ deleteSnapshots: 'include' });
  });
});

async function sourceImage(simulator: Simulator): Promise<PageBlobClient> {
  await withToken(simulator, 'srcacct').getContainerClient('images').create();
  await withToken(simulator, 'dstacct').getContainerClient('images').create();
  const source = withToken(simulator, 'srcacct').getContainerClient('images').getPageBlobClient('os.vhd');
  await source.create(size);
  for (let i = 0; i < 5; i += 1) await source.uploadPages(randomBytes(256 * 1024), i * 900 * MiB, 256 * 1024);
  await source.uploadPages(randomBytes(512), size - 512, 512);
  return source;
}

async function digest(client: PageBlobClient): Promise<string> {
  const hash = createHash('sha256');
  for (const [start = 0, end = 0] of await rangesOf(client))
    hash.update(`${start}`).update(await content(client, start, end - start + 1));
  return hash.digest('hex');
}

/** A user delegation SAS that reads the source image. */
async function readSas(simulator: Simulator): Promise<string> {
  const key = await withToken(simulator, 'srcacct').getUserDelegationKey(
    new Date(Date.now() - 60_000),
    new Date(Date.now() + 3_600_000),
  );
  const fields = {
    containerName: 'images',
    blobName: 'os.vhd',
    permissions: BlobSASPermissions.parse('r'),
    expiresOn: new Date(Date.now() + 3_000_000),
  };
  return generateBlobSASQueryParameters(fields, key, 'srcacct').toString();
}

describe('copying between accounts', () => {
  test('Put Page From URL copies the ranges byte by byte with bearer, SAS and public sources', async () => {
    const azure = fakeAzure();
    const simulator = await startSimulator(azure);
    const source = await sourceImage(simulator);
    const expires = new Date(Date.now() + 3_600_000);
    const starts = new Date(Date.now() - 600_000);
    const key = await withToken(simulator, 'srcacct').getUserDelegationKey(starts, expires);
    const fields = {
      containerName: 'images',
      blobName: 'os.vhd',
      permissions: BlobSASPermissions.parse('r'),
      startsOn: starts,
      expiresOn: expires,
    };
    const delegated = generateBlobSASQueryParameters(fields, key, 'srcacct').toString();
    const shared = generateBlobSASQueryParameters(
      fields,
      new StorageSharedKeyCredential('srcacct', accountKey('srcacct')),
    ).toString();
    const token = await appCredential(simulator).getToken('https://storage.azure.com/.default');
    const ways = {
      bearer: { url: source.url, options: { sourceAuthorization: { scheme: 'Bearer', value: token?.token ?? '' } } },
      delegated: { url: `${source.url}?${delegated}`, options: {} },
      shared: { url: `${source.url}?${shared}`, options: {} },
    };
    for (const [name, way] of Object.entries(ways)) {
      const target = withToken(simulator, 'dstacct').getContainerClient('images').getPageBlobClient(`${name}.vhd`);
      await target.create(size);
      for (const [start = 0, end = 0] of await rangesOf(source)) {
        await target.uploadPagesFromURL(way.url, start, start, end - start + 1, way.options);
      }
      expect(await digest(target), name).toBe(await digest(source));
    }
  });

  test('a changed source is 412, a locked one CannotVerifyCopySource with the inner code', async () => {
    const azure = fakeAzure();
    const simulator = await startSimulator(azure);
    const source = await sourceImage(simulator);
    const target = withToken(simulator, 'dstacct').getContainerClient('images').getPageBlobClient('copy.vhd');
    await target.create(size);
    const token = await appCredential(simulator).getToken('https://storage.azure.com/.default');
    const sourceAuthorization = { scheme: 'Bearer', value: token?.token ?? '' };
    await expect(
      target.uploadPagesFromURL(source.url, 0, 0, 512, { sourceAuthorization, sourceConditions: { ifMatch: '"0x1"' } }),
    ).rejects.toMatchObject({ statusCode: 412 });
    const shared = generateBlobSASQueryParameters(
      {
        containerName: 'images',
        blobName: 'os.vhd',
        permissions: BlobSASPermissions.parse('r'),
        expiresOn: new Date(Date.now() + 3_600_000),
      },
      new StorageSharedKeyCredential('srcacct', accountKey('srcacct')),
    ).toString();
    azure.accounts.set('srcacct', { ...azure.accounts.get('srcacct')!, allowSharedKeyAccess: false });
    await expect(target.uploadPagesFromURL(`${source.url}?${shared}`, 0, 0, 512)).rejects.toMatchObject({
      statusCode: 403,
      code: 'CannotVerifyCopySource',
      details: { copySourceErrorCode: 'KeyBasedAuthenticationNotPermitted', copySourceStatusCode: 403 },
    });
    await expect(target.uploadPagesFromURL(source.url, 0, 0, 512)).rejects.toMatchObject({
      code: 'CannotVerifyCopySource',
      details: { copySourceErrorCode: 'PublicAccessNotPermitted' },
    });
    await expect(target.uploadPagesFromURL('https://elsewhere.example/x.vhd', 0, 0, 512)).rejects.toMatchObject({
      code: 'CannotVerifyCopySource',
    });
  });

  test('an asynchronous copy stays pending with progress, then succeeds; an aborted one is empty', async () => {
    const simulator = await startSimulator(fakeAzure(), { timeScale: 20 });
    const source = await sourceImage(simulator);
    const sas = await readSas(simulator);
    const images = withToken(simulator, 'dstacct').getContainerClient('images');
    const target = images.getPageBlobClient('copy.vhd');
    const poller = await target.beginCopyFromURL(`${source.url}?${sas}`, { intervalInMs: 20 });
    const seen = await target.getProperties();
    expect(seen.copyStatus).toBe('pending');
    expect(seen.copyProgress).toMatch(/^\d+\/32212255232$/);
    expect(seen.copySource).toBe(source.url);
    await expect(target.uploadPages(Buffer.alloc(512), 0, 512)).rejects.toMatchObject({ code: 'PendingCopyOperation' });
    expect((await poller.pollUntilDone()).copyStatus).toBe('success');
    expect(await digest(target)).toBe(await digest(source));
    const other = images.getPageBlobClient('aborted.vhd');
    const second = await other.beginCopyFromURL(`${source.url}?${sas}`, { intervalInMs: 20 });
    await other.abortCopyFromURL((await other.getProperties()).copyId ?? '');
    second.stopPolling();
    const aborted = await other.getProperties();
    expect([aborted.copyStatus, aborted.contentLength]).toEqual(['aborted', 0]);
  });

  test('a pending copy is finished after a restart', async () => {
    const dataDirectory = temporaryDirectory();
    const first = await startSimulator(fakeAzure(), { dataDirectory, timeScale: 10 });
    const source = await sourceImage(first);
    const sas = await readSas(first);
    await withToken(first, 'dstacct')
      .getContainerClient('images')
      .getPageBlobClient('copy.vhd')
      .beginCopyFromURL(`${source.url}?${sas}`);
    await first.close();
    const second = await startSimulator(fakeAzure(), { dataDirectory, timeScale: 10 });
    const target = withToken(second, 'dstacct').getContainerClient('images').getPageBlobClient('copy.vhd');
    await expect.poll(async () => (await target.getProperties()).copyStatus, { timeout: 10_000 }).toBe('success');
    const again = withToken(second, 'srcacct').getContainerClient('images').getPageBlobClient('os.vhd');
    expect(await digest(target)).toBe(await digest(again));
  });
});

test('an anonymous client reads a public image and nothing else', async () => {
  const simulator = await startSimulator(fakeAzure(), { seedImages: true });
  const image = new PageBlobClient(
    `${url('capstanimages')}/images/ubuntu-2404-v1.33.4.vhd`,
    new AnonymousCredential(),
    pipeline(simulator),
  );
  const properties = await image.getProperties();
  expect(properties.contentLength).toBe(size);
  expect(properties.metadata).toEqual({ kubernetesversion: 'v1.33.4' });
  const ranges = await rangesOf(image);
  expect(ranges).toHaveLength(41);
  expect(ranges.reduce((sum, [start = 0, end = 0]) => sum + end - start + 1, 0)).toBe(24 * MiB + 512);
  const footer = await content(image, size - 512, 512);
  expect(footer.subarray(0, 8).toString()).toBe('conectix');
  await expect(image.setMetadata({})).rejects.toMatchObject({ statusCode: 401, code: 'NoAuthenticationInformation' });
});
