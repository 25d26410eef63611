/** Share of one zone. */
export interface ZoneShare {
  readonly zone: string;
  readonly count: number;
}

/**
 * Spreads `count` machines over zones: the same number in each, the remainder to the first ones, in a stable order, so
 * that a change of the count moves as few machines as possible (cluster-api-pivot.md §4).
 */
export function spread(count: number, zones: readonly string[]): readonly ZoneShare[] {
  const sorted = [...new Set(zones)].sort();
  const base = Math.floor(count / sorted.length);
  const remainder = count % sorted.length;
  return sorted.map((zone, index) => ({ zone, count: base + (index < remainder ? 1 : 0) }));
}

/**
 * Zones a pool or the control plane can use.
 *
 * @param requested zones named in the spec; undefined: all
 * @param offered zones in which the VM size can be used
 */
export function usableZones(requested: readonly string[] | undefined, offered: readonly string[]): readonly string[] {
  const wanted = requested ?? offered;
  return offered.filter((zone) => wanted.includes(zone)).sort();
}
