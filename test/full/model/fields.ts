/** One of the items, by any number. */
export const pick = <Item>(items: readonly [Item, ...Item[]], value: number): Item =>
  items[value % items.length] ?? items[0];

/** What `apply` may change about a pool of either kind of cluster, each field with a few values. */
export const poolFields: readonly ((document: unknown, pool: Record<string, unknown>, value: number) => void)[] = [
  (_document, pool, value) => {
    pool['replicas'] = value % 3;
  },
  (_document, pool, value) => {
    pool['labels'] = pick<object>([{}, { tier: 'web' }, { tier: 'batch', team: 'a' }], value);
  },
  (_document, pool, value) => {
    pool['taints'] = pick<object[]>([[], [{ key: 'spot', value: '', effect: 'PreferNoSchedule' }]], value);
  },
];
