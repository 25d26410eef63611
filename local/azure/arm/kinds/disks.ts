import { DELETED, immediate } from '../catalogue/profiles.ts';
import { ArmError, invalidParameter } from '../engine/errors.ts';
import { at, type JsonObject, number, object, text } from '../engine/json.ts';
import type { Kind, World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { beginGetAccess, endGetAccess, prepareUpload, removeUpload, uploadOf, uploadState } from './diskUpload.ts';
import { checkZones, computeName, envelope, without } from './common.ts';

/** The virtual machine that holds a disk. */
function holderOf(world: World, disk: Resource): Resource | undefined {
  for (const key of world.store.referrers(disk.id)) {
    const resource = world.store.get(key);
    if (resource?.type === 'Microsoft.Compute/virtualMachines') return resource;
  }
  return undefined;
}

/** Tiers of premium disks: largest size in GiB, operations and megabytes per second. */
const PREMIUM: readonly (readonly [tier: string, size: number, operations: number, megabytes: number])[] = [
  ['P1', 4, 120, 25],
  ['P2', 8, 120, 25],
  ['P3', 16, 120, 25],
  ['P4', 32, 120, 25],
  ['P6', 64, 240, 50],
  ['P10', 128, 500, 100],
  ['P15', 256, 1100, 125],
  ['P20', 512, 2300, 150],
  ['P30', 1024, 5000, 200],
  ['P40', 2048, 7500, 250],
  ['P50', 4096, 7500, 250],
  ['P60', 8192, 16_000, 500],
  ['P70', 16_384, 18_000, 750],
  ['P80', 32_767, 20_000, 900],
];

/** What a disk of this kind and size can do; only premium disks have a tier. */
function performance(sku: string, size: number): JsonObject {
  if (!sku.startsWith('Premium_')) {
    return { diskIOPSReadWrite: 500, diskMBpsReadWrite: 60 };
  }
  const [tier, , operations, megabytes] = PREMIUM.find(([, largest]) => size <= largest) ?? ['P80', 0, 20_000, 900];
  return { tier, diskIOPSReadWrite: operations, diskMBpsReadWrite: megabytes };
}

/** Microsoft.Compute/disks. */
export const disks: Kind = {
  type: 'Microsoft.Compute/disks',
  label: 'Disk',
  tracked: true,
  etags: false,
  states: true,
  create: { status: 202, headers: 'async+location', retryAfter: 2, seconds: 3, state: 'Updating', body: 'resource' },
  update: { status: 202, headers: 'async+location', retryAfter: 2, seconds: 3, state: 'Updating', body: 'resource' },
  delete: { status: 202, headers: 'async+location', seconds: 2, state: 'Deleting', body: 'empty' },
  checkName: computeName(80),
  notFound: (name) => new ArmError(404, 'NotFound', `Disk ${name} is not found.`),
  prepare(world, request) {
    if (text(at(request.properties, 'creationData', 'createOption')) === undefined) {
      throw invalidParameter(
        'disk.creationData.createOption',
        "Required parameter 'disk.creationData.createOption' is missing (null).",
      );
    }
    checkZones(request.body['zones'], request.location, 'Microsoft.Compute/disks', request.name);
    const size =
      number(request.properties['diskSizeGB']) ?? number(at(request.existing?.body, 'properties', 'diskSizeGB')) ?? 30;
    const before = number(at(request.existing?.body, 'properties', 'diskSizeGB')) ?? 0;
    if (size < before) {
      throw new ArmError(
        400,
        'BadRequest',
        `Disk ${request.name} cannot be made smaller: it has ${before} GiB, ${size} were asked for.`,
      );
    }
    const upload = request.existing === undefined ? uploadOf(world, request.properties) : undefined;
    const sku = text(object(request.body['sku'])['name']) ?? 'Standard_LRS';
    return {
      body: {
        ...envelope(request.body),
        sku: { name: sku, tier: sku.split('_')[0] ?? 'Standard' },
        properties: {
          encryption: { type: 'EncryptionAtRestWithPlatformKey' },
          networkAccessPolicy: 'AllowAll',
          publicNetworkAccess: 'Enabled',
          ...performance(sku, size),
          ...without(request.properties, 'diskState', 'diskSizeBytes', 'uniqueId', 'timeCreated'),
          diskSizeGB: size,
          diskSizeBytes: size * 1024 ** 3,
          timeCreated:
            text(at(request.existing?.body, 'properties', 'timeCreated')) ?? new Date(world.clock.now()).toISOString(),
          uniqueId: text(at(request.existing?.body, 'properties', 'uniqueId')) ?? world.random.uuid(),
        },
      },
      ...(upload === undefined ? {} : { hidden: upload }),
    };
  },
  accepted: prepareUpload,
  removed: removeUpload,
  actions: { begingetaccess: beginGetAccess, endgetaccess: endGetAccess },
  view(world, resource, wire) {
    const holder = holderOf(world, resource);
    const attached: JsonObject = holder === undefined ? {} : { managedBy: holder.id };
    return {
      ...wire,
      ...attached,
      properties: {
        ...object(wire['properties']),
        diskState: uploadState(resource) ?? (holder === undefined ? 'Unattached' : 'Attached'),
      },
    };
  },
  deletable(world, resource) {
    const holder = holderOf(world, resource);
    if (holder === undefined) return;
    throw new ArmError(409, 'OperationNotAllowed', `Disk ${resource.name} is attached to VM ${holder.id}.`, {
      target: resource.name,
    });
  },
};

/** Microsoft.Compute/availabilitySets: synchronous, 200 also on create. */
export const availabilitySets: Kind = {
  type: 'Microsoft.Compute/availabilitySets',
  label: 'AvailabilitySet',
  tracked: true,
  etags: false,
  states: false,
  create: immediate(200),
  update: immediate(200),
  delete: DELETED,
  checkName: computeName(80),
  prepare: (_world, request) => ({
    body: {
      ...envelope(request.body),
      sku: { name: 'Classic', ...object(request.body['sku']) },
      properties: {
        platformUpdateDomainCount: 5,
        platformFaultDomainCount: 3,
        ...without(request.properties, 'virtualMachines', 'statuses'),
      },
    },
  }),
  view(world, resource, wire) {
    const members = world.store.referrers(resource.id).flatMap((key) => world.store.get(key)?.id ?? []);
    return { ...wire, properties: { ...object(wire['properties']), virtualMachines: members.map((id) => ({ id })) } };
  },
  deletable(world, resource) {
    if (world.store.referrers(resource.id).length === 0) return;
    throw new ArmError(
      409,
      'OperationNotAllowed',
      `Availability Set '${resource.name}' cannot be deleted. Before deleting an Availability Set please ensure that it does not contain any VM.`,
    );
  },
};
