/** Metadata of a Kubernetes object, as far as Capstan writes or reads it. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Any Kubernetes object as plain data. Values under `data` of a Secret may be `Secret` until the client sends them. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

/** Names one object. `namespace` is absent for cluster-scoped kinds. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** The reference that names an object. */
export function referenceOf(object: KubernetesObject): ObjectReference {
  const { apiVersion, kind, metadata } = object;
  return metadata.namespace === undefined
    ? { apiVersion, kind, name: metadata.name }
    : { apiVersion, kind, namespace: metadata.namespace, name: metadata.name };
}

/** Stable text of a reference, e.g. `cluster.x-k8s.io/v1beta2 Cluster demo/demo`. */
export function referenceKey(reference: ObjectReference): string {
  const path = reference.namespace === undefined ? reference.name : `${reference.namespace}/${reference.name}`;
  return `${reference.apiVersion} ${reference.kind} ${path}`;
}

/** Group of an apiVersion; the core group is ''. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}

/** An owner reference to `owner`, whose uid the API server has assigned. */
export function ownerReference(
  owner: ObjectReference,
  uid: string,
  form: { readonly controller: boolean; readonly blockOwnerDeletion?: boolean },
): OwnerReference {
  const base = { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.name, uid };
  return form.controller
    ? { ...base, controller: true, blockOwnerDeletion: form.blockOwnerDeletion ?? true }
    : form.blockOwnerDeletion === undefined
      ? base
      : { ...base, blockOwnerDeletion: form.blockOwnerDeletion };
}

/** Reads a nested field of plain data; undefined where the path leaves the object. */
export function field(value: unknown, ...path: readonly (string | number)[]): unknown {
  let current: unknown = value;
  for (const key of path) {
    if (typeof current !== 'object' || current === null) {
      return undefined;
    }
    current = (current as Record<string | number, unknown>)[key];
  }
  return current;
}

/** `field` when the value there is a string. */
export function textField(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const found = field(value, ...path);
  return typeof found === 'string' ? found : undefined;
}

/** `field` when the value there is a number. */
export function numberField(value: unknown, ...path: readonly (string | number)[]): number | undefined {
  const found = field(value, ...path);
  return typeof found === 'number' ? found : undefined;
}

/** `field` when the value there is an array, otherwise an empty one. */
export function listField(value: unknown, ...path: readonly (string | number)[]): readonly unknown[] {
  const found = field(value, ...path);
  return Array.isArray(found) ? found : [];
}

/** JSON with sorted keys and without undefined members: equal data gives equal text. */
export function stableText(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}
