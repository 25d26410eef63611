import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { HostConfigError } from './host-json.ts';

/** Values of `local.settings.json`; none when the file is not there. Throws HostConfigError when it cannot be read. */
function readLocalSettings(folder: string): Record<string, string> {
  const file = path.join(folder, 'local.settings.json');
  if (!existsSync(file)) return {};
  let content: { IsEncrypted?: boolean; Values?: Record<string, unknown> };
  try {
    content = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new HostConfigError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (content.IsEncrypted === true)
    throw new HostConfigError(`${file} is encrypted. Decrypt it with 'func settings decrypt' to use it here.`);
  return Object.fromEntries(Object.entries(content.Values ?? {}).map(([name, value]) => [name, String(value)]));
}

/**
 * Puts the settings of the app into the environment of this process: what is already there wins, then `local.settings.json`,
 * then what the platform always sets.
 */
export function applySettings(folder: string, environment: NodeJS.ProcessEnv): void {
  const platform = {
    FUNCTIONS_WORKER_RUNTIME: 'node',
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    AzureWebJobsScriptRoot: folder,
    FUNCTIONS_APPLICATION_DIRECTORY: folder,
  };
  for (const [name, value] of Object.entries({ ...platform, ...readLocalSettings(folder) }))
    environment[name] ??= value;
}

/**
 * Storage connection string behind a binding's `connection`: the setting of that name, or the one with the prefix
 * AzureWebJobs; without a name it is AzureWebJobsStorage. Undefined when it is not set.
 */
export function storageConnection(environment: NodeJS.ProcessEnv, connection: unknown): string | undefined {
  const name = typeof connection === 'string' && connection !== '' ? connection : 'AzureWebJobsStorage';
  return environment[name] ?? environment[`AzureWebJobs${name}`];
}
