import { globSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { repository } from './hooks.ts';

/**
 * Loads everything that the house loads late: reading a module's file takes wall-clock time, which virtual time cannot
 * see, so a run would look idle in the middle of an import.
 */
export async function preload(): Promise<void> {
  const files = globSync(
    '{activities,azure,config,domain,kubernetes,services,store,local/azure,local/kubernetes}/**/*.ts',
    {
      cwd: repository,
    },
  );
  for (const file of files) {
    const full = path.join(repository, file);
    for (const [, specifier = ''] of readFileSync(full, 'utf8').matchAll(/\bimport\('([^']+)'\)/g)) {
      if (specifier.startsWith('.')) await import(pathToFileURL(path.resolve(path.dirname(full), specifier)).href);
      else if (specifier.startsWith('#')) await import(pathToFileURL(path.join(repository, specifier.slice(1))).href);
      else await import(pathToFileURL(createRequire(full).resolve(specifier)).href);
    }
  }
}
