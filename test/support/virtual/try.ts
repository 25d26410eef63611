import { goVirtual } from '../virtual.ts';
import { sampleDocument } from '../sample-plan.ts';
const subscription = '22222222-2222-4222-8222-222222222222';
const t0 = process.hrtime.bigint();
const ms = () => Number(process.hrtime.bigint() - t0) / 1e6;
const virtual = await goVirtual();
console.log('loaded', Math.round(ms()), process.cpuUsage().user / 1000);
for (let i = 0; i < Number(process.argv[2] ?? 2); i++) {
  const c0 = process.cpuUsage(); const w0 = ms();
  const world = await virtual.createWorld(`seed${i}`);
  const c1 = process.cpuUsage(c0);
  await world.arm('PUT', `/subscriptions/${subscription}/resourcegroups/g1?api-version=2025-04-01`, { location: 'westeurope' });
  const name = `c${i}`;
  const v0 = virtual.now();
  await world.apply(sampleDocument({
    azure: { subscriptionId: subscription, location: 'westeurope', resourceGroup: 'g1' },
    kubernetes: { version: 'v1.34.1' },
    image: { vhd: 'https://capstanimages.blob.core.windows.net/images/ubuntu-2404-v1.34.1.vhd' },
    controlPlane: { replicas: 1 },
    workerPools: [{ name: 'general', replicas: 1, zones: ['1'] }],
  }, name));
  const seen = await world.settled(name);
  const c2 = process.cpuUsage(c0);
  console.log(seen.phase, 'virtual s', (virtual.now() - v0) / 1000, 'create cpu', (c1.user + c1.system) / 1000, 'total cpu', (c2.user + c2.system) / 1000, 'wall', Math.round(ms() - w0), 'requests', world.requests().length, JSON.stringify(seen.head.operation.error)?.slice(0, 600));
  if (process.argv[3]) { const m = new Map<string, number>(); for (const r of world.requests()) { const k = r.service + ' ' + r.method + ' ' + r.path.replace(/[0-9a-f]{8}-[0-9a-f-]+/g,'*').replace(/c0-[a-z0-9-]+/g,'N').slice(0,150); m.set(k, (m.get(k) ?? 0) + 1); } for (const [k, n] of [...m].sort((a, b) => b[1] - a[1]).slice(0, 40)) console.log(n, k); }
  await world.delete(name);
  const gone = await world.settled(name);
  const c3 = process.cpuUsage(c0);
  console.log(gone.phase, 'cpu with delete', (c3.user + c3.system) / 1000, (await world.resources()).filter((r) => r.id.includes('g1/')).length, await world.secrets(), await world.unmodelled());
  for (const line of world.lines.slice(0, 5)) console.log(line.level, line.message.slice(0, 1500));
  await world.close();
}
process.exit(0);
