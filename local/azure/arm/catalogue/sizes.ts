import { hasZones, LOCATIONS } from './locations.ts';

/** A virtual machine size. */
export interface Size {
  readonly name: string;
  readonly size: string;
  readonly family: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly maxDataDisks: number;
  readonly premium: boolean;
  readonly generations: string;
}

/** A restriction of a size: for the whole location (`zones` absent) or some of its zones. */
export interface Restriction {
  readonly name: string;
  readonly location: string;
  readonly zones?: readonly string[];
}

/** [name, family, vCPUs, GiB, data disks] */
const ROWS: readonly (readonly [string, string, number, number, number])[] = [
  ['B2s', 'standardBSFamily', 2, 4, 4],
  ['B2ms', 'standardBSFamily', 2, 8, 4],
  ['B4ms', 'standardBSFamily', 4, 16, 8],
  ['B2s_v2', 'standardBsv2Family', 2, 8, 4],
  ['B4s_v2', 'standardBsv2Family', 4, 16, 8],
  ['D1_v2', 'standardDv2Family', 1, 3.5, 4],
  ['D2s_v3', 'standardDSv3Family', 2, 8, 4],
  ['D4s_v3', 'standardDSv3Family', 4, 16, 8],
  ['D8s_v3', 'standardDSv3Family', 8, 32, 16],
  ['D2s_v5', 'standardDSv5Family', 2, 8, 4],
  ['D4s_v5', 'standardDSv5Family', 4, 16, 8],
  ['D8s_v5', 'standardDSv5Family', 8, 32, 16],
  ['D16s_v5', 'standardDSv5Family', 16, 64, 32],
  ['D2ds_v5', 'standardDDSv5Family', 2, 8, 4],
  ['D4ds_v5', 'standardDDSv5Family', 4, 16, 8],
  ['D2as_v5', 'standardDASv5Family', 2, 8, 4],
  ['D4as_v5', 'standardDASv5Family', 4, 16, 8],
  ['D8as_v5', 'standardDASv5Family', 8, 32, 16],
  ['E2s_v5', 'standardESv5Family', 2, 16, 4],
  ['E4s_v5', 'standardESv5Family', 4, 32, 8],
  ['F2s_v2', 'standardFSv2Family', 2, 4, 4],
  ['F4s_v2', 'standardFSv2Family', 4, 8, 8],
];

/** The sizes on offer, in every region. */
export const SIZES: readonly Size[] = ROWS.map(([short, family, cores, memoryGiB, maxDataDisks]) => ({
  name: `Standard_${short}`,
  size: short,
  family,
  cores,
  memoryGiB,
  maxDataDisks,
  premium: /s(?:_v\d)?$/u.test(short),
  generations: short === 'D1_v2' ? 'V1' : 'V1,V2',
}));

/** Restrictions of the seeded subscription. */
export const SEEDED_RESTRICTIONS: readonly Restriction[] = [
  { name: 'Standard_D4as_v5', location: 'westeurope', zones: ['3'] },
  ...LOCATIONS.map((location) => ({ name: 'Standard_E4s_v5', location: location.name })),
];

export function findSize(name: string): Size | undefined {
  return SIZES.find((size) => size.name.toLowerCase() === name.toLowerCase());
}

/** Zones in which a region offers sizes. */
export function zonesOf(location: string): readonly string[] {
  return hasZones(location) ? ['1', '2', '3'] : [];
}
