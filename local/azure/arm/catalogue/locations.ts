/** A region. Whether it has availability zones follows azure-behaviour.md §6; real clients ask resourceSkus instead. */
export interface Location {
  readonly name: string;
  readonly displayName: string;
  readonly zones: boolean;
}

const WITH_ZONES =
  'Australia East,Brazil South,Canada Central,Central India,Central US,East Asia,East US,East US 2,France Central,Germany West Central,Israel Central,Italy North,Japan East,Japan West,Korea Central,Mexico Central,New Zealand North,North Europe,Norway East,Poland Central,Qatar Central,South Africa North,South Central US,Southeast Asia,Spain Central,Sweden Central,Switzerland North,UAE North,UK South,West Europe,West US 2,West US 3';
const WITHOUT_ZONES =
  'Australia Central,Australia Central 2,Australia Southeast,Brazil Southeast,Canada East,France South,Germany North,Korea South,North Central US,Norway West,South Africa West,South India,Switzerland West,UAE Central,UK West,West Central US,West India,West US';

function locations(names: string, zones: boolean): readonly Location[] {
  return names
    .split(',')
    .map((displayName) => ({ name: displayName.toLowerCase().replaceAll(' ', ''), displayName, zones }));
}

export const LOCATIONS: readonly Location[] = [...locations(WITH_ZONES, true), ...locations(WITHOUT_ZONES, false)];

/** Display name of a region, the name itself when it is unknown. */
export function displayNameOf(name: string): string {
  return LOCATIONS.find((location) => location.name === name)?.displayName ?? name;
}

/** True when the region has availability zones. */
export function hasZones(name: string): boolean {
  return LOCATIONS.find((location) => location.name === name)?.zones ?? false;
}
