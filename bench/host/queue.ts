/** The embedded host with a queue before it: from the call that sends a message to the first line of the activity. */
import { spawn, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { Capstan } from './capstan.ts';
import { freePorts } from './install.ts';
import type { Queued } from './peer.ts';

const AZURITE = path.resolve(import.meta.dirname, '../../node_modules/azurite/dist/src/azurite.js');
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** See the head of this file; the queue is Azurite in memory. */
export class QueuedCapstan implements Queued {
  readonly name = 'capstan';
  readonly #host: Capstan;
  readonly #azurite: ChildProcess;
  readonly #queue: QueueClient;

  private constructor(host: Capstan, azurite: ChildProcess, queue: QueueClient) {
    this.#host = host;
    this.#azurite = azurite;
    this.#queue = queue;
  }

  /** Starts Azurite and a host of its own in a folder. */
  static async start(folder: string, mode: 'process' | 'power'): Promise<QueuedCapstan> {
    const [blob, queue, table] = await freePorts(3);
    const flags = '--inMemoryPersistence --skipApiVersionCheck --disableTelemetry --silent'.split(' ');
    const ports = ['--blobPort', blob, '--queuePort', queue, '--tablePort', table].map(String);
    const azurite = spawn(process.execPath, [AZURITE, ...flags, ...ports], { stdio: 'ignore', cwd: tmpdir() });
    const connection = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${KEY};QueueEndpoint=http://127.0.0.1:${queue}/devstoreaccount1;`;
    const service = QueueServiceClient.fromConnectionString(connection, { retryOptions: { maxTries: 1 } });
    const client = service.getQueueClient('bench');
    for (let tries = 0; tries < 200; tries++) {
      const made = await client.createIfNotExists().catch(() => undefined);
      if (made) break;
      await sleep(50);
    }
    const host = new Capstan(folder, mode, connection);
    await host.start();
    return new QueuedCapstan(host, azurite, client);
  }

  async queued(n: number): Promise<number> {
    const id = `queued-${n}`;
    const sent = Date.now();
    await this.#queue.sendMessage(Buffer.from(JSON.stringify({ id })).toString('base64'));
    return Number(await this.#host.waitFor(id)) - sent;
  }

  async stop(): Promise<void> {
    await this.#host.stop();
    this.#azurite.kill('SIGKILL');
  }
}
