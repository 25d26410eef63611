import type { ApiClient, KubeObject, ObjectRef } from '../contract.ts';
import { type Core, find, present, type WriteContext } from './core.ts';
import { deleteObject } from './delete.ts';
import { badRequest, plainFailure, unknownPath } from './errors.ts';
import { clone } from './json.ts';
import { bucketOf, type ResourceKind } from './kinds.ts';
import { patchObject } from './patch-object.ts';
import { labelSelector } from './selectors.ts';
import { type EventQueue, follow } from './watch.ts';
import { createObject, decode, updateObject } from './write.ts';

/** What the in-process clients share. */
export interface ClientServices {
  readonly core: Core;
  readonly events: EventQueue;
  readonly isDown: () => boolean;
}

/** An in-process client that writes as `user`. Objects that it returns belong to the caller. */
export function createClient(services: ClientServices, user: string): ApiClient {
  const { core, events } = services;
  const context = (): WriteContext => {
    requireUp(services);
    return {
      fieldManager: user.slice(user.lastIndexOf(':') + 1),
      dryRun: false,
      fieldValidation: 'Ignore',
      warnings: [],
    };
  };
  const update = (object: KubeObject, subresource: '' | 'status'): KubeObject => {
    const kind = kindOf(core, object);
    const namespace = object.metadata.namespace ?? '';
    const change = (): KubeObject => decode(kind, namespace, object);
    return handOut(
      updateObject(
        core,
        kind,
        { namespace, name: object.metadata.name, subresource, change, replace: true },
        context(),
      ),
    );
  };
  return {
    get(ref) {
      requireUp(services);
      const kind = core.registry.byKind(ref.apiVersion, ref.kind);
      const found = kind === undefined ? undefined : find(core, kind, ref.namespace ?? '', ref.name);
      return found === undefined ? undefined : handOut(found);
    },
    list(query) {
      requireUp(services);
      const kind = core.registry.byKind(query.apiVersion, query.kind);
      if (kind === undefined) return [];
      const matches = labelSelector(query.labelSelector ?? '');
      const objects = core.store.list(bucketOf(kind), kind.namespaced ? query.namespace : undefined);
      const { where } = query;
      const chosen = objects.filter((object) => matches(object) && (where?.(object) ?? true));
      return chosen.map((object) => handOut(present(kind, object)));
    },
    create(object) {
      const kind = kindOf(core, object);
      return handOut(createObject(core, kind, namespaceOf(kind, object), object, context()));
    },
    update: (object) => update(object, ''),
    updateStatus: (object) => update(object, 'status'),
    patch(ref, patch, subresource) {
      const kind = kindOf(core, ref);
      const request = {
        namespace: ref.namespace ?? '',
        name: ref.name,
        subresource: subresource ?? ('' as const),
        mediaType: 'application/merge-patch+json',
        body: patch,
        force: false,
        hasFieldManager: true,
      };
      return handOut(patchObject(core, kind, request, context()).object);
    },
    delete(ref) {
      deleteObject(core, kindOf(core, ref), { namespace: ref.namespace ?? '', name: ref.name }, context());
    },
    watch(query, onEvent) {
      const kind = kindOf(core, query);
      const stop = follow(core.store, events, { kind, namespace: undefined, matches: () => true }, (event) =>
        onEvent(event.type, handOut(event.object)),
      );
      return { stop };
    },
  };
}

/**
 * A copy for the caller. The record of field owners, the larger half of most objects, is not copied: writes replace it
 * and never change it in place, and no caller looks at it.
 */
function handOut(object: KubeObject): KubeObject {
  const { managedFields, ...metadata } = object.metadata;
  const copy = clone({ ...object, metadata });
  return managedFields === undefined ? copy : { ...copy, metadata: { ...copy.metadata, managedFields } };
}

function requireUp(services: ClientServices): void {
  if (services.isDown())
    throw plainFailure(503, 'ServiceUnavailable', 'the simulated API server is down (fault door): connection refused');
}

function kindOf(core: Core, ref: Pick<ObjectRef, 'apiVersion' | 'kind'>): ResourceKind {
  const kind = core.registry.byKind(ref.apiVersion, ref.kind);
  if (kind === undefined) throw unknownPath();
  return kind;
}

function namespaceOf(kind: ResourceKind, object: KubeObject): string {
  if (!kind.namespaced) return '';
  const { namespace } = object.metadata;
  if (namespace === undefined || namespace === '')
    throw badRequest(`${kind.kind} ${object.metadata.name} is namespaced: metadata.namespace is missing`);
  return namespace;
}
