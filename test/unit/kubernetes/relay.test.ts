import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { certificateSecrets, relayedKubeconfigSecret } from '#domain/cluster-api/secrets.ts';
import { relayScript } from '#domain/kubeadm/relay.ts';
import { checkReady } from '#kubernetes/client/connect.ts';
import { sign, signingKey } from '#kubernetes/client/relay-transport.ts';
import { samplePlan } from '#test/support/sample-plan.ts';
import { first, startRelay } from './relay-world.ts';

/** The script itself runs: bash, curl and openssl, between a storage account and an API server. */
let world: Awaited<ReturnType<typeof startRelay>>;
beforeEach(async () => {
  world = await startRelay();
  await world.spoken();
});
afterEach(() => world.close());

const map = (name: string, value: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  data: { text: value },
});

test('the script keeps to its size, and is the one that a simulated machine runs', () => {
  expect(relayScript.trim().split('\n').length).toBeLessThanOrEqual(100);
  const digest = createHash('sha256').update(relayScript).digest('hex');
  expect(readFileSync(new URL('../../../local/kubernetes/boot/relay.ts', import.meta.url), 'utf8')).toContain(digest);
});

test('reading, creating, applying, conflicts and refusals work as over HTTPS', async () => {
  const { client, host } = world;
  expect(await checkReady(client, host)).toMatchObject({ status: 'done', value: { version: 'v1.33.4' } });
  const strange = 'quotes " and \' and $(id) and `id` and \\ and & and ünïcode';
  await client.create(map('one', strange));
  const one = { apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'one' };
  expect(((await client.get(one)) as any).data).toEqual({ text: strange });
  await expect(client.create(map('one', 'x'))).rejects.toMatchObject({ status: 409, reason: 'AlreadyExists' });
  expect(await client.get({ ...one, name: 'none' })).toBeUndefined();
  expect(((await client.apply(map('two', 'y'))) as any).data).toEqual({ text: 'y' });
  expect(((await client.mergePatch({ ...one, name: 'two' }, { data: { text: 'z' } })) as any).data).toEqual({
    text: 'z',
  });
  expect(await client.delete(one)).toBe(true);
  await expect.poll(() => [...world.azure.blobs.keys()]).toEqual([`machines/${first}`]);
  expect(world.complaints()).toBe('');
});

test('keys are put in and taken out on the machine: no blob ever holds one, and what is read back is whole', async () => {
  const { client, keys, system, azure, admin } = world;
  const plan = samplePlan();
  system.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } });
  for (const secret of [...certificateSecrets(plan, keys), relayedKubeconfigSecret(plan)]) await client.apply(secret);
  const stored = (name: string): any => system.get({ apiVersion: 'v1', kind: 'Secret', namespace: 'demo', name });
  const decoded = (value: string) => Buffer.from(value, 'base64').toString();
  expect(decoded(stored('demo-ca').data['tls.key'])).toBe(keys.certificateAuthority.key.reveal());
  expect(decoded(stored('demo-sa').data['tls.crt'])).toBe(keys.serviceAccount.publicKey);
  expect(decoded(stored('demo-kubeconfig').data.value)).toBe(admin.reveal());
  const read: any = await client.get({ apiVersion: 'v1', kind: 'Secret', namespace: 'demo', name: 'demo-etcd' });
  expect(decoded(read.data['tls.key'])).toBe(keys.etcd.key.reveal());
  system.create({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'bootstrap', namespace: 'demo' },
    data: { value: Buffer.from('a join token abcdef.0123456789abcdef').toString('base64') },
  });
  const [foreign] = (await client.list({
    apiVersion: 'v1',
    kind: 'Secret',
    namespace: 'demo',
    fieldSelector: 'metadata.name=bootstrap',
  })) as any[];
  expect(decoded(foreign.data.value)).toBe('WITHHELD');
  const travelled = azure.seen.join('\n');
  expect(travelled.length).toBeGreaterThan(4000);
  for (const pair of [keys.certificateAuthority, keys.etcd, keys.frontProxy, keys.serviceAccount]) {
    expect(travelled).not.toContain(Buffer.from(pair.key.reveal()).toString('base64').slice(0, 80));
  }
  expect(travelled).not.toContain(Buffer.from('a join token').toString('base64').slice(0, 12));
  expect(travelled).not.toMatch(/PRIVATE KEY|client-key-data/);
});

test('what is not signed, signed for another name, too old or repeated is never carried out', async () => {
  const { azure, keys, client, system } = world;
  const key = signingKey(keys.certificateAuthority.key);
  const create = (name: string) =>
    ['POST', '/api/v1/namespaces/default/configmaps', 'application/json', JSON.stringify(map(name, ''))].join('\n');
  const now = Date.now();
  const put = (name: string, signature: string, payload: string) =>
    azure.blobs.set(`requests/${name}`, `${signature}\n${payload}`);
  const named = (at: number, number: number, machine = first) =>
    `${machine}/${at}-0123456789abcdef-${String(number).padStart(6, '0')}`;
  put(named(now, 1), 'f'.repeat(64), create('unsigned'));
  put(named(now, 2), sign(key, `request ${named(now, 3)}`, create('moved')), create('moved'));
  put(named(now, 4), sign(key, `request ${named(now, 4)}`, create('right')), create('changed'));
  const old = now - 3_600_000;
  put(named(old, 5), sign(key, `request ${named(old, 5)}`, create('old')), create('old'));
  // Carried over from another machine, which may have done it.
  const elsewhere = named(now, 7, 'demo-control-plane-2');
  put(named(now, 7), sign(key, `request ${elsewhere}`, create('elsewhere')), create('elsewhere'));
  put(named(now, 6), sign(key, `request ${named(now, 6)}`, create('good')), create('good'));
  await expect.poll(() => azure.blobs.has(`results/${named(now, 6)}`), { timeout: 10_000 }).toBe(true);
  put(named(now, 6), sign(key, `request ${named(now, 6)}`, create('good')), create('good'));
  system.delete({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'good' });
  // A request behind it comes through, so the repeated one has been looked at.
  const names = (await client.list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' })).map(
    ({ metadata }) => metadata.name,
  );
  expect(names.filter((name) => name !== 'kube-root-ca.crt')).toEqual([]);
  await expect.poll(() => [...azure.blobs.keys()].filter((name) => name.startsWith('requests/'))).toEqual([]);
});

test('a result that the machine has not signed is refused, and a machine that is silent is unreachable', async () => {
  const { store, client, azure } = world;
  await world.stop();
  const asked = client.raw('/readyz');
  const request = () => [...azure.blobs.keys()].find((blob) => blob.startsWith('requests/'));
  await expect.poll(request).toBeDefined();
  const name = request()!.replace('requests/', '');
  await store.put(`results/${name}`, `${'0'.repeat(64)}\n200\ntext/plain\n\nok`);
  await expect(asked).rejects.toMatchObject({ name: 'KubernetesForeignCertificate', code: 'RELAY_SIGNATURE' });
});

test('when a machine falls silent, another one is asked; a word that is not signed is not listened to', async () => {
  const client = world.open(1500);
  await world.stop();
  await expect(client.raw('/readyz')).rejects.toMatchObject({ name: 'KubernetesUnreachable' });
  // Nobody has spoken since: nothing is sent.
  world.azure.blobs.set('machines/liar', `${'0'.repeat(64)}\n${Math.floor(Date.now() / 1000) + 60}\n`);
  await expect(client.raw('/readyz')).rejects.toMatchObject({ code: 'ENOENT' });
  expect([...world.azure.blobs.keys()].filter((name) => name.startsWith('requests/'))).toEqual([]);
  world.start(undefined, 'demo-control-plane-2');
  await world.spoken('demo-control-plane-2');
  await expect
    .poll(() => client.raw('/readyz').catch(() => undefined), { timeout: 5000 })
    .toMatchObject({ status: 200 });
  client.close();
});

test('an API server that is down is said to be down by the machine', async () => {
  await world.stop();
  world.start(1);
  expect(await checkReady(world.client, world.host)).toMatchObject({ status: 'wait' });
});
