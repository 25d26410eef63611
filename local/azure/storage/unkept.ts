import { escapeXml } from './errors.ts';
import type { AzureDirectory, AzureReply, AzureService, UnmodelledRequest } from '../service.ts';

/** The queue or table service of simulated accounts: it answers under its production names, and keeps nothing. */
export interface UnkeptService {
  readonly service: AzureService;
  unmodelled(): readonly UnmodelledRequest[];
  clear(): void;
}

function refusal(kind: 'queue' | 'table', code: string, message: string, status: number, id: string): AzureReply {
  const headers = { 'x-ms-error-code': code, 'x-ms-request-id': id };
  if (kind === 'queue') {
    const body = `\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error>`;
    return { status, headers: { ...headers, 'content-type': 'application/xml' }, body };
  }
  const body = JSON.stringify({ 'odata.error': { code, message: { lang: 'en-US', value: message } } });
  return { status, headers: { ...headers, 'content-type': 'application/json' }, body };
}

/** Refuses every operation of the service in its own form, in words, and counts it. */
export function createUnkeptService(
  kind: 'queue' | 'table',
  options: { readonly azure: () => AzureDirectory; readonly ids: () => string },
): UnkeptService {
  const refused: UnmodelledRequest[] = [];
  return {
    unmodelled: () => refused,
    clear() {
      refused.length = 0;
    },
    service: async ({ method, host, path }) => {
      const account = host.split('.')[0] ?? '';
      if (options.azure().storageAccount(account) === undefined) {
        const absent = `${host} does not resolve: there is no storage account ${account} in the simulated Azure.`;
        return refusal(kind, 'AccountNotFound', absent, 502, options.ids());
      }
      const message = `The simulated accounts keep blobs; their ${kind} service is not modelled (${method} ${path}). The queues and tables that Capstan itself uses are those of Azurite.`;
      refused.push({ method, host, path, message });
      return refusal(kind, 'NotImplemented', message, 501, options.ids());
    },
  };
}
