import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * The import fences between the rooms (architecture.md §2): which room may import which. Relative imports stay inside
 * their room; everything else goes through `#room/…`. Prints every breach and exits 1 when there is one.
 */
const root = path.dirname(import.meta.dirname);

const mayImport: Readonly<Record<string, readonly string[]>> = {
  config: ['domain', 'azure'],
  domain: [],
  store: ['config', 'domain'],
  azure: ['domain'],
  kubernetes: ['domain'],
  services: ['config', 'domain', 'store', 'azure', 'kubernetes'],
  activities: ['config', 'domain', 'store', 'azure', 'kubernetes'],
  orchestrators: ['domain', 'activities/contract.ts'],
  functions: ['config', 'domain', 'store', 'services', 'activities', 'orchestrators', 'azure', 'kubernetes'],
  'local/host': [],
  'local/azure': ['domain'],
  'local/kubernetes': ['domain', 'local/azure/machines.ts', 'local/azure/clock.ts'],
  'local/simulator': ['local/azure', 'local/kubernetes'],
  'local/start': ['domain'],
};

function roomOf(file: string): string {
  const [first = '', second = ''] = file.split('/');
  return first === 'local' ? `local/${second}` : first;
}

const importPattern =
  /(?:^|[^.\w])(?:import|export)\s*(?:type\s*)?(?:[\w*{}\s,$]*?\sfrom\s*)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;

const breaches: string[] = [];
let files = 0;
for (const file of globSync(
  '{config,domain,store,azure,kubernetes,services,activities,orchestrators,functions,local}/**/*.ts',
  { cwd: root },
)) {
  files++;
  const room = roomOf(file);
  const allowed = mayImport[room];
  if (allowed === undefined) {
    breaches.push(`${file}: ${room} is no room of the house`);
    continue;
  }
  for (const match of readFileSync(path.join(root, file), 'utf8').matchAll(importPattern)) {
    const target = match[1] ?? match[2] ?? '';
    if (target.startsWith('.')) {
      const resolved = path.posix.normalize(path.posix.join(path.posix.dirname(file), target));
      if (
        roomOf(resolved) !== room &&
        !allowed.some((entry) => resolved === entry || resolved.startsWith(`${entry}/`))
      ) {
        breaches.push(`${file}: relative import of ${resolved} leaves the room`);
      }
    } else if (target.startsWith('#')) {
      const resolved = target.slice(1);
      const inside = roomOf(resolved) === room;
      if (!inside && !allowed.some((entry) => resolved === entry || resolved.startsWith(`${entry}/`))) {
        breaches.push(`${file}: may not import ${resolved}`);
      }
    }
  }
}
for (const breach of breaches) console.error(breach);
console.log(`fences: ${files} files, ${breaches.length} breaches`);
process.exitCode = breaches.length === 0 ? 0 : 1;
