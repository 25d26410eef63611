import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { createSimulatedApi } from '#local/kubernetes/api/index.ts';

it('every acknowledged write survives a process that is killed in the middle of writing', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'capstan-killed-'));
  const file = join(directory, 'cluster.db');
  const script = fileURLToPath(new URL('killed-writer.ts', import.meta.url));
  const child = spawn(process.execPath, ['--no-warnings', script, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const names: string[] = [];
  let rest = '';
  const enough = new Promise<void>((resolve) => {
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop() ?? '';
      names.push(...lines);
      if (names.length >= 25) resolve();
    });
  });
  const exited = once(child, 'exit');
  await enough;
  child.kill('SIGKILL');
  await exited;
  const api = createSimulatedApi({ file, kubernetesVersion: 'v1.33.4', now: () => Date.now() });
  const found = new Set(
    api
      .client('reader')
      .list({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default' })
      .map((object) => object.metadata.name),
  );
  expect(names.filter((name) => !found.has(name))).toEqual([]);
  api.close();
  rmSync(directory, { recursive: true, force: true });
});
