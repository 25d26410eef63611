import { immediate } from '../catalogue/profiles.ts';
import { LOCATIONS } from '../catalogue/locations.ts';
import { removeResource } from '../engine/complete.ts';
import { checkTags } from '../engine/conditions.ts';
import { ArmError, emptyReply, groupNotFound, jsonReply } from '../engine/errors.ts';
import type { FaultAction } from '../engine/faults.ts';
import { checkLocks } from '../engine/governance.ts';
import { groupKeyOf, nameOf } from '../engine/ids.ts';
import { isObject, type JsonObject, object, text } from '../engine/json.ts';
import type { Kind, World } from '../engine/model.ts';
import { operationHeaders, startOperation } from '../engine/operations.ts';
import { pageReply } from '../engine/paging.ts';
import type { Resource } from '../engine/store.ts';
import { kindOf, locationOf, normalLocation, wireOf } from '../engine/view.ts';
import { usersOf } from './common.ts';
import { tagFilter } from './filters.ts';
import type { Handlers } from './handlers.ts';
import { subscriptionIn } from './handlers.ts';

export const GROUPS = 'Microsoft.Resources/resourceGroups';

/** Resources inside a group, virtual machines first. */
function contentOf(world: World, group: Resource): Resource[] {
  const inside = [...world.store.all()].filter((resource) => resource.key.startsWith(`${group.key}/providers/`));
  const isMachine = (resource: Resource) => (resource.type === 'Microsoft.Compute/virtualMachines' ? 0 : 1);
  return inside.sort((a, b) => isMachine(a) - isMachine(b));
}

/** Microsoft.Resources/resourceGroups as a stored resource; its addresses have handlers of their own. */
export const resourceGroups: Kind = {
  type: GROUPS,
  label: 'ResourceGroup',
  tracked: true,
  etags: false,
  states: true,
  create: immediate(201),
  update: immediate(200),
  delete: {
    status: 202,
    headers: 'location',
    retryAfter: 15,
    pollRetryAfter: 15,
    seconds: 70,
    state: 'Deleting',
    body: 'empty',
  },
  checkName: (name) =>
    /^[\p{L}\p{N}_.()-]{0,89}[\p{L}\p{N}_()-]$/u.test(name)
      ? undefined
      : new ArmError(
          400,
          'InvalidResourceGroup',
          `The provided resource group name '${name}' has these invalid characters: only letters, digits, '_', '.', '-', '(' and ')' are allowed, at most 90, not ending with '.'.`,
          { cause: 'gateway' },
        ),
  prepare: (_world, request) => ({ body: request.body }),
  removed(world, group) {
    for (const resource of contentOf(world, group))
      if (world.store.get(resource.key) !== undefined) removeResource(world, resource);
  },
};

function requireGroupAt(world: World, path: string): Resource {
  const group = world.store.get(groupKeyOf(path));
  if (group === undefined) throw groupNotFound(nameOf(path));
  return group;
}

function groupLocation(body: JsonObject, existing: Resource | undefined): string {
  const asked = text(body['location']);
  if (asked === undefined)
    throw new ArmError(400, 'LocationRequired', 'The location property is required for this definition.', {
      cause: 'gateway',
    });
  const location = normalLocation(asked);
  if (!LOCATIONS.some((known) => known.name === location)) {
    const list = LOCATIONS.map((known) => known.name).join(',');
    throw new ArmError(
      400,
      'LocationNotAvailableForResourceGroup',
      `The provided location '${asked}' is not available for resource group. List of available regions is '${list}'.`,
      { cause: 'gateway' },
    );
  }
  if (existing !== undefined && locationOf(existing) !== location) {
    throw new ArmError(
      409,
      'InvalidResourceGroupLocation',
      `Invalid resource group location '${location}'. The Resource group already exists in location '${locationOf(existing)}'.`,
      { cause: 'gateway' },
    );
  }
  return location;
}

/** What keeps a group from being deleted: something of it is used from outside. */
function blockers(world: World, group: Resource): string[] {
  return contentOf(world, group).flatMap((resource) => {
    const ids = [
      resource.id,
      ...(kindOf(world, resource).collections ?? []).flatMap((collection) =>
        (Array.isArray(object(resource.body['properties'])[collection.property])
          ? (object(resource.body['properties'])[collection.property] as readonly JsonObject[])
          : []
        ).map((child) => `${resource.id}/${collection.property}/${text(child['name']) ?? ''}`),
      ),
    ];
    const outside = ids.some((id) => usersOf(world, id).some((user) => groupKeyOf(user) !== group.key));
    return outside ? [`${resource.type}/${resource.name}`] : [];
  });
}

const GROUP = '/subscriptions/{}/resourcegroups/{}';

export const groupHandlers: Handlers = {
  [`HEAD ${GROUP}`]: (world, _call, address) =>
    emptyReply(world.store.get(groupKeyOf(address.path)) === undefined ? 404 : 204),
  [`GET ${GROUP}`]: (world, _call, address) => jsonReply(200, wireOf(world, requireGroupAt(world, address.path))),
  [`PUT ${GROUP}`](world, call, address) {
    const key = groupKeyOf(address.path);
    const existing = world.store.get(key);
    const name = nameOf(address.path);
    const bad = resourceGroups.checkName(name);
    if (bad !== undefined) throw bad;
    if (existing?.state === 'Deleting') {
      throw new ArmError(
        409,
        'ResourceGroupBeingDeleted',
        `The resource group '${name}' is in deprovisioning state and cannot perform this operation.`,
        { cause: 'gateway' },
      );
    }
    const location = groupLocation(call.body, existing);
    checkTags(call.body['tags'], GROUPS);
    checkLocks(world, address.path, 'write');
    const tags = isObject(call.body['tags'])
      ? { tags: call.body['tags'] }
      : existing?.body['tags'] === undefined
        ? {}
        : { tags: {} };
    const group: Resource = {
      key,
      id: existing?.id ?? `/subscriptions/${subscriptionIn(address)}/resourceGroups/${name}`,
      type: GROUPS,
      name: existing?.name ?? name,
      body: {
        location,
        ...tags,
        ...(call.body['managedBy'] === undefined ? {} : { managedBy: call.body['managedBy'] }),
        properties: {},
      },
      hidden: {},
      state: 'Succeeded',
      childStates: {},
      etag: '',
      busy: undefined,
      createdAt: existing?.createdAt ?? world.clock.now(),
    };
    world.store.put(group);
    return jsonReply(existing === undefined ? 201 : 200, wireOf(world, group));
  },
  [`PATCH ${GROUP}`](world, call, address) {
    const group = requireGroupAt(world, address.path);
    checkTags(call.body['tags'], GROUPS);
    checkLocks(world, address.path, 'write');
    const next = {
      ...group,
      body: { ...group.body, ...(call.body['tags'] === undefined ? {} : { tags: call.body['tags'] }) },
    };
    world.store.put(next);
    return jsonReply(200, wireOf(world, next));
  },
  [`DELETE ${GROUP}`](world, call, address) {
    const group = requireGroupAt(world, address.path);
    checkLocks(world, group.id, 'delete');
    if (group.state === 'Deleting' && group.busy !== undefined) {
      const running = world.store.operation(group.busy);
      if (running !== undefined) return emptyReply(202, operationHeaders(world, running, resourceGroups.delete));
    }
    const blocked = blockers(world, group);
    const content = contentOf(world, group);
    if (blocked.length === 0) for (const resource of content) kindOf(world, resource).deleting?.(world, resource);
    const machines = content.some((resource) => resource.type === 'Microsoft.Compute/virtualMachines');
    const fault: FaultAction | undefined =
      call.fault ??
      (blocked.length === 0
        ? undefined
        : {
            kind: 'operation-fails',
            code: 'ResourceGroupDeletionBlocked',
            message: `Deletion of resource group '${group.name}' failed as resources with identifiers '${blocked.join(',')}' could not be deleted. The provisioning state of the resource group will be rolled back.`,
          });
    const operation = startOperation(world, { ...call, fault }, group, {
      kind: 'delete-group',
      label: 'DeleteResourceGroup',
      seconds: content.length === 0 ? 15 : machines ? 120 : 70,
      pollRetryAfter: 15,
    });
    world.store.put({ ...group, state: 'Deleting', busy: operation.id });
    return emptyReply(202, operationHeaders(world, operation, resourceGroups.delete));
  },
  'GET /subscriptions/{}/resourcegroups'(world, call, address) {
    const matches = tagFilter(call.request.query.get('$filter') ?? '');
    const prefix = `/subscriptions/${subscriptionIn(address)}/`;
    const groups = [...world.store.ofType(GROUPS)]
      .filter((group) => group.key.startsWith(prefix))
      .map((group) => wireOf(world, group));
    return pageReply(world, call.request, groups.filter(matches));
  },
};
