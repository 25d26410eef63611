import type { Config } from '#config/config.ts';
import { createStorageClients } from './clients.ts';
import { type ClusterTable, createClusterTable } from './clusters.ts';
import { createDocumentStore, type DocumentStore } from './documents.ts';
import { createEventTable, type EventTable } from './events.ts';
import { createGatewayTable, type GatewayTable } from './gateways.ts';
import { createRequestTable, type RequestTable } from './requests.ts';

/** Everything Capstan remembers, in its own storage account. */
export interface Store {
  readonly clusters: ClusterTable;
  readonly documents: DocumentStore;
  readonly events: EventTable;
  readonly gateways: GatewayTable;
  readonly requests: RequestTable;
}

/** Opens the store; nothing is contacted before the first use. */
export function createStore(storage: Config['storage']): Store {
  const clients = createStorageClients(storage);
  return {
    clusters: createClusterTable(clients),
    documents: createDocumentStore(clients),
    events: createEventTable(clients),
    gateways: createGatewayTable(clients),
    requests: createRequestTable(clients),
  };
}
