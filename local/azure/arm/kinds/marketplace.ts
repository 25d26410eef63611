import { SIZES } from '../catalogue/sizes.ts';
import { ArmError, jsonReply } from '../engine/errors.ts';
import type { JsonObject } from '../engine/json.ts';
import type { Address } from '../engine/routes.ts';
import { normalLocation } from '../engine/view.ts';
import type { Handlers } from './handlers.ts';

interface MarketplaceImage {
  readonly publisher: string;
  readonly offer: string;
  readonly sku: string;
  readonly version: string;
  readonly os: 'Linux' | 'Windows';
  readonly generation: 'V1' | 'V2';
}

/** [publisher, offer, sku, os, generation]: the images behind the aliases of the az CLI, and Ubuntu 24.04. */
const ROWS: readonly (readonly [string, string, string, MarketplaceImage['os'], MarketplaceImage['generation']])[] = [
  ['Canonical', '0001-com-ubuntu-server-jammy', '22_04-lts-gen2', 'Linux', 'V2'],
  ['Canonical', '0001-com-ubuntu-server-jammy', '22_04-lts', 'Linux', 'V1'],
  ['Canonical', 'ubuntu-24_04-lts', 'server', 'Linux', 'V2'],
  ['Canonical', 'ubuntu-24_04-lts', 'server-gen1', 'Linux', 'V1'],
  ['Debian', 'debian-11', '11-backports-gen2', 'Linux', 'V2'],
  ['Debian', 'debian-12', '12-gen2', 'Linux', 'V2'],
  ['OpenLogic', 'CentOS', '8_5-gen2', 'Linux', 'V2'],
  ['RedHat', 'RHEL', '8-lvm-gen2', 'Linux', 'V2'],
  ['SUSE', 'opensuse-leap-15-4', 'gen2', 'Linux', 'V2'],
  ['kinvolk', 'flatcar-container-linux-free', 'stable-gen2', 'Linux', 'V2'],
  ['MicrosoftWindowsServer', 'WindowsServer', '2022-datacenter-g2', 'Windows', 'V2'],
  ['MicrosoftWindowsServer', 'WindowsServer', '2019-datacenter-gensecond', 'Windows', 'V2'],
];

const VERSION = '1.0.20251101';
const IMAGES: readonly MarketplaceImage[] = ROWS.map(([publisher, offer, sku, os, generation]) => ({
  publisher,
  offer,
  sku,
  version: VERSION,
  os,
  generation,
}));

/** `locations/{location}/publishers/{}/artifacttypes/vmimage/offers/{}/skus/{}/versions/{}`: how deep, and which entries. */
function under(address: Address): readonly MarketplaceImage[] {
  const [, publisher, , offer, sku, version] = address.names;
  const same = (asked: string | undefined, own: string) =>
    asked === undefined || asked.toLowerCase() === own.toLowerCase();
  return IMAGES.filter(
    (image) =>
      same(publisher, image.publisher) &&
      same(offer, image.offer) &&
      same(sku, image.sku) &&
      (version === 'latest' || same(version, image.version)),
  );
}

function absent(address: Address): ArmError {
  const [, publisher = '', , offer = '', sku = '', version = ''] = address.names;
  return new ArmError(
    404,
    version === '' ? 'NotFound' : 'PlatformImageNotFound',
    `The platform image '${[publisher, offer, sku, version].filter((part) => part !== '').join(':')}' is not available. Verify that all fields in the storage profile are correct. The marketplace of the simulated Azure has few images.`,
    { target: 'imageReference' },
  );
}

function entries(address: Address, field: 'publisher' | 'offer' | 'sku' | 'version') {
  const names = [...new Set(under(address).map((image) => image[field]))];
  if (names.length === 0) throw absent(address);
  const location = normalLocation(address.names[0] ?? '');
  return {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: JSON.stringify(names.map((name) => ({ location, name, id: `${address.path}/${name}` }))),
  };
}

function imageWire(address: Address): JsonObject {
  const image = under(address)[0];
  if (image === undefined) throw absent(address);
  return {
    location: normalLocation(address.names[0] ?? ''),
    name: image.version,
    id: [...address.path.split('/').slice(0, -1), image.version].join('/'),
    properties: {
      replicaType: 'Managed',
      hyperVGeneration: image.generation,
      architecture: 'x64',
      osDiskImage: {
        operatingSystem: image.os,
        sizeInGb: image.os === 'Linux' ? 30 : 127,
        sizeInBytes: 32_213_303_808,
      },
      dataDiskImages: [],
      automaticOSUpgradeProperties: { automaticOSUpgradeSupported: false },
      features: [{ name: 'SecurityType', value: 'TrustedLaunchSupported' }],
      disallowed: { vmDiskType: 'Unmanaged' },
      imageDeprecationStatus: { imageState: 'Active' },
    },
  };
}

const LOCATION = '/subscriptions/{}/providers/microsoft.compute/locations/{}';
const PUBLISHERS = `${LOCATION}/publishers`;
const OFFERS = `${PUBLISHERS}/{}/artifacttypes/{}/offers`;
const SKUS = `${OFFERS}/{}/skus`;

/** The virtual machine images of the marketplace, and the sizes in the older form. */
export const marketplaceHandlers: Handlers = {
  [`GET ${LOCATION}/vmsizes`]: () =>
    jsonReply(200, {
      value: SIZES.map((size) => ({
        name: size.name,
        numberOfCores: size.cores,
        osDiskSizeInMB: 1_047_552,
        resourceDiskSizeInMB: size.cores * 8192,
        memoryInMB: size.memoryGiB * 1024,
        maxDataDiskCount: size.maxDataDisks,
      })),
    }),
  [`GET ${PUBLISHERS}`]: (_world, _call, address) => entries(address, 'publisher'),
  [`GET ${OFFERS}`]: (_world, _call, address) => entries(address, 'offer'),
  [`GET ${SKUS}`]: (_world, _call, address) => entries(address, 'sku'),
  [`GET ${SKUS}/{}/versions`]: (_world, _call, address) => entries(address, 'version'),
  [`GET ${SKUS}/{}/versions/{}`]: (_world, _call, address) => jsonReply(200, imageWire(address)),
};
