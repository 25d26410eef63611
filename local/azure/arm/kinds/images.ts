import { displayNameOf } from '../catalogue/locations.ts';
import { ArmError, invalidParameter } from '../engine/errors.ts';
import { parseResourceId } from '../engine/ids.ts';
import { at, idOf, type Json, type JsonObject, object, objects, text } from '../engine/json.ts';
import type { Kind, Profile, World } from '../engine/model.ts';
import { locationOf } from '../engine/view.ts';
import { uploadState } from './diskUpload.ts';
import { computeName, envelope, without } from './common.ts';
import { findAccount } from './storageAccounts.ts';

const BLOB_URI =
  /^https:\/\/(?<account>[a-z0-9]{3,24})\.blob\.core\.windows\.net\/(?<container>[^/?]+)\/(?<blob>[^?]+)/u;

/** Refuses a blob that cannot become a disk: it must exist, be a page blob of whole 512-byte pages and end with a VHD footer. */
function checkVhd(world: World, uri: string, location: string, target: string): void {
  const { account = '', container = '', blob = '' } = BLOB_URI.exec(uri)?.groups ?? {};
  const resource = findAccount(world, account);
  const found = resource === undefined ? undefined : world.storage.blob(account, container, decodeURIComponent(blob));
  if (resource === undefined || found === undefined)
    throw invalidParameter(target, `Unable to find VHD blob with URI ${uri}.`);
  if (locationOf(resource) !== location) {
    throw invalidParameter(
      target,
      `Source blob ${uri} lies in '${locationOf(resource)}', but the image is created in '${location}': both must be in the same region.`,
    );
  }
  if (found.blobType.toLowerCase() !== 'pageblob') {
    throw new ArmError(
      400,
      'InvalidParameter',
      `The blob ${uri} is not a page blob: only page blobs can be imported as a disk.`,
      { target },
    );
  }
  if (found.size % 512 !== 0 || !found.endsWithVhdFooter) {
    throw new ArmError(
      400,
      'InvalidVhd',
      `The specified cookie value in VHD footer indicates that disk with blob ${uri} is not a supported VHD. Disk is expected to have cookie value 'conectix'.`,
    );
  }
}

/** A disk that still waits for its upload has no contents to make an image from. */
function checkDiskSource(world: World, source: string): void {
  const disk = world.store.get(source.toLowerCase());
  const state = disk === undefined ? undefined : uploadState(disk);
  if (disk === undefined || state === undefined) return;
  throw new ArmError(409, 'OperationNotAllowed', `Disk ${disk.name} is in state '${state}' and cannot be used yet.`, {
    target: source,
  });
}

/** Microsoft.Compute/images: from a VHD blob, a disk or a snapshot. */
export const images: Kind = {
  type: 'Microsoft.Compute/images',
  label: 'Image',
  tracked: true,
  etags: false,
  states: true,
  create: { status: 201, headers: 'async', seconds: 9, state: 'Creating', body: 'resource' },
  update: { status: 200, headers: 'async', seconds: 5, state: 'Updating', body: 'resource' },
  delete: { status: 202, headers: 'async+location', seconds: 6, state: 'Deleting', body: 'empty' },
  checkName: computeName(80),
  prepare(world, request) {
    const osDisk = object(at(request.properties, 'storageProfile', 'osDisk'));
    const uri = text(osDisk['blobUri']);
    const source =
      idOf(osDisk['managedDisk']) ?? idOf(osDisk['snapshot']) ?? idOf(request.properties['sourceVirtualMachine']);
    if (uri !== undefined) checkVhd(world, uri, request.location, 'storageProfile.osDisk.blobUri');
    else if (source === undefined) {
      throw invalidParameter(
        'storageProfile.osDisk',
        'An image needs a source: osDisk.blobUri, osDisk.managedDisk, osDisk.snapshot or sourceVirtualMachine.',
      );
    } else if (world.store.get(source.toLowerCase()) === undefined) {
      throw new ArmError(404, 'NotFound', 'The entity was not found in this Azure location.', { target: source });
    } else checkDiskSource(world, source);
    return {
      body: {
        ...envelope(request.body),
        properties: {
          hyperVGeneration: 'V1',
          ...without(request.properties),
          storageProfile: {
            dataDisks: [],
            ...object(request.properties['storageProfile']),
            osDisk: { diskSizeGB: 30, caching: 'None', storageAccountType: 'Standard_LRS', ...osDisk },
          },
        },
      },
    };
  },
};

const GALLERY_WRITE: Profile = { status: 201, headers: 'async', seconds: 10, state: 'Creating', body: 'resource' };
const GALLERY_UPDATE: Profile = { ...GALLERY_WRITE, status: 200, seconds: 5, state: 'Updating' };
const GALLERY_DELETE: Profile = {
  status: 202,
  headers: 'async+location',
  retryAfter: 10,
  seconds: 10,
  state: 'Deleting',
  body: 'empty',
};

function hasChildren(world: World, id: string, type: string): boolean {
  for (const child of world.store.ofType(type)) if (child.key.startsWith(`${id.toLowerCase()}/`)) return true;
  return false;
}

function refuseWithChildren(world: World, id: string, type: string): void {
  if (!hasChildren(world, id, type)) return;
  throw new ArmError(
    409,
    'CannotDeleteResource',
    `Can not delete resource before nested resources are deleted. Resource '${id}' still contains '${type}'.`,
    { cause: 'gateway' },
  );
}

/** Microsoft.Compute/galleries. */
export const galleries: Kind = {
  type: 'Microsoft.Compute/galleries',
  label: 'Gallery',
  tracked: true,
  etags: false,
  states: true,
  create: GALLERY_WRITE,
  update: GALLERY_UPDATE,
  delete: GALLERY_DELETE,
  checkName: (name) =>
    /^[A-Za-z0-9](?:[\w.]{0,78}[A-Za-z0-9])?$/u.test(name)
      ? undefined
      : invalidParameter(
          'galleryName',
          `The gallery name '${name}' is invalid: letters, digits, '.' and '_', no hyphen, at most 80 characters.`,
        ),
  prepare: (_world, request) => ({
    body: {
      ...envelope(request.body),
      properties: {
        ...without(request.properties),
        identifier: { uniqueName: `${request.id.subscription}-${request.name.toUpperCase()}` },
      },
    },
  }),
  deletable: (world, resource) => refuseWithChildren(world, resource.id, 'Microsoft.Compute/galleries/images'),
};

/** Microsoft.Compute/galleries/images (image definitions). */
export const galleryImages: Kind = {
  ...galleries,
  type: 'Microsoft.Compute/galleries/images',
  label: 'GalleryImage',
  checkName: computeName(80),
  prepare(_world, request) {
    for (const required of ['osType', 'osState', 'identifier']) {
      if (request.properties[required] === undefined) {
        throw invalidParameter(
          `galleryImage.properties.${required}`,
          `Required parameter 'galleryImage.properties.${required}' is missing (null).`,
        );
      }
    }
    return {
      body: { ...envelope(request.body), properties: { hyperVGeneration: 'V1', ...without(request.properties) } },
    };
  },
  deletable: (world, resource) => refuseWithChildren(world, resource.id, 'Microsoft.Compute/galleries/images/versions'),
};

function checkVersionSource(world: World, properties: JsonObject, location: string): void {
  const source =
    idOf(at(properties, 'storageProfile', 'source')) ?? idOf(at(properties, 'storageProfile', 'osDiskImage', 'source'));
  const uri = text(at(properties, 'storageProfile', 'osDiskImage', 'source', 'uri'));
  if (source !== undefined) {
    if (world.store.get(source.toLowerCase()) !== undefined) {
      checkDiskSource(world, source);
      return;
    }
    throw new ArmError(404, 'NotFound', 'The entity was not found in this Azure location.', { target: source });
  }
  if (uri === undefined) {
    throw invalidParameter(
      'galleryImageVersion.properties.storageProfile',
      'A version needs storageProfile.source.id or storageProfile.osDiskImage.source.uri.',
    );
  }
  checkVhd(world, uri, location, 'storageProfile.osDiskImage.source.uri');
}

/** Microsoft.Compute/galleries/images/versions: from an image or straight from a VHD blob; takes minutes. */
export const galleryImageVersions: Kind = {
  ...galleries,
  type: 'Microsoft.Compute/galleries/images/versions',
  label: 'GalleryImageVersion',
  create: { ...GALLERY_WRITE, seconds: 360 },
  checkName: (name) =>
    /^\d{1,9}\.\d{1,9}\.\d{1,9}$/u.test(name)
      ? undefined
      : invalidParameter(
          'galleryImageVersionName',
          `The version '${name}' is invalid: three numbers such as 1.0.0 are expected.`,
        ),
  prepare(world, request) {
    checkVersionSource(world, request.properties, request.location);
    const publishing = object(request.properties['publishingProfile']);
    const regions = objects(publishing['targetRegions']);
    const targets: readonly Json[] = (regions.length > 0 ? regions : [{ name: request.location }]).map((region) => ({
      regionalReplicaCount: 1,
      storageAccountType: 'Standard_LRS',
      ...region,
      name: displayNameOf((text(region['name']) ?? '').toLowerCase().replaceAll(' ', '')),
    }));
    return {
      body: {
        ...envelope(request.body),
        properties: {
          ...without(request.properties, 'replicationStatus'),
          publishingProfile: {
            replicaCount: 1,
            excludeFromLatest: false,
            storageAccountType: 'Standard_LRS',
            publishedDate: new Date(world.clock.now()).toISOString(),
            ...publishing,
            targetRegions: targets,
          },
        },
      },
    };
  },
  deletable() {
    // A version may go while machines made from it run: they have copies.
  },
};

/** Whether an image reference of a machine can be used: a finished image, gallery version, or a published or community image. */
export function checkImageReference(world: World, reference: JsonObject, location: string): string {
  const id = text(reference['id']);
  const shared = text(reference['communityGalleryImageId']) ?? text(reference['sharedGalleryImageId']);
  if (shared !== undefined) return shared;
  if (id === undefined) {
    const parts = ['publisher', 'offer', 'sku', 'version'].map((name) => text(reference[name]));
    if (parts.includes(undefined)) {
      throw invalidParameter(
        'imageReference',
        "The value of parameter 'imageReference' is invalid: it needs an id, or publisher, offer, sku and version.",
      );
    }
    return parts.join(':');
  }
  const image = world.store.get(id.toLowerCase()) ?? latestVersion(world, id);
  if (image === undefined) {
    throw new ArmError(404, 'NotFound', `The image '${id}' was not found in location '${location}'.`, {
      target: 'imageReference',
    });
  }
  if (image.state !== 'Succeeded') {
    throw new ArmError(
      409,
      'OperationNotAllowed',
      `The image '${image.id}' is in state '${image.state}' and cannot be used until it has succeeded.`,
      { target: 'imageReference' },
    );
  }
  if (image.type === images.type && locationOf(image) !== location) {
    throw invalidParameter(
      'imageReference',
      `The image '${image.id}' lies in '${locationOf(image)}' and cannot be used in '${location}'.`,
    );
  }
  return image.id;
}

function latestVersion(world: World, definition: string) {
  const parsed = parseResourceId(definition);
  if (parsed?.types.join('/').toLowerCase() !== 'galleries/images') return undefined;
  const versions = [...world.store.ofType(galleryImageVersions.type)].filter((item) =>
    item.key.startsWith(`${parsed.key}/versions/`),
  );
  return versions.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })).at(-1);
}
