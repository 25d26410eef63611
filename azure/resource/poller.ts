import type { Clients } from '../clients/clients.ts';
import { load } from '../clients/lazy.ts';
import type { PollerFamily, PollerPart } from './kind.ts';

/** What travels between two calls: how often it failed in a row, and the serialised operation when one is running. */
export interface PollerState {
  readonly attempt: number;
  /** Weight of the operations that were accepted and failed. */
  readonly failures?: number;
  readonly verb?: 'created' | 'updated' | 'deleted';
  /** Writes that were accepted. */
  readonly writes?: number;
  /** Tags that the document no longer has were taken away. */
  readonly untagged?: true;
  /** Serialised state of the SDK's poller. */
  readonly operation?: string;
}

/** Reads the text that an earlier call gave back; a text that is not ours counts as none. */
export function decodePoller(text: string | undefined): PollerState {
  if (text === undefined) return { attempt: 0 };
  try {
    const value = JSON.parse(text) as PollerState | null;
    return typeof value?.attempt === 'number' ? value : { attempt: 0 };
  } catch {
    return { attempt: 0 };
  }
}

export function encodePoller(state: PollerState): string {
  return JSON.stringify(state);
}

/** Brings a serialised poller back to life with the package that made it. */
export async function restore(
  clients: Clients,
  family: PollerFamily,
  operation: string,
): Promise<{ readonly poller: PollerPart<unknown> }> {
  return restorers[family](clients, operation);
}

type Restored = Promise<{ readonly poller: PollerPart<unknown> }>;

const restorers: Readonly<Record<PollerFamily, (clients: Clients, operation: string) => Restored>> = {
  async network(clients, operation) {
    const { restorePoller } = await load(() => import('@azure/arm-network'));
    const client = await clients.network();
    return { poller: restorePoller(client, operation, client.virtualNetworks.createOrUpdate) };
  },
  async compute(clients, operation) {
    const { restorePoller } = await load(() => import('@azure/arm-compute'));
    const client = await clients.compute();
    return { poller: restorePoller(client, operation, client.virtualMachines.createOrUpdate) };
  },
  async storage(clients, operation) {
    const { restorePoller } = await load(() => import('@azure/arm-storage'));
    const client = await clients.storage();
    return { poller: restorePoller(client, operation, client.storageAccounts.create) };
  },
  async containerService(clients, operation) {
    const { restorePoller } = await load(() => import('@azure/arm-containerservice'));
    const client = await clients.containerService();
    return { poller: restorePoller(client, operation, client.managedClusters.createOrUpdate) };
  },
  async resources(clients, operation) {
    const { restorePoller } = await load(() => import('@azure/arm-resources'));
    const client = await clients.resources();
    return { poller: restorePoller(client, operation, client.tagsOperations.updateAtScope) };
  },
};
