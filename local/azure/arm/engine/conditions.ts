import { LOCATIONS } from '../catalogue/locations.ts';
import { ArmError, groupNotFound } from './errors.ts';
import { groupKeyOf, nameOf, type ResourceId } from './ids.ts';
import { type JsonObject, object, text } from './json.ts';
import type { Kind, World } from './model.ts';
import type { Resource } from './store.ts';
import { normalLocation } from './view.ts';

/** The resource group of an id, which must exist; `writing` also refuses a group that is being deleted. */
export function requireGroup(world: World, id: ResourceId, writing: boolean): Resource {
  const group = world.store.get(groupKeyOf(id.id));
  if (group === undefined) throw groupNotFound(id.group);
  if (writing && group.state === 'Deleting') {
    throw new ArmError(
      409,
      'ResourceGroupBeingDeleted',
      `The resource group '${id.group}' is in deprovisioning state and cannot perform this operation.`,
      { cause: 'gateway' },
    );
  }
  return group;
}

/** 404 ParentResourceNotFound for a nested resource without its parent. */
export function requireParent(world: World, id: ResourceId): void {
  if (id.types.length < 2) return;
  const parent = id.id.split('/').slice(0, -2).join('/');
  if (world.store.get(parent.toLowerCase()) !== undefined) return;
  throw new ArmError(
    404,
    'ParentResourceNotFound',
    `Can not perform requested operation on nested resource. Parent resource '${nameOf(parent)}' not found.`,
    { cause: 'gateway' },
  );
}

/** Location of a PUT: required on create, immutable afterwards, and one that Azure has. */
export function checkLocation(kind: Kind, body: JsonObject, existing: Resource | undefined, name: string): string {
  if (!kind.tracked) return existing === undefined ? '' : normalLocation(text(existing.body['location']) ?? '');
  const asked = text(body['location']);
  const stored = text(existing?.body['location']);
  if (asked === undefined || asked === '') {
    if (stored !== undefined) return stored;
    throw new ArmError(400, 'LocationRequired', 'The location property is required for this definition.', {
      cause: 'gateway',
    });
  }
  const location = normalLocation(asked);
  if (stored !== undefined && location !== stored) {
    throw new ArmError(
      409,
      'InvalidResourceLocation',
      `The resource '${name}' already exists in location '${stored}' in resource group. A resource with the same name cannot be created in location '${location}'. Please select a new resource name.`,
      { cause: 'gateway' },
    );
  }
  const known = kind.global === true ? ['global'] : LOCATIONS.map(({ name: region }) => region);
  if (!known.includes(location)) {
    const list = known.join(',');
    throw new ArmError(
      400,
      'LocationNotAvailableForResourceType',
      `The provided location '${asked}' is not available for resource type '${kind.type}'. List of available regions for the resource type is '${list}'.`,
      { cause: 'gateway' },
    );
  }
  return location;
}

const RESERVED_TAG_PREFIX = /^(?:microsoft|azure|windows)/iu;

/** Tag limits: 50 tags, names up to 512 (storage 128) characters without `<>%&\?/`, values up to 256. */
export function checkTags(value: unknown, type: string): void {
  const tags = object(value as JsonObject | undefined);
  const entries = Object.entries(tags);
  const longest = type.toLowerCase() === 'microsoft.storage/storageaccounts' ? 128 : 512;
  const refuse = (code: string, message: string): never => {
    throw new ArmError(400, code, message, { cause: 'gateway' });
  };
  if (entries.length > 50) {
    refuse(
      'TooManyTags',
      `Too many tags on the resource/resource group. Requested tag count - '${entries.length}'. Maximum number of tags allowed - '50'.`,
    );
  }
  for (const [name, tag] of entries) {
    if (typeof tag !== 'string') refuse('InvalidTagValue', `The value of tag '${name}' must be a string.`);
    if (name.length > longest)
      refuse(
        'InvalidTagNameLength',
        `The tag name '${name.slice(0, 40)}…' exceeds the maximum length of ${longest} characters.`,
      );
    if (/[<>%&\\?/]/u.test(name))
      refuse(
        'InvalidTagNameCharacters',
        `The tag name '${name}' has reserved characters '<,>,%,&,\\,?,/' or control characters.`,
      );
    if (RESERVED_TAG_PREFIX.test(name))
      refuse(
        'InvalidTagName',
        `The tag name '${name}' begins with a reserved prefix: 'microsoft', 'azure', 'windows'.`,
      );
    if (typeof tag === 'string' && tag.length > 256)
      refuse('InvalidTagValueLength', `The value of tag '${name}' exceeds the maximum length of 256 characters.`);
  }
  const folded = new Set(entries.map(([name]) => name.toLowerCase()));
  if (folded.size < entries.length)
    refuse('DuplicateTagName', 'Tag names are compared without letter case; two of the tags are the same.');
}

/** If-Match and If-None-Match: 412 with the provider's wording. */
export function checkPreconditions(
  headers: Readonly<Record<string, string>>,
  existing: Resource | undefined,
  id: string,
): void {
  const wanted = headers['if-match'];
  if (
    wanted !== undefined &&
    wanted !== '' &&
    (existing === undefined || (wanted !== '*' && wanted !== existing.etag))
  ) {
    throw new ArmError(412, 'PreconditionFailed', 'Precondition failed.', {
      details: [
        {
          code: 'PreconditionFailedEtagMismatch',
          message: `Etag provided in if-match header ${wanted} does not match etag ${existing?.etag ?? ''} of resource ${id} in NRP data store.`,
        },
      ],
    });
  }
  if (headers['if-none-match'] === '*' && existing !== undefined) {
    // DNS answers without the wrapper `error` (azure-recordings/errors.json).
    if (existing.type.startsWith('Microsoft.Network/privateDnsZones/')) {
      const message = `The Record set ${existing.name} exists already and hence cannot be created again.`;
      throw new ArmError(412, 'PreconditionFailed', message, { bare: {} });
    }
    throw new ArmError(412, 'PreconditionFailed', `The resource ${id} exists already and If-None-Match: * was sent.`);
  }
}

/** Refuses a write while another one runs. The form depends on the provider (azure-recordings/README.md, Throttling). */
export function checkBusy(world: World, resource: Resource | undefined): void {
  if (resource?.busy === undefined) return;
  const operation = world.store.operation(resource.busy);
  if (resource.type.startsWith('Microsoft.Network/')) {
    const seconds = 11 + Math.floor(4 * world.random.draw('busy', resource.busy));
    throw new ArmError(429, 'RetryableError', 'A retryable error occurred.', {
      cause: 'service',
      retryAfter: seconds,
      details: [
        {
          code: 'RetryableErrorDueToAnotherOperation',
          message: `Operation ${operation?.label ?? 'PutOperation'} (${resource.busy}) is updating resource ${resource.id}. The call can be retried in ${seconds} seconds.`,
        },
      ],
    });
  }
  if (resource.type === 'Microsoft.Storage/storageAccounts') {
    throw new ArmError(
      409,
      'StorageAccountOperationInProgress',
      'An operation is currently performing on this storage account that requires exclusive access.',
    );
  }
  throw new ArmError(
    409,
    'Conflict',
    `The request failed due to conflict with a concurrent request on '${resource.id}'. To resolve it, wait until operation '${resource.busy}' has ended, then retry.`,
  );
}
