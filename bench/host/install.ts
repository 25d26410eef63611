import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';

/** Installs packages from npm into a folder of their own, once. */
export async function npmInstall(folder: string, packages: readonly string[]): Promise<void> {
  if (existsSync(path.join(folder, 'node_modules'))) return;
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true, "type": "module" }\n');
  console.log(`installing ${packages.join(' ')} into ${folder}`);
  const child = spawn('npm', ['install', '--no-audit', '--no-fund', ...packages], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', (value) => resolve(value)));
  if (code !== 0) throw new Error(`npm install ${packages.join(' ')} ended with ${code}`);
}

/** Ports that are free now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map(async (server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
