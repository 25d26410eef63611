import type { AzureDirectory, AzureReply, AzureService, UnmodelledRequest } from '../service.ts';

/** The table service of simulated accounts: it answers under its production name, and keeps nothing. */
export interface UnkeptTables {
  readonly service: AzureService;
  unmodelled(): readonly UnmodelledRequest[];
  clear(): void;
}

function refusal(code: string, message: string, status: number, id: string): AzureReply {
  return {
    status,
    headers: { 'x-ms-error-code': code, 'x-ms-request-id': id, 'content-type': 'application/json' },
    body: JSON.stringify({ 'odata.error': { code, message: { lang: 'en-US', value: message } } }),
  };
}

/** Refuses every operation on tables in the service's own form, in words, and counts it. */
export function createUnkeptTables(options: {
  readonly azure: () => AzureDirectory;
  readonly ids: () => string;
}): UnkeptTables {
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
        return refusal('AccountNotFound', absent, 502, options.ids());
      }
      const message = `The simulated accounts keep blobs and queues; their table service is not modelled (${method} ${path}). The tables that Capstan itself uses are those of Azurite.`;
      refused.push({ method, host, path, message });
      return refusal('NotImplemented', message, 501, options.ids());
    },
  };
}
