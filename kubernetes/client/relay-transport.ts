import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type RelayedFile, relayMarker } from '#domain/kubeadm/relay.ts';
import type { Secret } from '#domain/secret.ts';
import { KubernetesForeignCertificate, KubernetesUnreachable } from './transport.ts';
import type { Transport, TransportRequest, TransportResponse } from './transport.ts';

/** The container between Capstan and the machines. Rejects when the storage account cannot be used. */
export interface RelayStore {
  /** Names of the blobs that begin so. */
  list(prefix: string): Promise<readonly string[]>;
  put(name: string, text: string): Promise<void>;
  /** Undefined while there is no such blob. */
  get(name: string): Promise<string | undefined>;
  delete(name: string): Promise<void>;
}

export interface RelayTransportOptions {
  readonly host: string;
  readonly store: RelayStore;
  /** Private key of the cluster's authority: both sides derive the signing key from it. */
  readonly authorityKey: Secret;
  /** What the machine has in files: these contents travel as their names. */
  readonly files: Readonly<Partial<Record<RelayedFile, string | Secret>>>;
  /** Milliseconds without a result after which a request counts as lost. */
  readonly timeoutMs: number;
  /** Milliseconds between two looks for a result. */
  readonly lookMs: number;
}

/**
 * The way to an API server whose network has no way in: numbered, signed request blobs, carried out by the script that
 * runs on the control-plane machines (domain/kubeadm/relay.ts), and signed result blobs. Each request names the machine
 * that spoke last of its API server; one that stays silent is left for another. One request after the other; a lost one
 * is never carried out later than ten minutes after it was written.
 */
export function createRelayTransport(options: RelayTransportOptions): Transport {
  const key = signingKey(options.authorityKey);
  const session = randomBytes(8).toString('hex');
  const known = Object.entries(options.files).map(
    ([file, content]) => [relayMarker(file as RelayedFile), base64(content)] as const,
  );
  let number = 0;
  let last: Promise<unknown> = Promise.resolve();
  const machines = machineChoice(options, key);

  const carry = async (request: TransportRequest): Promise<TransportResponse> => {
    number += 1;
    const machine = await machines.choose();
    const name = `${machine}/${String(Date.now()).padStart(13, '0')}-${session}-${String(number).padStart(6, '0')}`;
    const payload = [
      request.method,
      request.path,
      request.contentType ?? '',
      known.reduce((text, [marker, content]) => text.replaceAll(content, marker), request.body ?? ''),
    ].join('\n');
    await reachable(options, () =>
      options.store.put(`requests/${name}`, `${sign(key, `request ${name}`, payload)}\n${payload}`),
    );
    const text = await result(options, name).catch((error: unknown) => {
      machines.leave(machine);
      throw error;
    });
    const [signature = '', ...rest] = text.split('\n');
    const answer = rest.join('\n');
    if (!isSame(signature, sign(key, `result ${name}`, answer)))
      throw new KubernetesForeignCertificate(
        `the result ${name} of the relay of ${options.host} is not signed with the cluster's key`,
        'RELAY_SIGNATURE',
      );
    return response(options.host, known, answer);
  };
  return {
    send(request) {
      const sent = last.then(() => carry(request));
      last = sent.catch(() => undefined);
      return sent;
    },
    close: () => undefined,
  };
}

/** How old the word of a machine may be: like a request's, as far as the two clocks may differ. */
const spokenMs = 600_000;

/**
 * Which machine the next request goes to: the one that has spoken last, then the same as long as it answers. Words that
 * are not signed do not count.
 */
function machineChoice({ store, host, ...options }: RelayTransportOptions, key: Buffer) {
  let chosen: string | undefined;
  const silentSince = new Map<string, number>();
  const words = async (): Promise<readonly { readonly machine: string; readonly at: number }[]> => {
    const names = await store.list('machines/');
    const read = await Promise.all(names.map(async (name) => ({ name, text: await store.get(name) })));
    return read.flatMap(({ name, text = '' }) => {
      const machine = name.slice('machines/'.length);
      const [signature = '', ...rest] = text.split('\n');
      const payload = rest.join('\n');
      const at = Number(payload) * 1000;
      const isHeard = isSame(signature, sign(key, `machine ${machine}`, payload)) && Date.now() - at < spokenMs;
      return isHeard && at > (silentSince.get(machine) ?? 0) ? [{ machine, at }] : [];
    });
  };
  return {
    async choose(): Promise<string> {
      if (chosen !== undefined) return chosen;
      const [latest] = (await reachable({ store, host, ...options }, words)).toSorted((a, b) => b.at - a.at);
      if (latest === undefined)
        throw new KubernetesUnreachable(
          `no control-plane machine of ${host} says that its API server answers`,
          'ENOENT',
        );
      chosen = latest.machine;
      return chosen;
    },
    leave(machine: string): void {
      chosen = undefined;
      silentSince.set(machine, Date.now());
    },
  };
}

/** The key of both sides: white space aside, the same text on the machine and in Key Vault. */
export function signingKey(authorityKey: Secret): Buffer {
  return createHash('sha256')
    .update(`capstan-relay:${authorityKey.reveal().replaceAll(/\s/g, '')}`)
    .digest();
}

export function sign(key: Buffer, what: string, text: string): string {
  return createHmac('sha256', key).update(`${what}\n${text}`).digest('hex');
}

function isSame(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}

async function result(options: RelayTransportOptions, name: string): Promise<string> {
  const { store, timeoutMs, lookMs } = options;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const text = await reachable(options, () => store.get(`results/${name}`));
    if (text !== undefined) {
      await reachable(options, () => store.delete(`results/${name}`));
      return text;
    }
    if (performance.now() > deadline) {
      await reachable(options, () => store.delete(`requests/${name}`));
      throw new KubernetesUnreachable(
        `no result from the relay of ${options.host} within ${timeoutMs} ms`,
        'ETIMEDOUT',
      );
    }
    await sleep(lookMs);
  }
}

/** A storage account that does not answer, or does not know our role yet, passes like a network that is away. */
async function reachable<Value>({ host }: RelayTransportOptions, run: () => Promise<Value>): Promise<Value> {
  try {
    return await run();
  } catch (error) {
    const code = (error as { code?: unknown }).code;
    throw new KubernetesUnreachable(
      `the relay of ${host} cannot be used: ${typeof code === 'string' ? code : 'the storage account does not answer'}`,
      'ERELAY',
    );
  }
}

/** Status, content type, Retry-After, body, each on a line of its own. */
function response(host: string, known: readonly (readonly [string, string])[], answer: string): TransportResponse {
  const [status = '', contentType = '', retryAfter = '', ...lines] = answer.split('\n');
  if (Number(status) === 0)
    throw new KubernetesUnreachable(`the API server of ${host} does not answer its own machine`, 'ECONNREFUSED');
  const body = known.reduce((text, [marker, content]) => text.replaceAll(marker, content), lines.join('\n'));
  return {
    status: Number(status),
    contentType,
    ...(retryAfter === '' ? {} : { retryAfter: Number(retryAfter) }),
    body,
  };
}

function base64(content: string | Secret): string {
  return Buffer.from(typeof content === 'string' ? content : content.reveal(), 'utf8').toString('base64');
}
