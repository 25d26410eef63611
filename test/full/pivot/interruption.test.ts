import { afterAll, expect, test } from 'vitest';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import { certificateSecrets, revealSecrets } from '#domain/cluster-api/secrets.ts';
import { createKubernetesClient } from '#kubernetes/client/client.ts';
import { createHttpsTransport } from '#kubernetes/client/https-transport.ts';
import { KubernetesUnreachable, type Transport, type TransportRequest } from '#kubernetes/client/transport.ts';
import { pivot, rollBack } from '#kubernetes/pivot/pivot.ts';
import { createClientCertificate } from '#kubernetes/pki/certificates.ts';
import { startWorld, type World } from '../../unit/kubernetes/pivot-world.ts';

/**
 * The hand-over, interrupted once at every request it makes and at every save of its journal, in every way a request
 * can go wrong. Whatever happens: before the commit the Cluster is paused, there is one control-plane machine and every
 * secret is the one Capstan keeps; afterwards it ends handed over, or rolled back with the cause told.
 */
const answer = (status: number, reason: string, message: string) => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code: status }),
});
const refused = () => new KubernetesUnreachable('connect ECONNREFUSED', 'ECONNREFUSED');

type Fault = (
  transport: Transport,
  request: TransportRequest,
  position: number,
) => ReturnType<Transport['send']> | undefined;
const once =
  (run: (transport: Transport, request: TransportRequest) => ReturnType<Transport['send']>): Fault =>
  (transport, request, position) =>
    position === 0 ? run(transport, request) : undefined;

/** Position 0 is the request that the round is about. */
const faults: Record<string, { readonly fault: Fault; readonly on: 'writes' | 'all' }> = {
  'the API is down for a while': {
    fault: (_, __, position) => (position >= 0 && position < 5 ? Promise.reject(refused()) : undefined),
    on: 'all',
  },
  'answer 500': { fault: once(async () => answer(500, 'InternalError', 'etcdserver: leader changed')), on: 'all' },
  'the connection drops before the request': { fault: once(() => Promise.reject(refused())), on: 'writes' },
  'the connection drops after the write': {
    fault: once(async (transport, request) => {
      await transport.send(request);
      throw new KubernetesUnreachable('socket hang up', 'ECONNRESET');
    }),
    on: 'writes',
  },
  'a conflict with another writer': {
    fault: once(async () => answer(409, 'Conflict', 'Operation cannot be fulfilled: the object has been modified')),
    on: 'writes',
  },
  'too many requests': { fault: once(async () => answer(429, 'TooManyRequests', 'slow down')), on: 'writes' },
  'a webhook that does not answer': {
    fault: once(async () => answer(500, 'InternalError', 'failed calling webhook "x": dial tcp: connection refused')),
    on: 'writes',
  },
  'a webhook that refuses': {
    fault: once(async () => answer(403, 'Forbidden', 'admission webhook "x" denied the request: planted')),
    on: 'writes',
  },
};

async function transportOf(world: World): Promise<Transport> {
  const client = await createClientCertificate(
    world.keys.certificateAuthority,
    { user: 'capstan', groups: ['system:masters'] },
    { now: Date.now(), validForSeconds: 600 },
  );
  return createHttpsTransport({
    host: world.host,
    certificateAuthority: world.keys.certificateAuthority.certificate,
    client,
    proxyUrl: world.proxyUrl,
  });
}

/** A client whose requests are counted, and met by the fault from the given one on. */
async function interrupted(world: World, fault: Fault, from: number) {
  const transport = await transportOf(world);
  const requests: TransportRequest[] = [];
  const client = createKubernetesClient({
    send(request) {
      requests.push(request);
      return fault(transport, request, requests.length - 1 - from) ?? transport.send(request);
    },
    close: () => transport.close(),
  });
  return { client, requests };
}

const clusterOf = (world: World) => world.system.get(ownerReferences(world.plan).cluster) as any;
const committed = (world: World) => ['commit', 'watch', 'done'].includes(world.journal.state?.phase ?? '');

function checkInvariants(world: World): void {
  const cluster = clusterOf(world);
  if (!committed(world) && cluster !== undefined) expect(cluster.spec.paused, 'paused before the commit').toBe(true);
  const machines = world.system.list({ apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine' });
  expect(machines.length, 'control-plane machines').toBeLessThanOrEqual(1);
  const clusters = world.system.list({ apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Cluster' }) as any[];
  expect(clusters.filter((object) => object.spec.paused !== true).length, 'unpaused owners').toBeLessThanOrEqual(1);
  for (const expected of certificateSecrets(world.plan, world.keys)) {
    const stored: any = world.system.get({
      apiVersion: 'v1',
      kind: 'Secret',
      namespace: 'demo',
      name: expected.metadata.name,
    });
    if (stored !== undefined) expect(stored.data).toEqual(revealSecrets(expected['data']));
  }
}

async function endsReady(world: World): Promise<void> {
  for (let call = 0; call < 8; call += 1) {
    const outcome: any = await pivot(world.context);
    checkInvariants(world);
    if (outcome.status === 'done') break;
    expect(outcome.status, JSON.stringify(outcome)).toBe('wait');
    if (world.journal.state?.phase === 'watch') world.adopt();
  }
  expect(world.journal.state?.phase).toBe('done');
  expect(clusterOf(world).spec.paused).toBe(false);
  expect(world.system.list({ apiVersion: 'v1', kind: 'Secret', namespace: 'demo' }).length).toBe(7);
}

/** Whatever was created is gone, apart from the namespace, which the API empties. */
async function endsRolledBack(world: World): Promise<void> {
  expect(await rollBack(world.context)).toMatchObject({ status: 'done' });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(clusterOf(world)).toBeUndefined();
  expect(world.system.list({ apiVersion: 'cluster.x-k8s.io/v1beta2', kind: 'Machine' })).toEqual([]);
  expect(world.system.list({ apiVersion: 'v1', kind: 'Secret', namespace: 'demo' })).toEqual([]);
}

/** The requests of an undisturbed hand-over: the places where the rounds interrupt. */
async function undisturbed(): Promise<{ requests: readonly TransportRequest[]; saves: number }> {
  const world = await startWorld();
  const { client, requests } = await interrupted(world, () => undefined, 0);
  await pivot({ ...world.context, client });
  world.adopt();
  await pivot({ ...world.context, client });
  const { saves } = world.journal;
  client.close();
  world.close();
  return { requests, saves };
}

let rounds = 0;
let rolledBack = 0;
afterAll(() => console.log(`pivot interruptions: ${rounds} rounds, ${rolledBack} of them rolled back with the cause`));

test.each(Object.keys(faults))('%s', async (name) => {
  const { fault, on } = faults[name]!;
  const { requests } = await undisturbed();
  const places = requests.flatMap(({ method }, index) => (on === 'all' || method !== 'GET' ? [index] : []));
  expect(places.length).toBeGreaterThan(20);
  for (const [turn, place] of places.entries()) {
    const world = await startWorld();
    const { client } = await interrupted(world, fault, place);
    let outcome: any = await pivot({ ...world.context, client });
    checkInvariants(world);
    if (outcome.status === 'wait' && world.journal.state?.phase === 'watch') {
      world.adopt();
      outcome = await pivot({ ...world.context, client });
      checkInvariants(world);
    }
    const where = `${name} at request ${place}: ${requests[place]!.method} ${requests[place]!.path}`;
    if (outcome.status === 'failed') {
      expect(outcome.error.cause, where).toContain('planted');
      expect(outcome.error.code, where).toBe('CAP-5101');
      if (!committed(world) && turn % 2 === 0) {
        await endsRolledBack(world);
        rolledBack += 1;
      }
    }
    await endsReady(world);
    rounds += 1;
    client.close();
    world.close();
  }
});

test.each(['before', 'after'] as const)('a kill right %s each save of the journal', async (when) => {
  const { saves } = await undisturbed();
  expect(saves).toBeGreaterThan(18);
  for (let nth = 1; nth <= saves; nth += 1) {
    const world = await startWorld();
    let count = 0;
    const journal = {
      ...world.context.journal,
      save: async (state: any) => {
        count += 1;
        if (count === nth && when === 'before') throw new Error('killed');
        await world.context.journal.save(state);
        if (count === nth) throw new Error('killed');
      },
    };
    const call = async () => {
      try {
        return await pivot({ ...world.context, journal });
      } catch (error) {
        expect((error as Error).message).toBe('killed');
        return undefined;
      }
    };
    if ((await call())?.status === 'wait') {
      world.adopt();
      await call();
    }
    checkInvariants(world);
    await endsReady(world);
    rounds += 1;
    world.close();
  }
});
