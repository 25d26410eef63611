import path from 'node:path';
import { spawn } from 'node:child_process';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { ROOT, temporaryFolder, writeApp } from './support.ts';

test('the host is one JavaScript file that runs an app and ends on SIGTERM with code 0', async () => {
  const outfile = path.join(temporaryFolder(), 'capstan-host.cjs');
  const result = await build({
    entryPoints: [path.join(ROOT, 'local/host/main.ts')],
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    minify: true,
    keepNames: true,
    banner: { js: '#!/usr/bin/env node' },
    logLevel: 'silent',
    metafile: true,
  });
  expect(Object.keys(result.metafile.outputs)).toHaveLength(1);
  expect(result.warnings).toEqual([]);
  const app = writeApp({
    'main.js':
      "const { app } = require('@azure/functions'); app.http('hello', { handler: async () => ({ body: 'hello' }) });",
  });
  const child = spawn(process.execPath, [outfile, app, '--port', '0', '--data', path.join(path.dirname(app), 'd')], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const base = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const match = /listening on (\S+)/.exec(text);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
    child.once('exit', () => reject(new Error(text)));
  });
  expect(await (await fetch(`${base}/api/hello`)).text()).toBe('hello');
  child.kill('SIGTERM');
  expect(await ended).toBe(0);
});
