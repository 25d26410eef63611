/** Runs a built Functions app in the foreground; see `--help`. */
import path from 'node:path';
import { readArguments, TextRequest } from './arguments.ts';
import type { LogRecord } from './core/log.ts';
import { checkAppFolder, makeDataFolder } from './folders.ts';
import { Supervisor, WORKER_VARIABLE } from './supervisor.ts';

function write({ level, category, message }: LogRecord): void {
  console.log(`${new Date().toISOString()} ${level.padEnd(11)} ${category}: ${message}`);
}

const output = { say: write, print: (line: string) => console.log(line) };

const NODE_NEEDED = 24;

async function main(): Promise<void> {
  if (Number(process.versions.node.split('.')[0]) < NODE_NEEDED)
    throw new Error(`This host needs Node ${NODE_NEEDED} or newer; ${process.execPath} is ${process.version}.`);
  const args = readArguments(process.argv.slice(2), process.env);
  const isWorker = process.env[WORKER_VARIABLE] === '1' && process.send !== undefined;
  delete process.env[WORKER_VARIABLE];
  checkAppFolder(args.app);
  // Node's own cache hangs on a folder that cannot be made.
  makeDataFolder(args.data);
  // The supervisor needs none of the rest.
  if (isWorker) return (await import('./worker.ts')).runAsWorker(args, output);
  if (args.inProcess) return (await import('./worker.ts')).runAlone(args, output);
  const [, script = '', ...rest] = process.argv;
  const supervisor = new Supervisor(
    { script, args: rest, cache: path.join(args.data, 'compile-cache') },
    (level, message) => write({ level, category: 'Host', message }),
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => supervisor.stop());
  await supervisor.start(args.port);
}

main().catch((error: unknown) => {
  if (error instanceof TextRequest) {
    console.log(error.message);
    return;
  }
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
