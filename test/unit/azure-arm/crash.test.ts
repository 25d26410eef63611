import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { createBench, NET, NETWORK_VERSION, virtualClock } from './harness.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const url = `${NET}/routeTables/r?${NETWORK_VERSION}`;

/** Writes one resource in a process of its own and waits for ever. */
const writer = `
  import { createArm } from '#local/azure/azure.ts';
  import { createWallClock } from '#local/azure/clock.ts';
  const storage = { createContainer: () => true };
  const principal = { objectId: '44444444-4444-4444-8444-444444444444', clientId: 'x', tenantId: 'x', audience: 'x', expiresAt: 0 };
  const arm = createArm({ directory: process.argv[1], clock: createWallClock(1), storage, machines: {}, verifyBearer: () => principal });
  const [path, search] = process.argv[2].split('?');
  const body = Buffer.from(JSON.stringify({ location: 'westeurope' }));
  const reply = await arm.handle({ method: 'PUT', host: 'management.azure.com', path, query: new URLSearchParams(search), rawUrl: process.argv[2], headers: {}, body });
  process.stdout.write(String(reply.status));
  setInterval(() => {}, 1000);
`;

test('a killed process loses nothing that it answered; the operation ends in the next one', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'arm-'));
  const child = spawn(process.execPath, ['--input-type=module', '-e', writer, folder, url], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const status = await new Promise<string>((done) =>
    child.stdout.once('data', (data: Buffer) => done(data.toString())),
  );
  expect(status).toBe('201');
  const ended = new Promise((done) => child.once('exit', done));
  child.kill('SIGKILL');
  await ended;
  const clock = virtualClock();
  clock.advance((Date.now() - clock.now()) / 1000);
  const bench = createBench({ folder, clock });
  bench.arm.start();
  try {
    expect((await bench.call('GET', url)).body.properties.provisioningState).toBe('Updating');
    clock.advance(60);
    expect((await bench.call('GET', url)).body.properties.provisioningState).toBe('Succeeded');
  } finally {
    bench.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
