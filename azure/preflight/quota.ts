import { type CallResult, call } from '../clients/capture.ts';
import type { Clients } from '../clients/clients.ts';
import { collect } from '../clients/collect.ts';
import { need } from '../halt.ts';

/** One line of a usage list. */
export interface Quota {
  readonly name: string;
  readonly used: number;
  readonly limit: number;
}

interface UsageLine {
  readonly name?: { readonly value?: string };
  readonly currentValue?: number;
  readonly limit?: number;
}

async function read(location: string, list: () => AsyncIterable<UsageLine>): Promise<readonly Quota[]> {
  const listed: CallResult<readonly UsageLine[]> = await call(() => collect(list()));
  return need(listed, location, 'read the quotas of the region').map((line) => ({
    name: line.name?.value ?? '',
    used: line.currentValue ?? 0,
    limit: line.limit ?? 0,
  }));
}

/** Cores per family and altogether (`cores`) in a region. */
export async function computeQuotas(clients: Clients, location: string): Promise<readonly Quota[]> {
  const { usage } = await clients.compute();
  return read(location, () => usage.list(location));
}

/** Public addresses and other network resources in a region. */
export async function networkQuotas(clients: Clients, location: string): Promise<readonly Quota[]> {
  const { usages } = await clients.network();
  return read(location, () => usages.list(location));
}
