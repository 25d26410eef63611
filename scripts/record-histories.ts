import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { startStack } from '#test/support/stack.ts';

/**
 * Records orchestration histories of this build into `test/fixtures/histories/<version>.json`: one provision, one
 * update and one deletion of a small cluster, at most two instances per orchestrator and kind of work.
 */
const root = path.dirname(import.meta.dirname);
const host = JSON.parse(readFileSync(path.join(root, 'host.json'), 'utf8')) as {
  extensions: { durableTask: { defaultVersion: string } };
};
const file = path.join(root, 'test/fixtures/histories', `${host.extensions.durableTask.defaultVersion}.json`);

const document = parse(readFileSync(path.join(root, 'samples/cluster.yaml'), 'utf8')) as {
  spec: { controlPlane: { replicas: number }; workerPools: { replicas: number }[] };
};
document.spec.controlPlane.replicas = 1;
const stack = await startStack({ scale: 600 });
try {
  await stack.post(document);
  await stack.settled('demo');
  for (const pool of document.spec.workerPools) pool.replicas = 4;
  await stack.request('PUT', '/api/clusters/demo', JSON.stringify(document));
  await stack.until('demo', (seen) => seen.status.observedGeneration === 2);
  await stack.request('DELETE', '/api/clusters/demo');
  await stack.until('demo', (seen) => seen.status.phase === 'Deleted');
  const door = async (name: string): Promise<unknown> => (await fetch(`${stack.appUrl}/_host/${name}`)).json();
  const instances = (await door('instances?top=1000')) as { instanceId: string; name: string; runtimeStatus: string }[];
  const seen = new Map<string, number>();
  const recordings: object[] = [];
  for (const { instanceId, name, runtimeStatus } of instances) {
    if (runtimeStatus !== 'Completed') continue;
    const history = (await door(`history?id=${encodeURIComponent(instanceId)}`)) as {
      executionId: string;
      events: { EventType: number; Input?: string }[];
    };
    const input = history.events.find((event) => event.EventType === 0)?.Input ?? '';
    const kind = `${name} ${/"(?:step|activity)":"(\w+)"/.exec(input)?.[1] ?? ''}`;
    const count = seen.get(kind) ?? 0;
    if (count >= 1) continue;
    seen.set(kind, count + 1);
    recordings.push({ name, instanceId, executionId: history.executionId, events: history.events });
  }
  writeFileSync(file, `[\n${recordings.map((recording) => JSON.stringify(recording)).join(',\n')}\n]\n`);
  console.log(`${recordings.length} histories of ${new Set(seen.keys()).size} kinds in ${path.relative(root, file)}`);
} finally {
  await stack.stop();
}
