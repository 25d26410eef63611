import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { HostConfigError } from './host-json.ts';
import { parseConfiguration } from './json-file.ts';

/** What `func start` reads from `local.settings.json`. */
export interface LocalSettings {
  readonly values: Readonly<Record<string, string>>;
  /** Origins of other pages that may call, and whether with credentials; undefined without `Host.CORS`. */
  readonly cors: { readonly origins: readonly string[]; readonly credentials: boolean } | undefined;
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** Reads `local.settings.json`; empty when the file is not there. Throws HostConfigError when it cannot be read. */
export function readLocalSettings(folder: string): LocalSettings {
  const file = path.join(folder, 'local.settings.json');
  if (!existsSync(file)) return { values: {}, cors: undefined };
  let content: Record<string, unknown>;
  try {
    content = objectOf(parseConfiguration(readFileSync(file, 'utf8')));
  } catch (error) {
    throw new HostConfigError(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (content['IsEncrypted'] === true)
    throw new HostConfigError(`${file} is encrypted. Decrypt it with 'func settings decrypt' to use it here.`);
  const values = Object.entries(objectOf(content['Values'])).map(([name, value]) => [name, String(value)] as const);
  const { CORS: cors, CORSCredentials: credentials } = objectOf(content['Host']);
  const origins = typeof cors === 'string' ? cors.split(',').map((origin) => origin.trim().replace(/\/$/, '')) : [];
  if (origins.includes('*') && credentials === true)
    throw new HostConfigError(`${file}: Host.CORS '*' and Host.CORSCredentials exclude each other. Name the origins.`);
  return {
    values: Object.fromEntries(values),
    cors: origins.length === 0 ? undefined : { origins, credentials: credentials === true },
  };
}

/**
 * Puts the settings of the app into the environment of this process: what is already there wins, then `local.settings.json`,
 * then what the platform always sets.
 */
export function applySettings(folder: string, local: LocalSettings, environment: NodeJS.ProcessEnv): void {
  const platform = {
    FUNCTIONS_WORKER_RUNTIME: 'node',
    AZURE_FUNCTIONS_ENVIRONMENT: 'Development',
    AzureWebJobsScriptRoot: folder,
    FUNCTIONS_APPLICATION_DIRECTORY: folder,
  };
  for (const [name, value] of Object.entries({ ...platform, ...local.values })) environment[name] ??= value;
}

/**
 * Storage connection string behind a binding's `connection`: the setting with the prefix AzureWebJobs, or the one of that
 * name; without a name it is AzureWebJobsStorage. Undefined when it is not set.
 */
export function storageConnection(environment: NodeJS.ProcessEnv, connection: unknown): string | undefined {
  const name = typeof connection === 'string' && connection !== '' ? connection : 'AzureWebJobsStorage';
  return environment[`AzureWebJobs${name}`] ?? environment[name];
}
