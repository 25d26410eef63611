import { registerHooks, type ResolveFnOutput } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/** Modules of the house that touch the network, and what stands in for them on virtual time. */
const replacements: Readonly<Record<string, string>> = {
  'store/clients.ts': 'store-clients.ts',
  'azure/clients/http-client.ts': 'azure-http.ts',
  'azure/clients/credential.ts': 'azure-credential.ts',
  'kubernetes/client/https-transport.ts': 'kubernetes-transport.ts',
  'local/kubernetes/api/http/server.ts': 'api-endpoint.ts',
  'local/kubernetes/controllers/capz/arm-send.ts': 'arm-send.ts',
  'local/azure/gateway/gateway.ts': 'gateway.ts',
};

const root = path.resolve(import.meta.dirname, '../../..');
const urls = new Map(
  Object.entries(replacements).map(([from, to]) => [
    pathToFileURL(path.join(root, from)).href,
    pathToFileURL(path.join(import.meta.dirname, 'stand-ins', to)).href,
  ]),
);

/** Puts the stand-ins in place for everything that is imported from now on. A stand-in may import what it replaces. */
export function installHooks(): void {
  // Activities import late and often; asking the file system each time costs more than the rest of the call.
  const known = new Map<string, ResolveFnOutput>();
  registerHooks({
    resolve(specifier, context, next) {
      const key = `${context.conditions.includes('require')} ${specifier} ${context.parentURL}`;
      const before = known.get(key);
      if (before !== undefined) return before;
      const resolved = next(specifier, context);
      const replaced = urls.get(resolved.url);
      const answer =
        replaced === undefined || context.parentURL === replaced ? resolved : { ...resolved, url: replaced };
      known.set(key, { ...answer, shortCircuit: true });
      return answer;
    },
  });
}

/** Folder of the repository. */
export const repository = root;
