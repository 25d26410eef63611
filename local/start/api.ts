import type { AzureRequestLine, AzureResource, EventView, RequestView, StatusDocument } from './status-document.ts';

/** The doors `npm start` uses: the app's HTTP API and the simulator's observation doors. Absence is `undefined`, also while a server is down. */
export interface Doors {
  healthy(): Promise<boolean>;
  status(cluster: string): Promise<StatusDocument | undefined>;
  request(requestId: string): Promise<RequestView | undefined>;
  events(cluster: string, after: string | undefined): Promise<{ events: EventView[]; cursor: string | undefined }>;
  resources(): Promise<readonly AzureResource[]>;
  requestsAfter(seq: number): Promise<readonly AzureRequestLine[]>;
  simulatorAnswers(): Promise<boolean>;
  clearFaults(): Promise<void>;
  /** @throws Error with the simulator's explanation when it refuses an order */
  order(faults: readonly object[]): Promise<void>;
}

/** @param signal ends every call that is under way */
export function openDoors(app: string, azure: string, signal: AbortSignal): Doors {
  const call = async (url: string, init: RequestInit = {}): Promise<Response> =>
    fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(10_000)]) });
  const read = async <Answer>(url: string): Promise<Answer | undefined> => {
    try {
      const answer = await call(url);
      if (answer.ok) return (await answer.json()) as Answer;
      await answer.body?.cancel();
    } catch (error) {
      // A server that starts, restarts or is being killed: the next poll asks again.
      if (signal.aborted) throw error;
    }
    return undefined;
  };
  const answers = async (url: string): Promise<boolean> => (await read<unknown>(url)) !== undefined;
  return {
    healthy: () => answers(`${app}/api/health`),
    status: (cluster) => read(`${app}/api/clusters/${cluster}`),
    request: (requestId) => read(`${app}/api/requests/${encodeURIComponent(requestId)}`),
    async events(cluster, after) {
      const query = after === undefined ? '' : `&after=${encodeURIComponent(after)}`;
      const url = `${app}/api/clusters/${cluster}/events?limit=200${query}`;
      return (await read<{ events: EventView[]; cursor: string | undefined }>(url)) ?? { events: [], cursor: after };
    },
    resources: async () => (await read<AzureResource[]>(`${azure}/_simulator/resources`)) ?? [],
    requestsAfter: async (seq) => (await read<AzureRequestLine[]>(`${azure}/_simulator/requests?after=${seq}`)) ?? [],
    simulatorAnswers: () => answers(`${azure}/_simulator/faults`),
    async clearFaults() {
      await (await call(`${azure}/_simulator/faults`, { method: 'DELETE' })).body?.cancel();
    },
    async order(faults) {
      const answer = await call(`${azure}/_simulator/faults`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(faults),
      });
      if (!answer.ok) throw new Error(`the simulated Azure refused the order: ${await answer.text()}`);
      await answer.body?.cancel();
    },
  };
}
