/** Any Kubernetes object. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: unknown[];
}

/** Error of the API, as a Kubernetes Status. */
export interface ApiFailure extends Error {
  readonly status: {
    readonly code: number;
    readonly reason: string;
    readonly message: string;
    readonly details?: unknown;
  };
}

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}

/**
 * In-process client of one simulated cluster, acting as one named user. Every write goes through the same admission,
 * validation, defaulting and storage as a request over HTTPS. Errors are `ApiFailure`.
 */
export interface ApiClient {
  get(ref: ObjectRef): KubeObject | undefined;
  /** `where` looks at the stored objects, before the chosen ones are copied; it must not change them. */
  list(query: {
    apiVersion: string;
    kind: string;
    namespace?: string;
    labelSelector?: string;
    where?: (object: KubeObject) => boolean;
  }): KubeObject[];
  create(object: KubeObject): KubeObject;
  /** Replaces the object; a `resourceVersion` in it is checked. The status subresource is not touched. */
  update(object: KubeObject): KubeObject;
  updateStatus(object: KubeObject): KubeObject;
  /** JSON merge patch of the main resource, or of the status subresource. */
  patch(ref: ObjectRef, patch: Record<string, unknown>, subresource?: 'status'): KubeObject;
  delete(ref: ObjectRef): void;
  /** Calls back for every change of that kind after now, in order. */
  watch(
    query: { apiVersion: string; kind: string },
    onEvent: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject) => void,
  ): { stop(): void };
}

/** What a scripted webhook says of one write. Throwing denies nothing: return a denial. */
export type AdmissionReview = (request: {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly object: KubeObject;
  readonly oldObject: KubeObject | undefined;
  readonly dryRun: boolean;
}) => { readonly allowed: true; readonly object?: KubeObject } | { readonly allowed: false; readonly message: string };

/** One simulated cluster: one object store, any number of API server endpoints (one per control-plane machine). */
export interface SimulatedApi {
  /** Acts as the given user; controllers use their service account's name. */
  client(user: string, groups?: readonly string[]): ApiClient;
  /** Starts an HTTPS endpoint on 127.0.0.1 on a free port; client certificates are checked against `caCertificate`. */
  listen(tls: {
    readonly caCertificate: string;
    readonly certificate: string;
    readonly key: string;
  }): Promise<{ readonly port: number; close(): void }>;
  /**
   * Binds scripted behaviour to a webhook Service: used for every Validating-/MutatingWebhookConfiguration entry whose
   * clientConfig names that service. While `ready()` is false (or nothing is bound) calls fail as the real API server's do.
   */
  bindWebhook(
    service: { readonly namespace: string; readonly name: string },
    ready: () => boolean,
    review: AdmissionReview,
  ): void;
  /** Fault doors for tests. */
  readonly faults: {
    failNext(match: { method?: string; path?: RegExp; times: number; status: number }): void;
    down: boolean;
  };
  close(): void;
}

export type CreateSimulatedApi = (options: {
  /** SQLite file that holds the objects. */
  readonly file: string;
  /** e.g. v1.33.4 */
  readonly kubernetesVersion: string;
  readonly now: () => number;
}) => SimulatedApi;
