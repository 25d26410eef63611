/**
 * Runs a built Functions app in the foreground:
 *   node main.ts <app folder> [--port 7071] [--data DIR] [--log-level LEVEL] [--durability process|power]
 * Settings come from the environment, then from the app's local.settings.json.
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { LogRecord } from './core/log.ts';
import { LOG_LEVELS } from './core/protocol.ts';
import { createHost } from './host.ts';

const USAGE =
  'usage: <app folder> [--port 7071] [--data .functions-host] [--log-level trace|debug|information|warning|error] [--durability process|power]';

function write({ level, category, message }: LogRecord): void {
  const line = `${new Date().toISOString()} ${level.padEnd(11)} ${category}: ${message}`;
  console.log(line);
}

function options(): {
  app: string;
  port: number;
  data: string;
  level: string | undefined;
  durability: 'process' | 'power';
} {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      port: { type: 'string' },
      data: { type: 'string' },
      'log-level': { type: 'string' },
      durability: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const [app, ...more] = positionals;
  if (values.help === true || app === undefined || more.length > 0) throw new Error(USAGE);
  const port = Number(values.port ?? 7071);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port must be a number from 0 to 65535, not '${values.port}'.`);
  const durability = values.durability ?? 'process';
  if (durability !== 'process' && durability !== 'power')
    throw new Error(`--durability is process or power, not '${durability}'.`);
  return {
    app: path.resolve(app),
    port,
    data: path.resolve(values.data ?? '.functions-host'),
    level: values['log-level'],
    durability,
  };
}

async function main(): Promise<void> {
  const { app, port, data, level, durability } = options();
  const least = LOG_LEVELS.find((name) => name === (level ?? process.env['HOST_LOG_LEVEL'])?.toLowerCase());
  // The worker of the real host runs in the app's folder.
  process.chdir(app);
  process.on('unhandledRejection', (reason) => {
    write({
      level: 'error',
      category: 'Host',
      message: `Unhandled rejection in the app (the real host restarts its worker here; this one goes on): ${reason instanceof Error ? reason.stack : String(reason)}`,
    });
  });
  process.on('uncaughtException', (error) => {
    write({
      level: 'error',
      category: 'Host',
      message: `Uncaught exception in the app (the real host restarts its worker here; this one goes on): ${error.stack ?? error.message}`,
    });
  });
  const host = await createHost({
    app,
    port,
    data,
    durability,
    log: write,
    ...(least ? { logLevels: { '': least, Function: least, Host: least, User: least } } : {}),
  });
  console.log('\nFunctions:\n');
  for (const fn of host.functions)
    console.log(`        ${fn.name}: ${fn.trigger}${fn.detail === '' ? '' : ` ${fn.detail}`}`);
  console.log(`\nlistening on http://127.0.0.1:${host.port}`);
  let signals = 0;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      signals++;
      if (signals > 1) process.exit(1);
      void host.stop().then(() => process.exit(0));
    });
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
