import type { KubeObject, OwnerReference } from '../contract.ts';
import { type Core, present, type WriteContext } from './core.ts';
import { deleteObject } from './delete.ts';
import { ApiError } from './errors.ts';
import { asObject, clone } from './json.ts';
import { bucketOf, type ResourceKind } from './kinds.ts';
import type { StoreEvent } from './store.ts';
import { CRD_FINALIZER, isFinished } from './write.ts';

const NAMESPACES = '/namespaces';
const CRDS = 'apiextensions.k8s.io/customresourcedefinitions';

/**
 * The cleaning controllers of a cluster: garbage collection by owner references (background, foreground, orphan),
 * content of terminating namespaces, objects of deleted CustomResourceDefinitions. Runs after the write that caused the
 * work, never inside it (Kubernetes documentation, "Garbage Collection").
 */
export class Collector {
  readonly #core: Core;
  readonly #queue = new Set<string>();
  #scheduled = false;
  #stopped = false;

  constructor(core: Core) {
    this.#core = core;
    core.store.subscribe((event) => this.#onEvent(event));
  }

  /** Looks at everything once: work that a killed process left behind. */
  start(): void {
    for (const bucket of this.#core.store.buckets()) {
      for (const object of this.#core.store.list(bucket)) this.#enqueue(object.metadata.uid);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #onEvent(event: StoreEvent): void {
    const { object, bucket } = event;
    const { uid, namespace } = object.metadata;
    if (event.type === 'DELETED') {
      for (const dependent of this.#core.store.dependentsOf(uid ?? '')) this.#enqueue(dependent.object.metadata.uid);
      for (const owner of object.metadata.ownerReferences ?? []) this.#enqueue(owner.uid);
      if (namespace !== undefined) this.#enqueue(this.#core.store.get(NAMESPACES, '', namespace)?.metadata.uid);
      this.#enqueueCrdOf(bucket);
    } else if ((object.metadata.ownerReferences ?? []).length > 0 || object.metadata.deletionTimestamp !== undefined) {
      this.#enqueue(uid);
    }
  }

  #enqueueCrdOf(bucket: string): void {
    const [group = '', plural = ''] = bucket.split('/');
    if (group !== '') this.#enqueue(this.#core.store.get(CRDS, '', `${plural}.${group}`)?.metadata.uid);
  }

  #enqueue(uid: string | undefined): void {
    if (uid === undefined || this.#stopped) return;
    this.#queue.add(uid);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#drain());
  }

  #drain(): void {
    this.#scheduled = false;
    while (this.#queue.size > 0 && !this.#stopped) {
      const batch = [...this.#queue];
      this.#queue.clear();
      for (const uid of batch) this.#visit(uid);
    }
  }

  #visit(uid: string): void {
    const found = this.#core.store.byUid(uid);
    if (found === undefined) return;
    const { bucket, object } = found;
    if (object.metadata.deletionTimestamp !== undefined) {
      if (bucket === NAMESPACES) this.#emptyNamespace(object);
      else if (bucket === CRDS) this.#emptyCrd(object);
      this.#finishPolicies(bucket, object);
    }
    this.#collect(bucket, object);
  }

  #kindOf(bucket: string, object: KubeObject): ResourceKind | undefined {
    const direct = this.#core.registry.byKind(object.apiVersion, object.kind);
    return direct ?? this.#core.registry.all().find((kind) => bucketOf(kind) === bucket);
  }

  /** Removes objects whose owners are all gone, and single references to owners that are gone. */
  #collect(bucket: string, object: KubeObject): void {
    const owners = object.metadata.ownerReferences ?? [];
    if (owners.length === 0 || object.metadata.deletionTimestamp !== undefined) return;
    const alive = owners.filter((owner) => !this.#isGone(owner, object));
    const kind = this.#kindOf(bucket, object);
    if (alive.length === owners.length || kind === undefined) return;
    if (alive.length === 0) this.#delete(kind, object);
    else this.#rewrite(bucket, object, (metadata) => (metadata.ownerReferences = alive));
  }

  /** A reference to a kind that is not served is left alone, as the real collector cannot resolve it either. */
  #isGone(owner: OwnerReference, dependent: KubeObject): boolean {
    const kind = this.#core.registry.byKind(owner.apiVersion, owner.kind);
    if (kind === undefined) return false;
    const namespace = kind.namespaced ? (dependent.metadata.namespace ?? '') : '';
    return this.#core.store.get(bucketOf(kind), namespace, owner.name)?.metadata.uid !== owner.uid;
  }

  #delete(kind: ResourceKind, object: KubeObject, policy = 'Background'): void {
    const { namespace = '', name, uid } = object.metadata;
    try {
      deleteObject(this.#core, kind, { namespace, name, uid, propagationPolicy: policy }, COLLECTOR);
    } catch (error) {
      /* A webhook may refuse or be down: like the real collector, come back later. */
      if (!(error instanceof ApiError)) throw error;
      if (error.status.code !== 404 && error.status.code !== 409) this.#retry(uid);
    }
  }

  #retry(uid: string | undefined): void {
    setTimeout(() => this.#enqueue(uid), 1000).unref();
  }

  #rewrite(bucket: string, object: KubeObject, change: (metadata: KubeObject['metadata']) => void): void {
    const next = clone(object);
    change(next.metadata);
    if ((next.metadata.finalizers ?? []).length === 0) delete next.metadata.finalizers;
    if ((next.metadata.ownerReferences ?? []).length === 0) delete next.metadata.ownerReferences;
    const kind = this.#kindOf(bucket, object);
    if (kind !== undefined && isFinished(kind, next)) this.#core.store.remove(bucket, next);
    else this.#core.store.put(bucket, next);
  }

  #finishPolicies(bucket: string, object: KubeObject): void {
    const finalizers = object.metadata.finalizers ?? [];
    const dependents = this.#core.store.dependentsOf(object.metadata.uid ?? '');
    if (finalizers.includes('orphan')) {
      for (const dependent of dependents) {
        this.#rewrite(dependent.bucket, dependent.object, (metadata) => {
          metadata.ownerReferences = (metadata.ownerReferences ?? []).filter(
            (owner) => owner.uid !== object.metadata.uid,
          );
        });
      }
      this.#dropFinalizer(bucket, object, 'orphan');
    } else if (finalizers.includes('foregroundDeletion')) {
      const blocking = dependents.filter(({ object: dependent }) => blocks(dependent, object));
      if (blocking.length === 0) this.#dropFinalizer(bucket, object, 'foregroundDeletion');
      for (const { bucket: holder, object: dependent } of blocking) {
        const kind = this.#kindOf(holder, dependent);
        if (kind !== undefined && dependent.metadata.deletionTimestamp === undefined)
          this.#delete(kind, dependent, 'Foreground');
      }
    }
  }

  #dropFinalizer(bucket: string, object: KubeObject, finalizer: string): void {
    this.#rewrite(bucket, object, (metadata) => {
      metadata.finalizers = (metadata.finalizers ?? []).filter((candidate) => candidate !== finalizer);
    });
  }

  #emptyNamespace(namespace: KubeObject): void {
    const { store, registry } = this.#core;
    const buckets = new Map(
      registry
        .all()
        .filter((kind) => kind.namespaced)
        .map((kind) => [bucketOf(kind), kind]),
    );
    let remaining = 0;
    for (const [bucket, kind] of buckets) {
      for (const object of store.list(bucket, namespace.metadata.name)) {
        if (object.metadata.deletionTimestamp === undefined) this.#delete(kind, present(kind, object));
      }
      remaining += store.list(bucket, namespace.metadata.name).length;
    }
    const current = store.get(NAMESPACES, '', namespace.metadata.name);
    if (remaining > 0 || current === undefined) return;
    const next: KubeObject = { ...clone(current), spec: { ...asObject(current['spec']), finalizers: [] } };
    const kind = registry.byKind('v1', 'Namespace');
    if (kind !== undefined && isFinished(kind, next)) store.remove(NAMESPACES, next);
    else store.put(NAMESPACES, next);
  }

  #emptyCrd(crd: KubeObject): void {
    if (!(crd.metadata.finalizers ?? []).includes(CRD_FINALIZER)) return;
    const [kind] = this.#core.registry.ofCrd(crd.metadata.name);
    const objects = kind === undefined ? [] : this.#core.store.list(bucketOf(kind));
    for (const object of objects) {
      if (kind !== undefined && object.metadata.deletionTimestamp === undefined)
        this.#delete(kind, present(kind, object));
    }
    if (kind === undefined || this.#core.store.list(bucketOf(kind)).length === 0)
      this.#dropFinalizer(CRDS, crd, CRD_FINALIZER);
  }
}

const COLLECTOR: WriteContext = {
  fieldManager: 'kube-controller-manager',
  dryRun: false,
  fieldValidation: 'Ignore',
  warnings: [],
};

function blocks(dependent: KubeObject, owner: KubeObject): boolean {
  return (dependent.metadata.ownerReferences ?? []).some(
    (reference) => reference.uid === owner.metadata.uid && reference.blockOwnerDeletion === true,
  );
}
