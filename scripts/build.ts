import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { build, type BuildOptions } from 'esbuild';

/**
 * Makes `dist/app` (the deployable Function app) and `dist/local` (host, simulator and start command of the laptop
 * mode). `--if-stale` does nothing when no source has changed since the last build.
 */
const root = path.dirname(import.meta.dirname);
const target = path.join(root, 'dist');
const stampFile = path.join(target, 'stamp');
/** Built beside the old one and put in its place at the end: a build that breaks off leaves the old one whole. */
const out = path.join(root, `dist.${process.pid}`);

const sources = [
  'config',
  'domain',
  'store',
  'services',
  'azure',
  'kubernetes',
  'activities',
  'orchestrators',
  'functions',
  'local',
  'dashboard',
  'scripts',
];

/** Hash over path, size and time of every source file. */
function stamp(): string {
  const hash = createHash('sha256');
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) visit(full);
      else {
        const { size, mtimeMs } = statSync(full);
        hash.update(`${full} ${size} ${mtimeMs}\n`);
      }
    }
  };
  for (const folder of sources) visit(path.join(root, folder));
  for (const file of ['package.json', 'package-lock.json', 'host.json'])
    hash.update(readFileSync(path.join(root, file)));
  return hash.digest('hex');
}

const now = stamp();
if (process.argv.includes('--if-stale') && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === now)
  process.exit(0);

/** Options that the real Node worker was seen to accept (host-recordings/bundling.md, smallest option list). */
const common: BuildOptions = {
  bundle: true,
  format: 'esm',
  splitting: true,
  platform: 'node',
  target: 'node22',
  keepNames: true,
  sourcemap: true,
  logLevel: 'warning',
  chunkNames: 'chunks/[name]-[hash]',
  external: ['@azure/functions-core'],
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
};

rmSync(out, { recursive: true, force: true });
mkdirSync(path.join(out, 'app'), { recursive: true });

await build({
  ...common,
  minify: true,
  entryPoints: { main: path.join(root, 'functions/main.ts') },
  outdir: path.join(out, 'app'),
});
writeFileSync(
  path.join(out, 'app/package.json'),
  `${JSON.stringify({ name: 'capstan-app', private: true, type: 'module', main: 'main.js' }, undefined, 2)}\n`,
);
cpSync(path.join(root, 'host.json'), path.join(out, 'app/host.json'));
cpSync(path.join(root, 'local.settings.sample.json'), path.join(out, 'app/local.settings.sample.json'));
cpSync(path.join(root, 'dashboard'), path.join(out, 'app/dashboard'), { recursive: true });

await build({
  ...common,
  entryPoints: {
    start: path.join(root, 'local/start/main.ts'),
    host: path.join(root, 'local/host/main.ts'),
    simulator: path.join(root, 'local/simulator/main.ts'),
  },
  outdir: path.join(out, 'local'),
});
// The host alone, for any Function app: one file, CommonJS because it starts faster here.
await build({
  bundle: true,
  minify: true,
  keepNames: true,
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  logLevel: 'warning',
  entryPoints: [path.join(root, 'local/host/main.ts')],
  outfile: path.join(out, 'bin/capstan-host.cjs'),
  banner: { js: '#!/usr/bin/env node' },
});
chmodSync(path.join(out, 'bin/capstan-host.cjs'), 0o755);
writeFileSync(path.join(out, 'bin/package.json'), '{ "type": "commonjs" }\n');
writeFileSync(path.join(out, 'local/package.json'), '{ "type": "module" }\n');
cpSync(path.join(root, 'local/components'), path.join(out, 'local/components'), { recursive: true });
writeFileSync(path.join(out, 'stamp'), now);
const old = `${out}.old`;
if (existsSync(target)) renameSync(target, old);
renameSync(out, target);
rmSync(old, { recursive: true, force: true });
