import { type ChildProcess, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** The well-known development account of Azurite. */
const account = 'devstoreaccount1';
const key = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==';

export interface Azurite {
  readonly connectionString: string;
  readonly ports: { readonly blob: number; readonly queue: number; readonly table: number };
  readonly pid: number;
  stop(): Promise<void>;
}

/** Free ports of this machine, as many as asked for. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map(async (server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Starts Azurite (blob, queue, table) in memory, or on a folder, and waits until it answers. */
export async function startAzurite(folder?: string): Promise<Azurite> {
  const [blob = 0, queue = 0, table = 0] = await freePorts(3);
  const entry = fileURLToPath(new URL('../../node_modules/azurite/dist/src/azurite.js', import.meta.url));
  const storage = folder === undefined ? ['--inMemoryPersistence'] : ['--location', folder];
  const args = [entry, '--silent', '--disableTelemetry', '--skipApiVersionCheck', ...storage];
  const ports = ['--blobPort', blob, '--queuePort', queue, '--tablePort', table].map(String);
  const child = spawn(process.execPath, [...args, ...ports], { stdio: 'ignore' });
  await Promise.all([blob, queue, table].map(async (port) => answering(port, child)));
  const endpoint = (kind: string, port: number) => `${kind}Endpoint=http://127.0.0.1:${port}/${account};`;
  return {
    connectionString: `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};${endpoint('Blob', blob)}${endpoint('Queue', queue)}${endpoint('Table', table)}`,
    ports: { blob, queue, table },
    pid: child.pid ?? 0,
    async stop() {
      if (child.exitCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    },
  };
}

async function answering(port: number, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`Azurite ended with ${child.exitCode}`);
    try {
      await fetch(`http://127.0.0.1:${port}/`);
      return;
    } catch {
      await new Promise((resolve) => {
        setTimeout(resolve, 100);
      });
    }
  }
  throw new Error(`Azurite does not answer on port ${port}`);
}
