/** From the call that sends a queue message to the first line of the activity that it leads to. */
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { QueueServiceClient } from '@azure/storage-queue';
import { Capstan } from './capstan.ts';
import { freePorts } from './install.ts';

const AZURITE = path.resolve(import.meta.dirname, '../../node_modules/azurite/dist/src/azurite.js');
const KEY = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

/** Milliseconds of each message; the queue is Azurite in memory. Messages come about every half second. */
export async function measureQueue(folder: string, mode: 'process' | 'power', count: number): Promise<number[]> {
  const [blob, queue, table] = await freePorts(3);
  const flags = '--inMemoryPersistence --skipApiVersionCheck --disableTelemetry --silent'.split(' ');
  const ports = ['--blobPort', blob, '--queuePort', queue, '--tablePort', table].map(String);
  const azurite = spawn(process.execPath, [AZURITE, ...flags, ...ports], { stdio: 'ignore', cwd: tmpdir() });
  const connection = `DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=${KEY};QueueEndpoint=http://127.0.0.1:${queue}/devstoreaccount1;`;
  const client = QueueServiceClient.fromConnectionString(connection, { retryOptions: { maxTries: 1 } }).getQueueClient(
    'bench',
  );
  for (let tries = 0; tries < 200; tries++) {
    const made = await client.createIfNotExists().catch(() => undefined);
    if (made) break;
    await sleep(50);
  }
  const host = new Capstan(folder, mode, connection);
  await host.start();
  const times: number[] = [];
  try {
    for (let n = 0; n < count; n++) {
      const id = `queued-${n}`;
      const sent = Date.now();
      await client.sendMessage(Buffer.from(JSON.stringify({ id })).toString('base64'));
      times.push(Number(await host.waitFor(id)) - sent);
      await sleep(300 + (n % 7) * 50);
    }
  } finally {
    await host.stop();
    azurite.kill('SIGKILL');
  }
  return times;
}
