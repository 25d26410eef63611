import type { KubeObject } from '../contract.ts';
import { apply, onlySubresource } from './apply/managers.ts';
import { type Core, find, shapeOf, timestamp, type WriteContext } from './core.ts';
import { badRequest, conflict, invalid, unsupportedMediaType } from './errors.ts';
import { clone, isObject, type JsonObject, textOf } from './json.ts';
import { apiVersionOf, type ResourceKind } from './kinds.ts';
import { jsonPatch } from './patch/json-patch.ts';
import { mergePatch } from './patch/merge-patch.ts';
import { strategicMergePatch } from './patch/strategic.ts';
import { decode, insert, updateObject } from './write.ts';

/** Media types of PATCH requests. */
export const PATCH_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;

export interface PatchRequest {
  readonly namespace: string;
  readonly name: string;
  readonly subresource: '' | 'status';
  readonly mediaType: string;
  readonly body: unknown;
  readonly force: boolean;
  /** Server-side apply needs a named manager. */
  readonly hasFieldManager: boolean;
}

/** What a PATCH did. */
export interface PatchResult {
  readonly object: KubeObject;
  readonly created: boolean;
}

/**
 * Patches an object by media type. Throws 415 for unknown types and for strategic merge patch of custom resources, and
 * whatever an update throws. Server-side apply creates what does not exist.
 */
export function patchObject(core: Core, kind: ResourceKind, request: PatchRequest, context: WriteContext): PatchResult {
  if (request.mediaType === 'application/apply-patch+yaml') return serverSideApply(core, kind, request, context);
  const { namespace, name, subresource } = request;
  const change = (live: KubeObject): KubeObject => patched(kind, live, request);
  return { object: updateObject(core, kind, { namespace, name, subresource, change }, context), created: false };
}

function patched(kind: ResourceKind, live: KubeObject, request: PatchRequest): KubeObject {
  const result = transform(kind, live, request);
  if (!isObject(result)) throw badRequest('the patch does not leave an object');
  const object = decode(kind, request.namespace, result);
  const { metadata } = live;
  /* A patch that does not speak of the version works on whatever is there. */
  if (object.metadata.resourceVersion === undefined) object.metadata.resourceVersion = metadata.resourceVersion ?? '';
  return object;
}

function transform(kind: ResourceKind, live: KubeObject, request: PatchRequest): unknown {
  const { body } = request;
  switch (request.mediaType) {
    case 'application/json-patch+json':
      return jsonPatch(live, body);
    case 'application/merge-patch+json':
      if (!isObject(body)) throw badRequest('error decoding patch: a merge patch is an object');
      return mergePatch(live, body);
    case 'application/strategic-merge-patch+json':
      if (kind.custom !== undefined) {
        throw unsupportedMediaType(
          `the body of the request was in an unknown format - accepted media types include: ${PATCH_TYPES.filter((type) => !type.includes('strategic')).join(', ')}`,
        );
      }
      if (!isObject(body)) throw badRequest('error decoding patch: a strategic merge patch is an object');
      return strategicMergePatch(live, body);
    default:
      throw unsupportedMediaType(
        `the body of the request was in an unknown format - accepted media types include: ${PATCH_TYPES.join(', ')}`,
      );
  }
}

function serverSideApply(core: Core, kind: ResourceKind, request: PatchRequest, context: WriteContext): PatchResult {
  const { namespace, name, subresource, force } = request;
  if (!request.hasFieldManager) {
    const cause = {
      reason: 'FieldValueRequired',
      message: 'Required value: is required for apply patch',
      field: 'fieldManager',
    };
    throw invalid({ group: 'meta.k8s.io', plural: '', kind: 'PatchOptions' }, '', [cause]);
  }
  const config = applyConfiguration(kind, request);
  const writer = { manager: context.fieldManager, subresource, time: timestamp(core) };
  const shape = shapeOf(kind);
  if (find(core, kind, namespace, name) === undefined && subresource === '') {
    if ((config.metadata.uid ?? '') !== '') {
      throw conflict(
        kind,
        name,
        `uid mismatch: the provided object specified uid ${config.metadata.uid ?? ''}, and no existing object was found`,
      );
    }
    const object = apply(undefined, config, shape, writer, force);
    return { object: insert(core, kind, namespace, object, context, false), created: true };
  }
  const change = (live: KubeObject): KubeObject => {
    const merged = apply(live, config, shape, writer, force);
    if (config.metadata.uid !== undefined) merged.metadata.uid = config.metadata.uid;
    return merged;
  };
  return {
    object: updateObject(core, kind, { namespace, name, subresource, change, applied: true }, context),
    created: false,
  };
}

/** The applied document: of the right kind and name, without what the apply must not carry. */
function applyConfiguration(kind: ResourceKind, request: PatchRequest): KubeObject {
  if (!isObject(request.body)) throw badRequest('error decoding YAML: the applied configuration is no object');
  const body: JsonObject = clone(request.body);
  const metadata: JsonObject = isObject(body['metadata']) ? body['metadata'] : {};
  body['metadata'] = metadata;
  if (metadata['managedFields'] !== undefined && metadata['managedFields'] !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
  if (metadata['name'] === undefined) metadata['name'] = request.name;
  const config = decode(kind, request.namespace, body);
  if (config.metadata.name !== request.name) {
    throw badRequest(
      `the name of the object (${config.metadata.name}) does not match the name on the URL (${request.name})`,
    );
  }
  if (kind.custom === undefined && kind.kind === 'Secret') foldStringData(config);
  return kind.hasStatus ? onlySubresource(config, request.subresource) : { ...config, apiVersion: apiVersionOf(kind) };
}

function foldStringData(config: KubeObject): void {
  const text = config['stringData'];
  if (!isObject(text)) return;
  const data: JsonObject = isObject(config['data']) ? config['data'] : {};
  for (const [key, value] of Object.entries(text)) data[key] = Buffer.from(textOf(value)).toString('base64');
  config['data'] = data;
  delete config['stringData'];
}
