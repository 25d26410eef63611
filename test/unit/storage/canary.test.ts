import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { inspect } from 'node:util';
import { account, CopyScene } from '../../full/storage/copy-world.ts';
import { privateImage, StorageWorld } from '../../full/storage/harness.ts';

const world = new StorageWorld();
beforeAll(() => world.start());
afterAll(() => world.stop());

const status = (code: number, name: string) => ({ kind: 'status', status: code, code: name });
const toSource = { host: privateImage.account };
const toCopy = { host: account };

/** Where the copy is made to fail, and how. */
const failures = [
  ['nothing fails', undefined],
  ['the source refuses its SAS', { match: toSource, action: status(403, 'AuthenticationFailed') }],
  [
    'listing the source fails',
    { match: { ...toSource, query: 'comp=pagelist' }, action: status(403, 'AuthorizationFailure') },
  ],
  ['the connection to the source breaks', { match: toSource, action: { kind: 'reset-before' } }],
  ['the account refuses keys', { match: toCopy, action: status(403, 'KeyBasedAuthenticationNotPermitted') }],
  ['the account refuses the SAS twice', { match: toCopy, times: 2, action: status(403, 'AuthenticationFailed') }],
  ['the blob cannot be created', { match: { ...toCopy, method: 'PUT' }, action: status(409, 'BlobTypeNotSupported') }],
  ['the lease is refused', { match: { ...toCopy, query: 'comp=lease' }, action: status(403, 'AuthorizationFailure') }],
  [
    'the source is refused to the service',
    { match: { ...toCopy, query: 'comp=page(&|$)' }, action: status(403, 'CannotVerifyCopySource') },
  ],
  ['a page write breaks', { match: { ...toCopy, query: 'comp=page(&|$)' }, action: { kind: 'reset-before' } }],
  [
    'a page write is an internal error',
    { match: { ...toCopy, query: 'comp=page(&|$)' }, action: status(500, 'InternalError') },
  ],
  ['the mark fails', { match: { ...toCopy, query: 'comp=metadata' }, action: status(403, 'AuthorizationFailure') }],
] as const;

describe('signatures, keys and tokens', () => {
  it.each(failures)('never leave the room when %s', async (title, failure) => {
    const printed: unknown[] = [];
    for (const name of ['log', 'info', 'warn', 'error', 'debug'] as const) {
      vi.spyOn(console, name).mockImplementation((...parts) => void printed.push(parts));
    }
    const query = await world.sasOf(privateImage.account, privateImage.container, privateImage.name);
    const scene = await CopyScene.make(world, privateImage, `?${query}`);
    const connection = scene.connection();
    const engine = scene.engine(connection);
    if (failure !== undefined) await world.fault({ service: 'blob', ...failure });
    const said: unknown[] = [];
    for (const method of ['ranges', 'service'] as const) {
      const planned = await engine.plan(scene.plan, { method });
      said.push(planned);
      if (planned.status !== 'done') continue;
      for (const slice of planned.value.slices) said.push(await engine.slice(scene.plan, planned.value, slice));
      said.push(await engine.finish(scene.plan, planned.value));
      said.push(await engine.abort(scene.plan));
    }
    const faults = `${world.simulator.url}/_simulator/faults`;
    const { dataPlanes } = (await (await fetch(faults)).json()) as { dataPlanes: { hits: number }[] };
    expect(dataPlanes.every(({ hits }) => hits > 0)).toBe(true);
    await fetch(faults, { method: 'DELETE' });
    vi.restoreAllMocks();
    const text = `${JSON.stringify(said)} ${inspect(said, { depth: null })} ${inspect(printed, { depth: null })}`;
    expect(text.length).toBeGreaterThan(100);
    const credential = await connection.credential();
    const token = await credential.getToken('https://storage.azure.com/.default');
    const signature = new URLSearchParams(query).get('sig') ?? '';
    const secrets = [
      signature,
      encodeURIComponent(signature),
      await world.keyOf(account),
      await world.keyOf(privateImage.account),
      token?.token ?? '',
    ];
    for (const secret of secrets) {
      expect(secret.length, title).toBeGreaterThan(20);
      expect(text.includes(secret), title).toBe(false);
    }
    expect(text).not.toMatch(/sig=|Bearer |eyJ|SharedKey/);
  });
});
