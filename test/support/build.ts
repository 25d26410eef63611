import { execFileSync } from 'node:child_process';
import path from 'node:path';

/** Flow tests run the built app: build it when a source has changed. */
export default function setup(): void {
  const root = path.resolve(import.meta.dirname, '../..');
  execFileSync(process.execPath, ['scripts/build.ts', '--if-stale'], { cwd: root, stdio: 'inherit' });
}
