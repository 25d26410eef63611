import { lookup as resolve } from 'node:dns';
import { Agent } from 'node:https';
import type { LookupFunction } from 'node:net';
import type { HttpClient } from '@azure/core-rest-pipeline';
import { isPublicAddress } from './source-rules.ts';

/** Code of the error when a name resolves to an address that is not public. */
export const privateAddressCode = 'CAPSTAN_PRIVATE_ADDRESS';

/**
 * Name resolution that refuses names with an address inside a private network. It works at the moment of the
 * connection, so a name cannot show one address to a check and another to the request.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  resolve(hostname, { ...options, all: true }, (error, addresses) => {
    const [first] = addresses ?? [];
    if (error !== null || first === undefined) {
      callback(error ?? new Error(`${hostname} has no address`), '', 4);
      return;
    }
    if (!addresses.every((entry) => isPublicAddress(entry.address))) {
      const refused = Object.assign(new Error(`${hostname} resolves to an address inside a private network`), {
        code: privateAddressCode,
      });
      callback(refused, '', 4);
      return;
    }
    if (options.all === true) callback(null, addresses);
    else callback(null, first.address, first.family);
  });
};

/** Sends requests only to public addresses. */
export function guarded(client: HttpClient): HttpClient {
  const agent = new Agent({ keepAlive: true, lookup: publicLookup });
  return {
    async sendRequest(request) {
      request.agent = agent;
      return client.sendRequest(request);
    },
  };
}
