import type { AzureReply } from '../../service.ts';
import type { Call, World } from '../engine/model.ts';
import type { Address } from '../engine/routes.ts';

/** An operation that is no plain read or write of a resource. */
export type Handler = (world: World, call: Call, address: Address) => AzureReply;

/** Handlers by `METHOD template`; templates as in `engine/routes.ts`. */
export type Handlers = Readonly<Record<string, Handler>>;

/** Subscription id of an address. */
export function subscriptionIn(address: Address): string {
  return address.path.split('/')[2]?.toLowerCase() ?? '';
}
