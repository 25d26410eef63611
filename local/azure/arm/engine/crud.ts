import type { AzureReply } from '../../service.ts';
import { finishOperation, removeResource } from './complete.ts';
import { checkBusy, checkLocation, checkPreconditions, checkTags, requireGroup, requireParent } from './conditions.ts';
import { ArmError, emptyReply, jsonReply, resourceNotFound } from './errors.ts';
import { applyPolicies, checkLocks } from './governance.ts';
import type { ResourceId } from './ids.ts';
import { isObject, type JsonObject, type MutableJsonObject, object, objects, text, withoutNulls } from './json.ts';
import type { Call, Collection, Kind, Prepared, Profile, PutRequest, World } from './model.ts';
import { operationHeaders, startOperation } from './operations.ts';
import { checkReferences } from './references.ts';
import type { Resource } from './store.ts';
import { wireOf } from './view.ts';

/** Properties of a stored child: what a client may send back from a GET is dropped. */
export function normalChild(value: JsonObject, collection: string): JsonObject {
  const name = text(value['name']);
  if (name === undefined || name === '') {
    throw new ArmError(400, 'InvalidRequestFormat', 'Cannot parse the request.', {
      details: [{ code: 'MissingName', message: `An element of '${collection}' has no name.` }],
    });
  }
  const { provisioningState: _ignored, ...properties } = withoutNulls(object(value['properties']));
  return {
    name,
    ...(value['zones'] === undefined || value['zones'] === null ? {} : { zones: value['zones'] }),
    properties,
  };
}

/** Completes and checks every embedded child of a body. */
export function prepareChildren(world: World, kind: Kind, request: PutRequest, properties: JsonObject): JsonObject {
  const result: MutableJsonObject = { ...properties };
  for (const collection of kind.collections ?? []) {
    const before = objects(object(request.existing?.body['properties'])[collection.property]);
    const children = objects(properties[collection.property]).map((child) => normalChild(child, collection.property));
    const names = new Set<string>();
    const prepared: JsonObject[] = [];
    for (const child of children) {
      const name = text(child['name']) ?? '';
      if (names.has(name.toLowerCase())) {
        throw new ArmError(400, 'InvalidRequestFormat', 'Cannot parse the request.', {
          details: [
            {
              code: 'DuplicateResourceName',
              message: `Resource ${request.id.id} has two child resources with the same name (${name}).`,
            },
          ],
        });
      }
      names.add(name.toLowerCase());
      const existing = before.find((item) => text(item['name'])?.toLowerCase() === name.toLowerCase());
      prepared.push(
        prepareChild(
          world,
          collection,
          request.id.id,
          { ...request.body, properties: { ...result, [collection.property]: prepared } },
          child,
          existing,
          [
            ...prepared,
            ...children.filter((other) => other !== child && !prepared.some((done) => done['name'] === other['name'])),
          ],
        ),
      );
    }
    for (const gone of before) {
      const name = text(gone['name']) ?? '';
      if (names.has(name.toLowerCase()) || request.existing === undefined) continue;
      collection.deletable?.(world, request.existing, gone, `${request.existing.id}/${collection.property}/${name}`);
    }
    result[collection.property] = prepared;
  }
  return result;
}

/** One embedded child, completed. */
export function prepareChild(
  world: World,
  collection: Collection,
  parentId: string,
  parentBody: JsonObject,
  child: JsonObject,
  existing: JsonObject | undefined,
  siblings: readonly JsonObject[],
): JsonObject {
  const name = text(existing?.['name']) ?? text(child['name']) ?? '';
  const properties = object(child['properties']);
  const prepared = collection.prepare?.(world, { parentId, parentBody, name, properties, existing, siblings });
  return { ...child, name, properties: prepared ?? properties };
}

function busy(world: World, kind: Kind, resource: Resource | undefined): void {
  if (resource?.busy !== undefined) kind.checkBusy?.(world, resource);
  checkBusy(world, resource);
}

function profileOf(world: World, kind: Kind, existing: Resource | undefined, key: string): Profile {
  if (existing !== undefined) return kind.update;
  return typeof kind.create === 'function' ? kind.create(world.random.draw('profile', key)) : kind.create;
}

/** PUT of a resource. */
export function putResource(world: World, call: Call, kind: Kind, id: ResourceId): AzureReply {
  const name = id.names.at(-1) ?? '';
  requireGroup(world, id, true);
  requireParent(world, id);
  const existing = world.store.get(id.key);
  checkLocks(world, id.id, 'write');
  const bad = kind.checkName(name);
  if (bad !== undefined) throw bad;
  const location = checkLocation(kind, call.body, existing, name);
  checkTags(call.body['tags'], kind.type);
  const sent = withoutNulls(applyPolicies(world, kind.type, id.id, name, call.body));
  checkPreconditions(call.request.headers, existing, id.id);
  busy(world, kind, existing);
  const body: JsonObject = { ...sent, ...(kind.tracked ? { location } : {}) };
  const properties = withoutNulls(object(body['properties']));
  const request: PutRequest = { id, type: kind.type, name, body, properties, location, existing };
  const prepared = kind.prepare(world, request);
  checkReferences(world, call.principal, kind, existing?.id ?? id.id, prepared.body);
  return store(world, call, kind, request, prepared);
}

function store(world: World, call: Call, kind: Kind, request: PutRequest, prepared: Prepared): AzureReply {
  const { existing, id } = request;
  const profile = profileOf(world, kind, existing, id.key);
  const etag = `W/"${world.random.uuid()}"`;
  const resource: Resource = {
    key: id.key,
    id: existing?.id ?? id.id,
    type: kind.type,
    name: existing?.name ?? request.name,
    body: prepared.body,
    hidden: prepared.hidden ?? existing?.hidden ?? {},
    state: profile.seconds === 0 ? 'Succeeded' : (profile.state ?? 'Updating'),
    childStates: {},
    etag,
    busy: undefined,
    createdAt: existing?.createdAt ?? world.clock.now(),
  };
  world.store.put(resource);
  const created = existing === undefined;
  kind.accepted?.(world, resource, created);
  const headers = {
    ...beginWrite(world, call, kind, resource, profile, created),
    ...(created ? kind.createdHeaders?.(resource) : {}),
  };
  const current = world.store.get(id.key) ?? resource;
  if (profile.body === 'braces') return jsonReply(profile.status, {}, headers);
  return profile.body === 'empty'
    ? emptyReply(profile.status, headers)
    : jsonReply(profile.status, wireOf(world, current), headers);
}

function beginWrite(
  world: World,
  call: Call,
  kind: Kind,
  resource: Resource,
  profile: Profile,
  created: boolean,
): Record<string, string> {
  const immediateEnd = profile.seconds === 0 && call.fault === undefined;
  if (profile.headers === 'none' && immediateEnd) {
    kind.ready?.(world, resource, created);
    return {};
  }
  const progress = kind.progress?.(world, world.store.get(resource.key) ?? resource, 'put');
  const operation = startOperation(world, call, resource, {
    kind: 'put',
    label: `Put${kind.label}Operation`,
    seconds: progress?.seconds ?? profile.seconds,
    pollRetryAfter: profile.pollRetryAfter,
    detail: { created, ...(progress === undefined ? {} : { phases: progress.phases.map((phase) => ({ ...phase })) }) },
    failure: kind.failure?.(world, resource),
  });
  const stored = world.store.get(resource.key) ?? resource;
  const state = call.fault === undefined ? stored.state : (profile.state ?? 'Updating');
  world.store.put({ ...stored, state, busy: operation.id });
  // An operation that ends with the first answer keeps the etag of that answer.
  if (immediateEnd) finishOperation(world, operation, { keepEtag: true });
  const headers = profile.headers === 'none' ? { ...profile, headers: 'async' as const } : profile;
  return operationHeaders(world, operation, headers);
}

/** GET of a resource. */
export function getResource(world: World, kind: Kind, id: ResourceId, expand: string | undefined): AzureReply {
  requireGroup(world, id, false);
  const resource = requireResource(world, kind, id);
  return jsonReply(200, wireOf(world, resource, expand), kind.etags ? { etag: resource.etag } : {});
}

/** The stored resource, or the provider's 404. */
export function requireResource(world: World, kind: Kind, id: ResourceId): Resource {
  const resource = world.store.get(id.key);
  if (resource !== undefined) return resource;
  const name = id.names.at(-1) ?? '';
  throw kind.notFound?.(name) ?? resourceNotFound(kind.type, id.names, id.group);
}

/** DELETE of a resource: 204 when it is absent already. */
export function deleteResource(world: World, call: Call, kind: Kind, id: ResourceId): AzureReply {
  requireGroup(world, id, true);
  const resource = world.store.get(id.key);
  checkLocks(world, id.id, 'delete');
  if (resource === undefined) return emptyReply(204);
  checkPreconditions(call.request.headers, resource, id.id);
  preempt(world, kind, resource);
  kind.deletable?.(world, resource);
  kind.deleting?.(world, resource);
  const current = world.store.get(id.key) ?? resource;
  if (kind.delete.seconds === 0 && call.fault === undefined) {
    removeResource(world, resource);
    return emptyReply(kind.delete.status);
  }
  const operation = startOperation(world, call, resource, {
    kind: 'delete',
    label: `Delete${kind.label}Operation`,
    seconds: kind.delete.seconds,
    pollRetryAfter: kind.delete.pollRetryAfter,
  });
  world.store.put({ ...current, state: 'Deleting', busy: operation.id });
  return emptyReply(kind.delete.status, operationHeaders(world, operation, kind.delete));
}

/** Lets a deletion overtake a running create where the provider allows it, and otherwise refuses. */
function preempt(world: World, kind: Kind, resource: Resource): void {
  const running = resource.busy === undefined ? undefined : world.store.operation(resource.busy);
  if (running === undefined) return;
  if (kind.preemptible !== true && running.dueAt !== null) busy(world, kind, resource);
  world.store.putOperation({
    ...running,
    status: 'Canceled',
    endedAt: world.clock.now(),
    error: {
      code: 'OperationPreempted',
      message: 'Operation execution has been preempted by a more recent operation.',
    },
  });
}

/** PATCH: tags, or what the kind allows. */
export function patchResource(world: World, call: Call, kind: Kind, id: ResourceId): AzureReply {
  requireGroup(world, id, true);
  const resource = requireResource(world, kind, id);
  checkLocks(world, id.id, 'write');
  checkTags(call.body['tags'], kind.type);
  checkPreconditions(call.request.headers, resource, id.id);
  busy(world, kind, resource);
  const patched = kind.patch?.(world, resource, call.body) ?? patchTags(resource, call.body);
  const body = applyPolicies(world, kind.type, id.id, resource.name, patched);
  checkReferences(world, call.principal, kind, resource.id, body);
  const next = { ...resource, body, etag: `W/"${world.random.uuid()}"` };
  world.store.put(next);
  kind.ready?.(world, next, false);
  return jsonReply(200, wireOf(world, next));
}

function patchTags(resource: Resource, body: JsonObject): JsonObject {
  const others = Object.keys(body).filter((key) => key !== 'tags');
  if (others.length > 0) {
    throw new ArmError(
      400,
      'PatchResourceInvalidRequest',
      `Only 'tags' can be changed by PATCH on '${resource.id}'; got ${others.join(', ')}.`,
    );
  }
  return isObject(body['tags']) ? { ...resource.body, tags: body['tags'] } : resource.body;
}
