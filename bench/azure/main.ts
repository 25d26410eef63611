import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { type Arm, createArm, SEED } from '#local/azure/azure.ts';
import { createWallClock } from '#local/azure/clock.ts';
import type { Principal } from '#local/azure/service.ts';

/**
 * How much the simulated Azure Resource Manager bears: writes and reads per second on one core, memory at 10,000
 * resources. `npm run bench:azure [-- --runs N --resources N]`. In one process, without HTTP; state in SQLite on disk.
 */
function flag(name: string, fallback: number): number {
  const index = process.argv.indexOf(`--${name}`);
  return index === -1 ? fallback : Number(process.argv[index + 1]);
}

const principal: Principal = {
  objectId: SEED.appPrincipalId,
  clientId: SEED.appClientId,
  tenantId: SEED.tenantId,
  audience: 'https://management.azure.com/',
  expiresAt: Number.MAX_SAFE_INTEGER,
};

function open(directory: string): Arm {
  return createArm({
    directory,
    // Time so fast that neither an operation nor a rate limit is ever waited for.
    clock: createWallClock(1_000_000),
    storage: {
      createContainer: () => true,
      deleteContainer: () => true,
      listContainers: () => [],
      createDisk: () => undefined,
      deleteAccount: () => undefined,
      blob: () => undefined,
    },
    machines: {
      start: () => undefined,
      stop: () => undefined,
      serialConsole: () => '',
      listeningPort: () => undefined,
    },
    verifyBearer: () => principal,
  });
}

const network = `/subscriptions/${SEED.subscriptionId}/resourceGroups/platform/providers/Microsoft.Network`;
const query = 'api-version=2026-01-01';

async function send(arm: Arm, method: string, route: string, body?: object): Promise<number> {
  const reply = await arm.handle({
    method,
    host: 'management.azure.com',
    path: route,
    query: new URLSearchParams(query),
    rawUrl: `${route}?${query}`,
    headers: { authorization: 'Bearer bench' },
    body: Buffer.from(body === undefined ? '' : JSON.stringify(body)),
  });
  return reply.status;
}

/** The quota is 5,000 security groups per region. */
const regions = ['westeurope', 'northeurope', 'eastus', 'eastus2'];

/** A security group as a cluster has it: two rules and a few tags. */
function group(index: number): object {
  const rule = (name: string, priority: number, port: string) => ({
    name,
    properties: {
      priority,
      access: 'Allow',
      direction: 'Inbound',
      protocol: 'Tcp',
      sourceAddressPrefix: '*',
      sourcePortRange: '*',
      destinationAddressPrefix: '*',
      destinationPortRange: port,
    },
  });
  return {
    location: regions[index % regions.length] ?? '',
    tags: {
      Name: `bench-${index}`,
      department: 'finance',
      'sigs.k8s.io_cluster-api-provider-azure_cluster_bench': 'owned',
    },
    properties: { securityRules: [rule('allow_apiserver', 2201, '6443'), rule('deny_ssh', 2202, '22')] },
  };
}

/** Calls per second of `count` calls one after the other. */
async function rate(count: number, run: (index: number) => Promise<number>): Promise<number> {
  const start = performance.now();
  for (let index = 0; index < count; index++) {
    const status = await run(index);
    if (status >= 300) throw new Error(`call ${index} was answered ${status}`);
    // Lets operations end, as they do between the requests of real clients.
    if (index % 50 === 49) await new Promise(setImmediate);
  }
  return (count * 1000) / (performance.now() - start);
}

function line(title: string, values: readonly number[], unit: string, target: string): string {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const text = (value: number | undefined) => Math.round(value ?? 0).toLocaleString('en');
  return `${title.padEnd(28)} n=${values.length}  median ${text(median)} ${unit}  (${text(sorted[0])}–${text(sorted.at(-1))})  target ${target}`;
}

const runs = flag('runs', 5);
const resources = flag('resources', 10_000);
const writes: number[] = [];
const reads: number[] = [];
const memory: number[] = [];
for (let run = 0; run < runs; run++) {
  const directory = mkdtempSync(path.join(tmpdir(), 'bench-azure-'));
  const arm = open(directory);
  try {
    const at = (index: number) => `${network}/networkSecurityGroups/bench-${index}`;
    writes.push(await rate(resources, async (index) => send(arm, 'PUT', at(index), group(index))));
    reads.push(await rate(resources, async (index) => send(arm, 'GET', at((index * 7919) % resources))));
    memory.push(process.memoryUsage().rss / 1024 ** 2);
  } finally {
    arm.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
const [cpu] = cpus();
console.log(
  `${cpu?.model ?? 'unknown processor'} × ${cpus().length}, ${Math.round(totalmem() / 1024 ** 3)} GiB, Node ${process.version}`,
);
console.log(line('writes of new resources', writes, '/s', '≥ 500 /s'));
console.log(line('reads at that size', reads, '/s', '≥ 2,000 /s'));
console.log(line(`memory at ${resources.toLocaleString('en')} resources`, memory.slice(0, 1), 'MiB', '≤ 300 MiB'));
process.exit(0);
