import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type Stack, startStack } from '#test/support/stack.ts';
import { sampleDocument } from '#test/support/sample-plan.ts';

/**
 * Many clusters at once: `npm run bench:clusters -- [--count 25] [--scale 30] [--json FILE]`. Every cluster is the
 * sample (3 control plane, 5 workers) with its own freshly generated keys. Prints the machine and what it took.
 */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '25' },
    scale: { type: 'string', default: '30' },
    json: { type: 'string' },
  },
});
/** How often somebody looks at each cluster: what 100 people with a dashboard do. */
const POLL_MS = 2000;
const count = Number(values.count);
const scale = Number(values.scale);

/** What the simulated Azure was asked, gathered while it happens: it forgets old requests. */
function countRequests(stack: Stack) {
  let [last, throttled, armCalls, pending] = [0, 0, 0, Promise.resolve()];
  const gather = async (): Promise<void> => {
    for (const { seq, service, status, code } of await stack.requests(last)) {
      if (seq > last + 1 && last > 0) throw new Error(`requests ${last + 1} to ${seq - 1} were not counted`);
      last = seq;
      if (service === 'arm') armCalls++;
      if (status === 429 && code !== 'RetryableError') throttled++;
    }
  };
  const timer = setInterval(() => {
    pending = pending.then(gather);
    pending.catch(() => undefined);
  }, POLL_MS);
  return async () => {
    clearInterval(timer);
    await pending.then(gather);
    return { throttled, armCalls };
  };
}

/** CPU seconds and resident MiB of a process, as Linux counts them. */
function usage(pid: number): { readonly cpu: number; readonly rss: number } {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return {
    cpu: (Number(stat[11]) + Number(stat[12])) / 100,
    rss: Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024,
  };
}

const stack = await startStack({ scale });
try {
  for (const family of ['cores', 'standardDSv5Family', 'PublicIPAddresses']) {
    await stack.fault({ quota: { location: 'westeurope', family, limit: 100_000 } });
  }
  const counted = countRequests(stack);
  const before = Object.values(stack.processes).map(usage);
  const started = performance.now();
  const names = Array.from({ length: count }, (_, index) => `bench-${index}`);
  await Promise.all(names.map(async (name) => stack.post(sampleDocument({}, name), name)));
  const ended = await Promise.all(names.map(async (name) => stack.settled(name, 900_000, POLL_MS)));
  const wallSeconds = (performance.now() - started) / 1000;
  const after = Object.values(stack.processes).map(usage);
  const result = {
    ready: ended.filter((seen) => seen.status.phase === 'Ready').length,
    wallSeconds: Number(wallSeconds.toFixed(1)),
    cpuSecondsPerCluster: Number(
      (after.reduce((sum, entry, index) => sum + entry.cpu - (before[index]?.cpu ?? 0), 0) / count).toFixed(2),
    ),
    rssMiB: Object.fromEntries(
      Object.keys(stack.processes).map((name, index) => [name, Math.round(after[index]?.rss ?? 0)]),
    ),
    ...(await counted()),
  };
  console.log(
    `${cpus()[0]?.model ?? 'cpu'}, ${cpus().length} cores, load ${loadavg()[0]?.toFixed(1) ?? '?'}; n = 1, ${count} clusters at scale ${scale}`,
  );
  const cpu = Object.keys(stack.processes).map((name, index) => {
    const seconds = (after[index]?.cpu ?? 0) - (before[index]?.cpu ?? 0);
    return `${name} ${seconds.toFixed(1)} s`;
  });
  console.log(`CPU: ${cpu.join(', ')}`);
  console.log(JSON.stringify(result, undefined, 2));
  for (const seen of ended.filter((entry) => entry.status.phase !== 'Ready').slice(0, 3))
    console.log(seen.metadata.name, JSON.stringify(seen.status.error));
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, undefined, 2)}\n`);
  process.exitCode = result.ready === count ? 0 : 1;
} finally {
  await stack.stop();
}
