/** An ARM resource id in its parts. */
export interface ArmId {
  readonly id: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** `Microsoft.Network/loadBalancers/inboundNatRules`; the last provider of the id counts. */
  readonly type: string;
  /** Names along the type path, outermost first. */
  readonly names: readonly string[];
  /** Everything before the last `/providers/`. */
  readonly scope: string;
}

/**
 * Splits an ARM id.
 *
 * @throws Error when the text is not the id of a resource below a subscription
 */
export function parseArmId(id: string): ArmId {
  const at = id.toLowerCase().lastIndexOf('/providers/');
  const subscription = /^\/subscriptions\/([^/]+)(?:\/resourceGroups\/([^/]+))?/i.exec(id);
  if (at === -1 || subscription === null) throw new Error(`${id} is not the id of an Azure resource`);
  const [namespace = '', ...rest] = id.slice(at + '/providers/'.length).split('/');
  const types = rest.filter((_, index) => index % 2 === 0);
  return {
    id,
    subscriptionId: subscription[1] ?? '',
    resourceGroup: subscription[2] ?? '',
    type: [namespace, ...types].join('/'),
    names: rest.filter((_, index) => index % 2 === 1),
    scope: id.slice(0, at),
  };
}

/** Ids and types are compared without regard to letter case: some providers change it (azure-behaviour.md, Recorded real traffic). */
export function sameId(a: string | undefined, b: string | undefined): boolean {
  return a !== undefined && b !== undefined && a.toLowerCase() === b.toLowerCase();
}
