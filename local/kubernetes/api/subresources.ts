import type { KubeObject } from '../contract.ts';
import { type Core, find, type WriteContext } from './core.ts';
import { deleteObject } from './delete.ts';
import { badRequest, invalid, methodNotAllowed, notFound, plainFailure, unknownPath } from './errors.ts';
import { asObject, asString, at, clone, isObject, type JsonObject, textOf, asNumber } from './json.ts';
import { evaluate } from './json-path.ts';
import { bucketOf, type ResourceKind, type ScalePaths } from './kinds.ts';
import { jsonPatch } from './patch/json-patch.ts';
import { mergePatch } from './patch/merge-patch.ts';
import { isFinished, updateObject } from './write.ts';

interface Address {
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: string;
}

/**
 * Subresources other than status: scale, namespaces/finalize, pods/binding and pods/eviction. Anything else is a 404
 * with the reason, because nothing runs here that could answer logs, exec or tokens.
 */
export function handleSubresource(
  core: Core,
  kind: ResourceKind,
  address: Address,
  method: string,
  body: () => unknown,
  mediaType: string,
  context: WriteContext,
): unknown {
  const { namespace = '', name = '', subresource } = address;
  const live = find(core, kind, namespace, name);
  if (live === undefined) throw notFound(kind, name);
  if (subresource === 'scale' && kind.scale !== undefined)
    return scale(core, kind, kind.scale, live, method, body, mediaType, context);
  if (subresource === 'finalize' && kind.kind === 'Namespace' && method === 'PUT')
    return finalize(core, kind, live, body());
  if (kind.kind === 'Pod' && method === 'POST') return podAction(core, kind, live, subresource, body, context);
  if (
    kind.group === '' &&
    (kind.kind === 'Pod' || kind.kind === 'ServiceAccount' || kind.kind === 'Node' || kind.kind === 'Service')
  ) {
    throw plainFailure(
      501,
      'NotImplemented',
      `${kind.plural}/${subresource} is not modelled by the simulated API server: no container runs here`,
    );
  }
  throw unknownPath();
}

function scale(
  core: Core,
  kind: ResourceKind,
  paths: ScalePaths,
  live: KubeObject,
  method: string,
  body: () => unknown,
  mediaType: string,
  context: WriteContext,
): unknown {
  if (method === 'GET') return scaleOf(paths, live);
  const current = scaleOf(paths, live);
  const wanted = method === 'PUT' ? body() : patchedScale(current, body(), mediaType, method);
  const replicas = at(wanted, 'spec', 'replicas') ?? 0;
  if (typeof replicas !== 'number' || !Number.isInteger(replicas) || replicas < 0) {
    const cause = {
      reason: 'FieldValueInvalid',
      message: `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`,
      field: 'spec.replicas',
    };
    throw invalid({ group: 'autoscaling', plural: 'scales', kind: 'Scale' }, live.metadata.name, [cause]);
  }
  const version = asString(at(wanted, 'metadata', 'resourceVersion')) ?? '';
  const change = (object: KubeObject): KubeObject => {
    const next = clone(object);
    write(next, paths.spec, replicas);
    next.metadata.resourceVersion = version === '' ? (object.metadata.resourceVersion ?? '') : version;
    return next;
  };
  const { namespace = '', name } = live.metadata;
  return scaleOf(paths, updateObject(core, kind, { namespace, name, subresource: '', change }, context));
}

function patchedScale(current: unknown, patch: unknown, mediaType: string, method: string): unknown {
  if (method !== 'PATCH') throw methodNotAllowed();
  return mediaType === 'application/json-patch+json' ? jsonPatch(current, patch) : mergePatch(current, patch);
}

function scaleOf(paths: ScalePaths, object: KubeObject): JsonObject {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const number = (path: string): number => asNumber(evaluate(path, object)[0]);
  const labels = Object.entries(asObject(at(object, 'spec', 'selector', 'matchLabels'))).map(
    ([key, value]) => `${key}=${textOf(value)}`,
  );
  const [own] = paths.selector === undefined ? [] : evaluate(paths.selector, object);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace === undefined ? {} : { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: number(paths.spec) },
    status: { replicas: number(paths.status), selector: asString(own) ?? labels.join(',') },
  };
}

function write(object: JsonObject, path: string, value: unknown): void {
  const steps = path.split('.').filter((step) => step !== '');
  const last = steps.pop();
  let current: JsonObject = object;
  for (const step of steps) {
    const next = current[step];
    const child = isObject(next) ? next : {};
    current[step] = child;
    current = child;
  }
  if (last !== undefined) current[last] = value;
}

function finalize(core: Core, kind: ResourceKind, live: KubeObject, body: unknown): KubeObject {
  const next: KubeObject = { ...clone(live), spec: asObject(at(body, 'spec')) };
  return isFinished(kind, next) ? core.store.remove(bucketOf(kind), next) : core.store.put(bucketOf(kind), next);
}

const SUCCESS = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };

function podAction(
  core: Core,
  kind: ResourceKind,
  live: KubeObject,
  subresource: string,
  body: () => unknown,
  context: WriteContext,
): unknown {
  const { namespace = '', name } = live.metadata;
  if (subresource === 'eviction') {
    deleteObject(core, kind, { namespace, name }, context);
    return SUCCESS;
  }
  if (subresource !== 'binding') throw unknownPath();
  const node = asString(at(body(), 'target', 'name'));
  if (node === undefined) throw badRequest('binding: target.name is required');
  const change = (object: KubeObject): KubeObject => ({
    ...clone(object),
    spec: { ...asObject(object['spec']), nodeName: node },
  });
  updateObject(core, kind, { namespace, name, subresource: '', change }, context);
  return SUCCESS;
}
