/** An IPv4 range as numbers: first and last address. */
export interface Range {
  readonly cidr: string;
  readonly prefix: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Reads an IPv4 range.
 *
 * @returns undefined when the text is not a range, has an octet above 255, a prefix above 32, or host bits set
 */
export function parseCidr(cidr: string): Range | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(cidr);
  if (match === null) return undefined;
  const [a = 0, b = 0, c = 0, d = 0, prefix = 0] = match.slice(1).map(Number);
  if ([a, b, c, d].some((octet) => octet > 255) || prefix > 32) return undefined;
  const first = ((a * 256 + b) * 256 + c) * 256 + d;
  const size = 2 ** (32 - prefix);
  if (first % size !== 0) return undefined;
  return { cidr, prefix, first, last: first + size - 1 };
}

/** Whether two ranges share an address. */
export function overlaps(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

/** Whether `inner` lies completely in `outer`. */
export function contains(outer: Range, inner: Range): boolean {
  return outer.first <= inner.first && inner.last <= outer.last;
}

/** Addresses a subnet has for machines: Azure keeps five of each subnet for itself. */
export function usableAddresses(range: Range): number {
  return Math.max(0, range.last - range.first + 1 - 5);
}

/** The n-th address of a range (0 = the network address) in dotted form. */
export function addressAt(range: Range, index: number): string {
  const value = range.first + index;
  return [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');
}
