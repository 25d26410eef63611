import path from 'node:path';
import { helpText, readArguments, type StartOptions } from './args.ts';
import { StartProblem } from './ports.ts';
import { run } from './run.ts';
import type { Stack } from './running.ts';
import { withoutProxyForLoopback } from './stack.ts';
import { createLiveView } from './view/live.ts';
import { createPlainView } from './view/plain.ts';
import { createPaint } from './view/text.ts';

/** The built programs: beside this file when it is built itself, else in `dist/local`. */
const here = import.meta.dirname;
const programs = here.endsWith(path.join('dist', 'local')) ? here : path.resolve(here, '../../dist/local');

/** Runs the command. @returns the exit code */
async function main(): Promise<number> {
  const read = readArguments(process.argv.slice(2), process.env);
  if (read.kind === 'help') {
    process.stdout.write(helpText);
    return 0;
  }
  if (read.kind === 'wrong') {
    process.stderr.write(`${read.line} (npm start -- --help lists the options)\n`);
    return 2;
  }
  if (Number.parseInt(process.versions.node, 10) < 24) {
    process.stderr.write(`Node ${process.versions.node} is too old; npm start brings its own Node 24 (npm install).\n`);
    return 1;
  }
  try {
    return await start(read.options);
  } catch (error) {
    if (!(error instanceof StartProblem)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 1;
  }
}

async function start(options: StartOptions): Promise<number> {
  Object.assign(process.env, withoutProxyForLoopback(process.env));
  const { stdout, env } = process;
  const live = stdout.isTTY && env['CI'] !== 'true' && env['TERM'] !== 'dumb';
  const paint = createPaint(live && !env['NO_COLOR']);
  const view = live ? createLiveView(stdout, paint) : createPlainView((line) => stdout.write(`${line}\n`));
  const interrupt = new AbortController();
  let stack: Stack | undefined;
  const onSignal = (): void => {
    if (interrupt.signal.aborted) {
      stack?.killAll();
      view.restore();
      process.exit(130);
    }
    interrupt.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  // A reader that goes away (a closed pipe) ends the run like Ctrl-C; there is nobody left to tell.
  stdout.on('error', () => {
    interrupt.abort();
  });
  try {
    return await run({
      options,
      programs,
      environment: process.env,
      view,
      paint,
      drawInterval: live ? 100 : 250,
      signal: interrupt.signal,
      onStack(running) {
        stack = running;
      },
    });
  } finally {
    view.restore();
  }
}

process.exitCode = await main();
process.exit();
