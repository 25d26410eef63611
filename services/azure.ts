import type { Azure } from '#azure/types.ts';
import { openAzure } from '#config/azure.ts';
import type { Config } from '#config/config.ts';

let opened: Promise<Azure> | undefined;

/** Azure as the services of this process reach it, opened on first use. */
export function azureOf(config: Config): Promise<Azure> {
  opened ??= openAzure(config);
  return opened;
}
