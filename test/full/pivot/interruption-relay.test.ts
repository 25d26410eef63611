import { afterAll, expect, test } from 'vitest';
import { bootstrapData } from '#domain/cluster-api/bundle.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import { certificateSecrets, revealSecrets } from '#domain/cluster-api/secrets.ts';
import { relayMarker } from '#domain/kubeadm/relay.ts';
import { connectThroughRelay } from '#kubernetes/client/connect.ts';
import { createHttpsTransport } from '#kubernetes/client/https-transport.ts';
import { type RelayStore, sign, signingKey } from '#kubernetes/client/relay-transport.ts';
import { pivot, rollBack } from '#kubernetes/pivot/pivot.ts';
import { createClientCertificate } from '#kubernetes/pki/certificates.ts';
import { samplePlan } from '#test/support/sample-plan.ts';
import { startWorld, type World } from '../../unit/kubernetes/pivot-world.ts';

/**
 * The hand-over of a private cluster, interrupted once at every write that it sends through the relay, in every way the
 * container between the two sides can fail. The machine's side is the relay's protocol, carried out in this process.
 */
const plan = samplePlan({ spec: { network: { api: { exposure: 'private' } } } });
const base64 = (text: string) => Buffer.from(text).toString('base64');

type Fault =
  | 'the account refuses'
  | 'the request is lost'
  | 'the result is lost'
  | 'the result is forged'
  | 'a quiet while';
const faults: readonly Fault[] = [
  'the account refuses',
  'the request is lost',
  'the result is lost',
  'the result is forged',
  'a quiet while',
];

interface Relay {
  readonly store: RelayStore;
  /** Writes that were asked for, in order. */
  readonly writes: string[];
}

/** A container with a machine behind it; `fault` meets the write at `place`, a quiet while the four after it too. */
async function startRelay(world: World, fault?: Fault, place = -1): Promise<Relay & { close(): void }> {
  const { keys, context } = world;
  const client = await createClientCertificate(
    keys.certificateAuthority,
    { user: 'kubernetes-admin', groups: ['system:masters'] },
    { now: Date.now(), validForSeconds: 600 },
  );
  const certificateAuthority = keys.certificateAuthority.certificate;
  const server = createHttpsTransport({ host: world.host, certificateAuthority, client, proxyUrl: world.proxyUrl });
  const key = signingKey(keys.certificateAuthority.key);
  const pki = '/etc/kubernetes/pki' as const;
  const userData = bootstrapData({ plan, observed: context.observed, keys });
  const files: readonly (readonly [string, string])[] = (
    [
      [`${pki}/ca.crt`, keys.certificateAuthority.certificate],
      [`${pki}/ca.key`, keys.certificateAuthority.key.reveal()],
      [`${pki}/etcd/ca.crt`, keys.etcd.certificate],
      [`${pki}/etcd/ca.key`, keys.etcd.key.reveal()],
      [`${pki}/front-proxy-ca.crt`, keys.frontProxy.certificate],
      [`${pki}/front-proxy-ca.key`, keys.frontProxy.key.reveal()],
      [`${pki}/sa.pub`, keys.serviceAccount.publicKey],
      [`${pki}/sa.key`, keys.serviceAccount.key.reveal()],
      ['/etc/kubernetes/admin.conf', 'the admin.conf of the machine'],
      ['/var/lib/cloud/instance/user-data.txt', userData.reveal()],
    ] as const
  ).map(([file, content]) => [relayMarker(file), base64(content)]);
  const blobs = new Map<string, string>();
  const writes: string[] = [];
  const serve = async (name: string, text: string): Promise<void> => {
    const [signature, ...payload] = text.split('\n');
    expect(signature).toBe(sign(key, `request ${name}`, payload.join('\n')));
    const [method = '', path = '', contentType = '', ...lines] = payload;
    const body = files.reduce((whole, [marker, content]) => whole.replaceAll(marker, content), lines.join('\n'));
    const reply = await server.send({
      method: method as 'GET',
      path,
      ...(contentType === '' ? {} : { contentType }),
      ...(body === '' ? {} : { body }),
    });
    const shown = files.reduce((whole, [marker, content]) => whole.replaceAll(content, marker), reply.body);
    const answer = `${reply.status}\n${reply.contentType}\n${reply.retryAfter ?? ''}\n${shown}`;
    blobs.set(`results/${name}`, `${sign(key, `result ${name}`, answer)}\n${answer}`);
  };
  const store: RelayStore = {
    async list(prefix) {
      const word = `${Math.ceil(Date.now() / 1000) + 1}\n`;
      blobs.set('machines/first', `${sign(key, 'machine first', word)}\n${word}`);
      return [...blobs.keys()].filter((name) => name.startsWith(prefix));
    },
    async put(path, text) {
      const name = path.replace('requests/', '');
      const isWrite = text.split('\n')[1] !== 'GET';
      const position = isWrite ? writes.push(`${text.split('\n')[1]} ${text.split('\n')[2]}`) - 1 - place : -1;
      const met = position === 0 || (fault === 'a quiet while' && position > 0 && position < 5);
      if (!met || place < 0) return serve(name, text);
      if (fault === 'the account refuses') throw Object.assign(new Error('planted'), { code: 'ServerBusy' });
      if (fault === 'the request is lost' || fault === 'a quiet while') return;
      await serve(name, text);
      if (fault === 'the result is lost') blobs.delete(`results/${name}`);
      else blobs.set(`results/${name}`, `${'0'.repeat(64)}\n200\napplication/json\n\n{}`);
    },
    get: async (name) => blobs.get(name),
    delete: async (name) => void blobs.delete(name),
  };
  return { store, writes, close: () => server.close() };
}

async function through(world: World, relay: Relay): Promise<World> {
  const userData = bootstrapData({ plan, observed: world.context.observed, keys: world.keys });
  const { host } = plan.network.api;
  const client = connectThroughRelay({
    host,
    store: relay.store,
    keys: world.keys,
    userData,
    timeoutMs: 25,
    lookMs: 2,
  });
  return { ...world, context: { ...world.context, client } };
}

function checkInvariants(world: World): void {
  const cluster: any = world.system.get(ownerReferences(plan).cluster);
  const committed = ['commit', 'watch', 'done'].includes(world.journal.state?.phase ?? '');
  if (!committed && cluster !== undefined) expect(cluster.spec.paused, 'paused before the commit').toBe(true);
  expect(
    world.system.list({ apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine' }).length,
    'control-plane machines',
  ).toBeLessThanOrEqual(1);
  for (const expected of certificateSecrets(plan, world.keys)) {
    const reference = { apiVersion: 'v1', kind: 'Secret', namespace: 'demo', name: expected.metadata.name };
    const stored: any = world.system.get(reference);
    if (stored !== undefined) expect(stored.data).toEqual(revealSecrets(expected['data']));
  }
  const kubeconfig: any = world.system.get({
    apiVersion: 'v1',
    kind: 'Secret',
    namespace: 'demo',
    name: 'demo-kubeconfig',
  });
  if (kubeconfig !== undefined) expect(kubeconfig.data.value).toBe(base64('the admin.conf of the machine'));
}

let rounds = 0;
let rolledBack = 0;
afterAll(() => console.log(`relayed interruptions: ${rounds} rounds, ${rolledBack} of them rolled back`));

async function writesOf(): Promise<readonly string[]> {
  const world = await startWorld({ plan });
  const relay = await startRelay(world);
  const relayed = await through(world, relay);
  expect(await pivot(relayed.context)).toMatchObject({ status: 'wait' });
  relayed.adopt();
  expect(await pivot(relayed.context)).toMatchObject({ status: 'done' });
  relay.close();
  world.close();
  return relay.writes;
}

test.each(faults)('%s', async (fault) => {
  const writes = await writesOf();
  expect(writes.length).toBeGreaterThan(20);
  for (const place of writes.keys()) {
    const world = await startWorld({ plan });
    const relay = await startRelay(world, fault, place);
    const relayed = await through(world, relay);
    const where = `${fault} at write ${place}: ${writes[place]}`;
    let outcome: any = await pivot(relayed.context);
    checkInvariants(relayed);
    if (outcome.status === 'failed')
      expect(outcome.error.code, `${where} ${JSON.stringify(outcome.error)}`).toBe('CAP-4201');
    const committed = ['commit', 'watch', 'done'].includes(world.journal.state?.phase ?? '');
    if (!committed && place % 3 === 0) {
      for (let call = 0; call < 8 && (await rollBack(relayed.context)).status !== 'done'; call += 1);
      expect(world.system.get(ownerReferences(plan).cluster), where).toBeUndefined();
      rolledBack += 1;
    }
    for (let call = 0; call < 10 && outcome.status !== 'done'; call += 1) {
      if (world.journal.state?.phase === 'watch') world.adopt();
      outcome = await pivot(relayed.context);
      checkInvariants(relayed);
    }
    expect(outcome.status, `${where}: ${JSON.stringify(outcome)}`).toBe('done');
    expect((world.system.get(ownerReferences(plan).cluster) as any).spec.paused, where).toBe(false);
    rounds += 1;
    relay.close();
    world.close();
  }
});
