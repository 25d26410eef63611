import { shortHash } from '../names/hash.ts';
import { armId, imageBaseName } from '../names/names.ts';
import type { ClusterDocument } from '../spec/types.ts';
import { planResource, type ResourceInput } from './resources.ts';
import { planStorageNetwork, privateAccessResources } from './storage-network.ts';
import type { AzureFacts, PlannedImage, PlannedNetwork, PlannedResource, PlannedStorage } from './types.ts';

/** Where the base image is copied to. */
export function planStorage(document: ClusterDocument, facts: AzureFacts, network: PlannedNetwork): PlannedStorage {
  const { storage, azure, image } = document.spec;
  const own = storage.account !== undefined;
  const resourceGroup = own ? (storage.resourceGroup ?? azure.resourceGroup) : azure.resourceGroup;
  const rules = planStorageNetwork(document, facts, network);
  // In an account of Capstan's the account carries the number.
  const copy = numbered('-', own ? facts.shares?.copy : undefined);
  const base = image.vhd === undefined ? '' : `${imageBaseName(image.vhd)}-${imageHash(document, facts)}${copy}.vhd`;
  return {
    account: {
      name: facts.storageAccountName,
      id: armId(azure.subscriptionId, resourceGroup, 'Microsoft.Storage/storageAccounts', facts.storageAccountName),
      resourceGroup,
      owned: !own,
    },
    container: { name: storage.container ?? 'images', owned: storage.container === undefined },
    authentication: storage.authentication,
    sharedKeyAccess: storage.sharedKeyAccess,
    ...(rules === undefined ? {} : { network: rules }),
    blob: base,
  };
}

type ImageFacts = Pick<AzureFacts, 'imageSource' | 'shares'>;

/** The image the nodes boot: named after its source and the source's ETag, so that later clusters find it again. */
export function planImage(document: ClusterDocument, facts: ImageFacts): PlannedImage {
  const { image, azure } = document.spec;
  if (image.gallery !== undefined) {
    return {
      form: 'userGallery',
      sourceUrl: undefined,
      id: image.gallery.id,
      name: image.gallery.id.split('/').pop() ?? '',
    };
  }
  if (image.communityGallery !== undefined) {
    const { gallery, name, version } = image.communityGallery;
    const id = `/CommunityGalleries/${gallery}/Images/${name}/Versions/${version}`;
    return { form: 'communityGallery', sourceUrl: undefined, id, name };
  }
  const url = image.vhd ?? '';
  const number = facts.shares?.image;
  const name = `${imageBaseName(url)}-${imageHash(document, facts)}${numbered('-', number)}`;
  const diskId = armId(azure.subscriptionId, azure.resourceGroup, 'Microsoft.Compute/disks', name);
  const sizeBytes = facts.imageSource?.sizeBytes ?? 0;
  const disk = image.through === 'disk' ? { disk: { id: diskId, name, sizeBytes } } : {};
  const dataBytes = facts.imageSource?.dataBytes;
  const copy = dataBytes === undefined ? {} : { copyBytes: dataBytes };
  if (image.as === 'galleryVersion') {
    const id = armId(
      azure.subscriptionId,
      azure.resourceGroup,
      'Microsoft.Compute/galleries/images/versions',
      `${galleryName}${numbered('_', number)}`,
      name,
      '1.0.0',
    );
    return { form: 'galleryVersion', sourceUrl: url, id, name, ...disk, ...copy };
  }
  const id = armId(azure.subscriptionId, azure.resourceGroup, 'Microsoft.Compute/images', name);
  return { form: 'managedImage', sourceUrl: url, id, name, ...disk, ...copy };
}

/** Galleries are named with letters, digits, dots and underscores. */
const galleryName = 'capstan';

/** The end of the name of a thing that clusters share. */
function numbered(separator: string, share = 0): string {
  return share === 0 ? '' : `${separator}${share}`;
}

/** What clusters share besides the account when the image is made from a VHD. */
export function sharedImageResources(document: ClusterDocument, facts: ImageFacts): readonly PlannedResource[] {
  const image = planImage(document, facts);
  if (image.sourceUrl === undefined) return [];
  const { subscriptionId, resourceGroup } = document.spec.azure;
  return [...diskOf(image), ...imageOf(image)].map((input) => planResource(subscriptionId, resourceGroup, input));
}

function diskOf({ disk }: PlannedImage): readonly ResourceInput[] {
  return disk === undefined ? [] : [{ key: 'imageDisk', kind: 'imageDisk', names: [disk.name], step: 'image' }];
}

function imageHash(document: ClusterDocument, facts: ImageFacts): string {
  return shortHash(`${document.spec.image.vhd ?? ''}\n${facts.imageSource?.etag ?? ''}`, 8);
}

/** Resources of the image step; the copy of the bytes stands between the container and the image. */
export function imageResources(
  document: ClusterDocument,
  storage: PlannedStorage,
  image: PlannedImage,
  network: PlannedNetwork,
): readonly ResourceInput[] {
  const relay = relayContainer(storage, network);
  if (image.sourceUrl === undefined) return relay.length === 0 ? [] : [accountResource(storage), ...relay];
  const before = [
    ...storageResources(storage),
    ...relay,
    ...diskOf(image),
    ...(storage.network?.mode === 'private' ? privateAccessResources(document, storage.account.name, network) : []),
  ];
  const made = imageOf(image).map((input) =>
    // Everything else of the step stands before the copy, and the image after it.
    input.key === 'image' ? { ...input, needs: [...(input.needs ?? []), ...before.map(({ key }) => key)] } : input,
  );
  return [...before, ...made, ...(storage.network?.closes === true ? [closure(storage)] : [])];
}

/** The public endpoint of a private account, disabled when nobody copies any more. */
function closure({ account }: PlannedStorage): ResourceInput {
  return {
    key: 'storageClosure',
    kind: 'storageClosure',
    names: [account.name],
    resourceGroup: account.resourceGroup,
    step: 'image',
    needs: ['image'],
  };
}

function accountResource({ account, network }: PlannedStorage): ResourceInput {
  return {
    key: 'storageAccount',
    kind: 'storageAccount',
    names: [account.name],
    resourceGroup: account.resourceGroup,
    step: 'image',
    owned: account.owned,
    // Rules name subnets, which must be there.
    ...(network?.mode === 'selectedNetworks' ? { needs: ['virtualNetwork'] } : {}),
  };
}

/** Where requests to a private API server wait for its first machine. */
function relayContainer({ account }: PlannedStorage, network: PlannedNetwork): readonly ResourceInput[] {
  const container = network.api.private?.relayContainer;
  if (container === undefined) return [];
  return [
    {
      key: 'relayContainer',
      kind: 'relayContainer',
      names: [account.name, 'default', container],
      resourceGroup: account.resourceGroup,
      step: 'image',
      needs: ['storageAccount'],
    },
  ];
}

function storageResources(storage: PlannedStorage): readonly ResourceInput[] {
  const { account, container } = storage;
  return [
    accountResource(storage),
    {
      key: 'blobContainer',
      kind: 'blobContainer',
      names: [account.name, 'default', container.name],
      resourceGroup: account.resourceGroup,
      step: 'image',
      owned: container.owned,
      needs: ['storageAccount'],
    },
  ];
}

function imageOf(image: PlannedImage): readonly ResourceInput[] {
  const step = 'image';
  if (image.form === 'managedImage') return [{ key: 'image', kind: 'image', names: [image.name], step }];
  const gallery = /\/galleries\/([^/]+)\//.exec(image.id)?.[1] ?? galleryName;
  return [
    { key: 'gallery', kind: 'gallery', names: [gallery], step },
    { key: 'galleryImage', kind: 'galleryImage', names: [gallery, image.name], step, needs: ['gallery'] },
    {
      key: 'image',
      kind: 'galleryImageVersion',
      names: [gallery, image.name, '1.0.0'],
      step,
      needs: ['galleryImage'],
    },
  ];
}
