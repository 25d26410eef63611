import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readConfig } from '#config/config.ts';
import type { ClusterHead, Phase } from '#domain/record.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import type { ListedResource } from '#local/azure/azure.ts';
import type { AzureReply, RequestLogEntry } from '#local/azure/service.ts';
import type { LogRecord } from '#local/host/core/log.ts';
import { seededClientId, type Simulator } from '#local/simulator/compose.ts';
import { createSimulator } from '#local/simulator/simulator.ts';
import { applyCluster } from '#services/apply.ts';
import { cancelOperation } from '#services/cancel.ts';
import { deleteClusterByName } from '#services/delete.ts';
import type { ServiceDependencies } from '#services/dependencies.ts';
import { readStatus } from '#services/status.ts';
import { sweepOperations } from '#services/sweep.ts';
import { createStore, type Store } from '#store/store.ts';
import { createCredential } from './stand-ins/azure-credential.ts';
import { repository } from './hooks.ts';
import { settings, startHost, type VirtualHost } from './host.ts';
import { seedRandom } from './keys.ts';
import { emptyAccount } from './stand-ins/store-clients.ts';
import { passUntil, virtualTime } from './time.ts';
import { bytesOf, gatewayUrl, sendToAzure } from './wire.ts';

export interface VirtualStatus {
  readonly phase: Phase;
  readonly head: ClusterHead;
}

/**
 * The whole stack in this process on virtual time: the app's own functions on the embedded engine, the simulated Azure
 * and Kubernetes, the store in memory. Nothing waits for a clock; what is random comes from the seed.
 */
export interface VirtualWorld {
  readonly store: Store;
  readonly dependencies: ServiceDependencies;
  readonly host: VirtualHost;
  /** Lines of the host at level warning and above. */
  readonly lines: readonly LogRecord[];
  apply(document: ClusterDocument, requestId?: string): Promise<void>;
  delete(name: string, requestId?: string): Promise<void>;
  cancel(name: string, then: 'keep' | 'delete'): Promise<void>;
  /** Lets time pass until no operation of the cluster is left. */
  settled(name: string, seconds?: number): Promise<VirtualStatus>;
  /** Lets time pass until the condition holds, at most so many seconds of it. */
  until(holds: () => boolean | Promise<boolean>, what: string, seconds?: number): Promise<void>;
  status(name: string): Promise<object | undefined>;
  /** Asks the simulated Azure as the app's identity. */
  arm(method: string, route: string, body?: object): Promise<string>;
  /** Every resource in Azure, without case of ids. */
  resources(): Promise<readonly ListedResource[]>;
  /** Names of the secrets in the vault, deleted ones that can be recovered included. */
  secrets(): Promise<readonly string[]>;
  requests(): readonly RequestLogEntry[];
  /** Adds a fault rule, of the control plane or of a data plane. @returns its name */
  fault(rule: object): Promise<string>;
  /** How often a fault has struck. */
  struck(name: string): Promise<number>;
  unmodelled(): Promise<readonly unknown[]>;
  close(): Promise<void>;
}

const dayMilliseconds = 86_400_000;

/** Makes a world of its own; one at a time per process. Each begins some days after the last one ended. */
export async function createWorld(seed: string): Promise<VirtualWorld> {
  virtualTime.now = Math.ceil(virtualTime.now / dayMilliseconds) * dayMilliseconds + 2 * dayMilliseconds;
  virtualTime.clear();
  seedRandom(seed);
  const data = mkdtempSync(path.join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'capstan-virtual-'));
  const simulator = await createSimulator({ port: 0, dataDirectory: data, timeScale: 1 });
  await fillComponents();
  const lines: LogRecord[] = [];
  const host = await startHost((record) => {
    if (record.level === 'warning' || record.level === 'error' || record.level === 'critical') lines.push(record);
  });
  const config = readConfig(settings);
  const dependencies: ServiceDependencies = { config, store: createStore(config.storage), starter: host.starter };
  return worldOf({ simulator, host, dependencies, lines, data });
}

interface Parts {
  readonly simulator: Simulator;
  readonly host: VirtualHost;
  readonly dependencies: ServiceDependencies;
  readonly lines: LogRecord[];
  readonly data: string;
}

function worldOf({ simulator, host, dependencies, lines, data }: Parts): VirtualWorld {
  const { store } = dependencies;
  let requests = 0;
  const headOf = async (name: string): Promise<ClusterHead | undefined> => (await store.clusters.head(name))?.value;
  const sweeps = setInterval(() => {
    if (!host.isAway) void sweepOperations(dependencies, Date.now());
  }, 60_000);
  const until: VirtualWorld['until'] = async (holds, what, seconds = 12 * 3600) => passUntil(holds, seconds, what);
  const credential = createCredential({ environment: 'public', managedIdentityClientId: seededClientId });
  const ask = async (method: string, url: string, body?: object): Promise<string> => {
    const target = new URL(url);
    const audience = target.hostname === 'management.azure.com' ? target.origin : 'https://vault.azure.net';
    const token = await (await credential).getToken(`${audience}/.default`);
    const text = body === undefined ? '' : JSON.stringify(body);
    const headers = { authorization: `Bearer ${token?.token}`, 'content-type': 'application/json' };
    const reply = await sendToAzure(method, target, headers, Buffer.from(text));
    const answered = (await bytesOf(reply)).toString();
    if (reply.status >= 300) throw new Error(`${method} ${url}: ${reply.status} ${answered}`);
    return answered;
  };
  const door = async (route: string, body?: object): Promise<string> => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const reply: AzureReply = await sendToAzure(
      body === undefined ? 'GET' : 'POST',
      new URL(`/_simulator/${route}`, gatewayUrl),
      { 'content-type': 'application/json' },
      Buffer.from(text),
    );
    const answered = (await bytesOf(reply)).toString();
    if (reply.status >= 300) throw new Error(`the simulator refuses: ${answered}`);
    return answered;
  };
  return {
    store,
    dependencies,
    host,
    lines,
    until,
    async apply(document, requestId = `r-${++requests}`) {
      const { error } = await applyCluster(dependencies, requestId, document);
      if (error !== undefined) throw new Error(`${error.code} ${error.message} ${error.cause ?? ''}`);
    },
    async delete(name, requestId = `r-${++requests}`) {
      const { error } = await deleteClusterByName(dependencies, requestId, name);
      if (error !== undefined) throw new Error(`${error.code} ${error.message} ${error.cause ?? ''}`);
    },
    async cancel(name, then) {
      const head = await headOf(name);
      if (head === undefined) throw new Error(`there is no cluster ${name}`);
      await cancelOperation(store, head.operation.id, then);
    },
    async settled(name, seconds) {
      await until(
        async () => (await headOf(name))?.operation.state === 'finished',
        `the end of the operation of ${name}`,
        seconds,
      );
      const head = await headOf(name);
      if (head === undefined) throw new Error(`there is no cluster ${name}`);
      return { phase: head.phase, head };
    },
    status: async (name) => readStatus(store, name, 1),
    arm: async (method, route, body) => ask(method, `https://management.azure.com${route}`, body),
    resources: async () => JSON.parse(await door('resources')) as ListedResource[],
    async secrets() {
      const names: string[] = [];
      for (const list of ['secrets', 'deletedsecrets']) {
        const answer = await ask('GET', `https://capstan-kv.vault.azure.net/${list}?api-version=7.5&maxresults=25`);
        for (const { id } of (JSON.parse(answer) as { value: { id: string }[] }).value) names.push(`${list}/${id}`);
      }
      return names;
    },
    requests: () => simulator.log.entries(),
    async fault(rule) {
      const [added] = JSON.parse(await door('faults', rule)) as { number?: number; id?: string }[];
      return added?.id ?? String(added?.number);
    },
    async struck(name) {
      const { controlPlane, dataPlanes } = JSON.parse(await door('faults')) as {
        controlPlane: { rules: { number: number; applied: number }[] };
        dataPlanes: { id: string; hits: number }[];
      };
      const rule = controlPlane.rules.find(({ number }) => String(number) === name);
      return rule?.applied ?? dataPlanes.find(({ id }) => id === name)?.hits ?? 0;
    },
    unmodelled: async () => JSON.parse(await door('unmodelled')) as unknown[],
    async close() {
      clearInterval(sweeps);
      host.stop();
      await simulator.close();
      rmSync(data, { recursive: true, force: true });
    },
  };
}

/** An empty storage account with the component manifests that `npm start` puts there. */
async function fillComponents(): Promise<void> {
  const container = emptyAccount().getContainerClient('components');
  const folder = path.join(repository, 'local/components');
  for (const name of readdirSync(folder))
    await container.getBlockBlobClient(name).upload(readFileSync(path.join(folder, name)));
}
