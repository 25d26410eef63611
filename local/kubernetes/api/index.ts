import type { ApiClient, CreateSimulatedApi, SimulatedApi } from '../contract.ts';
import { AdmissionChain } from './admission.ts';
import { bootstrapCluster } from './bootstrap.ts';
import { createClient } from './client.ts';
import { Collector } from './collector.ts';
import type { Core } from './core.ts';
import { FaultDoors } from './faults.ts';
import { type Endpoint, type EndpointTls, listen } from './http/server.ts';
import type { OpenWatches } from './http/watch-stream.ts';
import { KindRegistry } from './registry.ts';
import { ObjectStore } from './store.ts';
import { EventQueue } from './watch.ts';

const CRDS = 'apiextensions.k8s.io/customresourcedefinitions';

/** A simulated API with the doors that only tests use. */
export interface SimulatedApiServer extends SimulatedApi {
  /** Cuts every open watch over HTTPS. */
  dropWatches(): void;
  /** Forgets the history: every older resourceVersion answers 410. */
  compact(): void;
}

/**
 * Opens (or creates) one simulated cluster API over a SQLite file. All endpoints and clients share its objects; whatever
 * was acknowledged survives a killed process. Throws when the file cannot be opened as a database.
 */
export const createSimulatedApi = (options: Parameters<CreateSimulatedApi>[0]): SimulatedApiServer => {
  const store = new ObjectStore(options.file);
  const registry = new KindRegistry();
  const admission = new AdmissionChain(store);
  const core: Core = { store, registry, admission, now: options.now };
  const events = new EventQueue();
  const faults = new FaultDoors();
  const watches: OpenWatches = new Set();
  const endpoints = new Set<Endpoint>();
  for (const crd of store.list(CRDS)) registry.installCrd(crd);
  store.subscribe((event) => {
    if (event.bucket !== CRDS) return;
    if (event.type === 'DELETED') registry.removeCrd(event.object.metadata.name);
    else registry.installCrd(event.object);
  });
  const collector = new Collector(core);
  bootstrapCluster(core);
  collector.start();
  const served = {
    core,
    events,
    watches,
    // An upgrade of the control plane changes it while the server runs.
    get kubernetesVersion() {
      return options.kubernetesVersion;
    },
  };
  return {
    client: (user): ApiClient => createClient({ core, events, isDown: () => faults.down }, user),
    async listen(tls: EndpointTls) {
      const endpoint = await listen(served, faults, tls);
      endpoints.add(endpoint);
      const close = (): void => {
        endpoints.delete(endpoint);
        endpoint.close();
      };
      return { port: endpoint.port, close };
    },
    bindWebhook: (service, ready, review) => admission.bind(service.namespace, service.name, { ready, review }),
    faults,
    dropWatches() {
      for (const drop of watches) drop();
    },
    compact: () => store.compact(),
    close() {
      collector.stop();
      events.close();
      for (const endpoint of endpoints) endpoint.close();
      store.close();
    },
  };
};
