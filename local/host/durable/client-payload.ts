/** What a durable client binding hands to an app: the URLs of the management API (functions-host-protocol.md, 2.7). */

/** Addresses of the management API. `origin` is e.g. `http://127.0.0.1:7071`. */
export interface ManagementAddresses {
  readonly origin: string;
  readonly hubName: string;
  /** Key that is appended to the URLs of the web hook base. */
  readonly systemKey: string;
}

export const WEBHOOK_PATH = '/runtime/webhooks/durabletask';
export const RPC_PATH = '/durabletask/';

function managementUrls(addresses: ManagementAddresses, origin: string, id: string): Record<string, string> {
  const instance = `${origin}${WEBHOOK_PATH}/instances/${id}`;
  const query = `taskHub=${addresses.hubName}&connection=Storage&code=${addresses.systemKey}`;
  return {
    statusQueryGetUri: `${instance}?${query}`,
    sendEventPostUri: `${instance}/raiseEvent/{eventName}?${query}`,
    terminatePostUri: `${instance}/terminate?reason={text}&${query}`,
    rewindPostUri: `${instance}/rewind?reason={text}&${query}`,
    purgeHistoryDeleteUri: `${instance}?${query}`,
    restartPostUri: `${instance}/restart?${query}`,
    suspendPostUri: `${instance}/suspend?reason={text}&${query}`,
    resumePostUri: `${instance}/resume?reason={text}&${query}`,
  };
}

/** JSON text of the durable client input. */
export function clientPayload(addresses: ManagementAddresses): string {
  const base = `${addresses.origin}${WEBHOOK_PATH}`;
  const create = `${base}/orchestrators/{functionName}[/{instanceId}]`;
  return JSON.stringify({
    taskHubName: addresses.hubName,
    connectionName: null,
    creationUrls: {
      createNewInstancePostUri: `${create}?code=${addresses.systemKey}`,
      createAndWaitOnNewInstancePostUri: `${create}?timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}&code=${addresses.systemKey}`,
    },
    managementUrls: { id: 'INSTANCEID', ...managementUrls(addresses, addresses.origin, 'INSTANCEID') },
    baseUrl: base,
    requiredQueryStringParameters: `code=${addresses.systemKey}`,
    rpcBaseUrl: `${addresses.origin}${RPC_PATH}`,
    httpBaseUrl: null,
    maxGrpcMessageSizeInBytes: null,
    grpcHttpClientTimeout: null,
  });
}

/** Escapes a text as .NET does it in a query: a blank becomes a plus sign (durable-recordings, 13). */
function urlEncoded(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+').replaceAll('~', '%7E').replaceAll("'", '%27');
}

/** The URIs of one instance, as the answer to a start lists them (no rewind; durable-recordings, 16). */
export function instanceUris(addresses: ManagementAddresses, origin: string, id: string): Record<string, string> {
  const { rewindPostUri: _rewind, ...uris } = managementUrls(addresses, origin, urlEncoded(id));
  return { id, ...uris };
}
