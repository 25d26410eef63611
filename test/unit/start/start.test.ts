import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readQueueMessage } from '#domain/message.ts';
import { type Ports, readArguments } from '#local/start/args.ts';
import { lastLines, startChild, stopChildren } from '#local/start/children.ts';
import { openDataFolder } from '#local/start/data-folder.ts';
import { claimPorts } from '#local/start/ports.ts';
import { applyMessage, readClusterFile } from '#local/start/request.ts';
import { appSettings, connectionString, withoutProxyForLoopback } from '#local/start/stack.ts';
import { samplePath } from './documents.ts';

const free: Ports = { app: 0, azure: 0, blob: 0, queue: 0, table: 0 };
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'capstan-start-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('flags and environment', () => {
  const wrong = (argv: string[], environment: Record<string, string> = {}): string => {
    const read = readArguments(argv, environment);
    if (read.kind !== 'wrong') throw new Error(`expected a refusal, got ${read.kind}`);
    expect(read.line).not.toContain('\n');
    return read.line;
  };

  it('have the documented defaults', () => {
    expect(readArguments([], {})).toEqual({
      kind: 'run',
      options: {
        file: 'samples/cluster.yaml',
        scale: 30,
        data: '.capstan',
        reset: false,
        once: false,
        trouble: undefined,
        ports: { app: 7071, azure: 7080, blob: 10000, queue: 10001, table: 10002 },
      },
    });
  });

  it('let flags win over the environment', () => {
    const read = readArguments(
      ['--scale', '300', '--data', '/a', '--break', 'kill', '--once', '--reset', '--file', 'x.yaml'],
      {
        CAPSTAN_TIME_SCALE: '5',
        CAPSTAN_DATA: '/b',
        CAPSTAN_PORT: '8001',
      },
    );
    expect(read).toMatchObject({
      options: {
        scale: 300,
        data: '/a',
        trouble: 'kill',
        once: true,
        reset: true,
        file: 'x.yaml',
        ports: { app: 8001 },
      },
    });
    expect(readArguments([], { CAPSTAN_TIME_SCALE: '5', CAPSTAN_DATA: '/b' })).toMatchObject({
      options: { scale: 5, data: '/b' },
    });
  });

  it('are refused in one clear line', () => {
    expect(wrong(['--colour'])).toContain('--colour');
    expect(wrong(['extra'])).toContain('extra');
    expect(wrong(['--scale', 'fast'])).toContain('--scale is "fast"');
    expect(wrong(['--scale', '0'])).toContain('above 0');
    expect(wrong(['--break', 'disk'])).toContain('quota, zone, keys, throttle, kill');
    expect(wrong([], { CAPSTAN_TIME_SCALE: '-1' })).toContain('CAPSTAN_TIME_SCALE');
    expect(wrong([], { CAPSTAN_PORT: '70000' })).toContain('CAPSTAN_PORT');
    expect(wrong([], { CAPSTAN_PORT: '7080' })).toBe('CAPSTAN_PORT and CAPSTAN_AZURE_PORT are both 7080');
    expect(readArguments(['--help', '--scale', 'x'], {}).kind).toBe('help');
  });
});

describe('ports', () => {
  let server: Server;
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
  });

  it('that are busy are named with who wants them and the variable to set', async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await expect(claimPorts({ ...free, azure: port })).rejects.toThrow(
      new RegExp(`Port ${port} .* the simulated Azure needs it.*CAPSTAN_AZURE_PORT=`),
    );
    const chosen = await claimPorts(free);
    expect(Object.values(chosen).every((value) => value > 0)).toBe(true);
  });
});

describe('the data folder', () => {
  it('belongs to one start at a time', async () => {
    const first = await openDataFolder(folder, { reset: false });
    await expect(openDataFolder(folder, { reset: true })).rejects.toThrow(/used by another npm start/);
    first.close();
    const again = await openDataFolder(folder, { reset: false });
    again.close();
  });

  it('is not taken over when it holds something else', async () => {
    writeFileSync(path.join(folder, 'thesis.txt'), 'years of work');
    await expect(openDataFolder(folder, { reset: true })).rejects.toThrow(/not a data folder of Capstan.*thesis/);
    expect(readdirSync(folder)).toEqual(['thesis.txt']);
  });

  it('loses its contents on reset, and nothing that was put beside them', async () => {
    const first = await openDataFolder(folder, { reset: false });
    writeFileSync(first.file('host', 'state'), 'x');
    writeFileSync(first.file('notes.txt'), 'mine');
    const id = first.requestIdFor('a');
    first.close();
    const second = await openDataFolder(folder, { reset: true });
    expect(readdirSync(second.file('host'))).toEqual([]);
    expect(readdirSync(folder)).toContain('notes.txt');
    expect(second.requestIdFor('a')).not.toBe(id);
    second.close();
  });

  it('gives the same content the same request, also after a restart, and every change a new one', async () => {
    const first = await openDataFolder(folder, { reset: false });
    const a = first.requestIdFor('a');
    expect(first.requestIdFor('a')).toBe(a);
    first.close();
    const second = await openDataFolder(folder, { reset: false });
    expect(second.requestIdFor('a')).toBe(a);
    const b = second.requestIdFor('b');
    expect(b).not.toBe(a);
    // Going back is a change, too.
    expect([a, b]).not.toContain(second.requestIdFor('a'));
    second.close();
  });
});

describe('the request', () => {
  it('is the document as it stands in the file', () => {
    const file = readClusterFile(samplePath);
    const { text, blob } = applyMessage('start-1', file);
    expect(blob).toBeUndefined();
    const read = readQueueMessage(text);
    expect(read).toMatchObject({ message: { requestId: 'start-1', operation: 'apply', cluster: { kind: 'Cluster' } } });
  });

  it('goes through a blob when it is larger than a message', () => {
    const { text, blob } = applyMessage('start-1', { value: { padding: 'ä'.repeat(40_000) } });
    expect(blob?.content.length).toBeGreaterThan(40_000);
    expect(readQueueMessage(text)).toMatchObject({ message: { clusterBlob: { name: blob?.name } } });
  });

  it('of a bad file reports all problems with line and path', () => {
    const file = path.join(folder, 'bad.yaml');
    writeFileSync(
      file,
      'apiVersion: capstan.dev/v1\nkind: Cluster\nmetadata:\n  name: UPPER\n  colour: red\nspec:\n  controlPlane: { replicas: two }\n',
    );
    expect(() => readClusterFile(file)).toThrow(/bad\.yaml:4 {2}metadata\.name: /);
    expect(() => readClusterFile(file)).toThrow(/bad\.yaml:5 {2}metadata\.colour: is not a field/);
    expect(() => readClusterFile(path.join(folder, 'none.yaml'))).toThrow(/cannot be read \(ENOENT\)/);
  });
});

describe('children', () => {
  const spec = (script: string) => ({
    name: 'host' as const,
    args: ['-e', script],
    env: { PATH: process.env['PATH'] ?? '' },
    logFile: path.join(folder, 'host.log'),
  });

  it('write to their log, stop on SIGTERM, and are killed when they do not', async () => {
    const polite = startChild(spec('console.log("\\u001b[31mhello"); setInterval(() => {}, 1000)'));
    await expect.poll(() => lastLines(polite.logFile, 5)).toEqual(['hello']);
    await stopChildren([[polite]], 5000);
    expect((await polite.exited).signal).toBe('SIGTERM');
    const stubborn = startChild(
      spec('process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000)'),
    );
    await expect.poll(() => lastLines(stubborn.logFile, 5)).toEqual(['up']);
    await stopChildren([[stubborn]], 200);
    expect((await stubborn.exited).signal).toBe('SIGKILL');
    expect(lastLines(`${stubborn.logFile}.previous`, 5)).toEqual(['hello']);
  });
});

describe('the settings of the app', () => {
  const ports: Ports = { app: 1, azure: 2, blob: 3, queue: 4, table: 5 };

  it('name the chosen ports', () => {
    expect(connectionString(ports)).toContain('QueueEndpoint=http://127.0.0.1:4/devstoreaccount1;');
    expect(appSettings(ports, 30)).toMatchObject({
      CAPSTAN_AZURE_GATEWAY: 'http://127.0.0.1:2',
      IDENTITY_ENDPOINT: 'http://127.0.0.1:2/msi/token',
      CAPSTAN_TIME_SCALE: '30',
    });
  });

  it('keep loopback away from a proxy', () => {
    expect(withoutProxyForLoopback({ NO_PROXY: 'corp', HOME: undefined })).toEqual({
      NO_PROXY: 'corp,127.0.0.1,localhost',
      no_proxy: 'corp,127.0.0.1,localhost',
    });
  });
});
