import type { AdmissionReview, KubeObject } from '../contract.ts';
import { internalError, plainFailure } from './errors.ts';
import {
  asArray,
  asObject,
  asString,
  asStringMap,
  asStrings,
  at,
  clone,
  isObject,
  type JsonObject,
  asNumber,
} from './json.ts';
import type { ResourceKind } from './kinds.ts';
import { matchesLabelSelector } from './selectors.ts';
import type { ObjectStore } from './store.ts';

/** One write as the admission chain sees it. */
export interface AdmissionRequest {
  readonly kind: ResourceKind;
  readonly subresource: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE';
  readonly object: KubeObject;
  readonly oldObject: KubeObject | undefined;
  readonly dryRun: boolean;
}

interface Binding {
  readonly ready: () => boolean;
  readonly review: AdmissionReview;
}

const MUTATING = 'admissionregistration.k8s.io/mutatingwebhookconfigurations';
const VALIDATING = 'admissionregistration.k8s.io/validatingwebhookconfigurations';

/**
 * Calls the webhooks of all webhook configurations of the cluster. Behaviour comes from scripts that are bound to the
 * webhooks' Services; a webhook whose service is missing, unbound or not ready fails the way a refused connection does
 * (Kubernetes documentation, "Dynamic Admission Control").
 */
export class AdmissionChain {
  readonly #store: ObjectStore;
  readonly #bindings = new Map<string, Binding>();

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  bind(namespace: string, name: string, binding: Binding): void {
    this.#bindings.set(`${namespace}/${name}`, binding);
  }

  /** The object after all mutating webhooks. Throws 403 for a denial and 500 for a webhook that does not answer. */
  mutate(request: AdmissionRequest): KubeObject {
    let object = request.object;
    for (const webhook of this.#matching(MUTATING, request)) {
      const changed = this.#call(webhook, { ...request, object });
      if (changed !== undefined) object = changed;
    }
    return object;
  }

  /** Asks all validating webhooks. Throws as `mutate` does. */
  validate(request: AdmissionRequest): void {
    for (const webhook of this.#matching(VALIDATING, request)) this.#call(webhook, request);
  }

  #matching(bucket: string, request: AdmissionRequest): JsonObject[] {
    if (request.kind.group === 'admissionregistration.k8s.io') return [];
    return this.#store
      .list(bucket)
      .flatMap((configuration) => asArray(configuration['webhooks']).filter(isObject))
      .filter((webhook) => asArray(webhook['rules']).some((rule) => matchesRule(rule, request)))
      .filter((webhook) => this.#matchesSelectors(webhook, request));
  }

  #matchesSelectors(webhook: JsonObject, request: AdmissionRequest): boolean {
    const { namespace, labels } = request.object.metadata;
    const candidates = [labels, request.oldObject?.metadata.labels].map(asStringMap);
    if (!candidates.some((candidate) => matchesLabelSelector(webhook['objectSelector'], candidate))) return false;
    const own = request.kind.group === '' && request.kind.kind === 'Namespace';
    if (namespace === undefined && !own) return true;
    const holder = own ? request.object : this.#store.get('/namespaces', '', namespace ?? '');
    return matchesLabelSelector(webhook['namespaceSelector'], asStringMap(holder?.metadata.labels));
  }

  #call(webhook: JsonObject, request: AdmissionRequest): KubeObject | undefined {
    const name = asString(webhook['name']) ?? '';
    const sideEffects = webhook['sideEffects'];
    if (request.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') {
      throw plainFailure(400, 'BadRequest', `admission webhook "${name}" does not support dry run`);
    }
    const outcome = this.#ask(webhook, request);
    if (typeof outcome === 'string') {
      if (webhook['failurePolicy'] === 'Ignore') return undefined;
      throw internalError(`failed calling webhook "${name}": failed to call webhook: ${outcome}`);
    }
    if (!outcome.allowed) {
      throw plainFailure(403, 'Forbidden', `admission webhook "${name}" denied the request: ${outcome.message}`);
    }
    return outcome.object;
  }

  /** The answer of the webhook, or the text of the transport error. */
  #ask(webhook: JsonObject, request: AdmissionRequest): ReturnType<AdmissionReview> | string {
    const service = at(webhook, 'clientConfig', 'service');
    if (!isObject(service)) {
      const url = asString(at(webhook, 'clientConfig', 'url')) ?? '';
      return `Post "${url}": dial tcp: lookup ${URL.canParse(url) ? new URL(url).hostname : url}: no such host`;
    }
    const namespace = asString(service['namespace']) ?? '';
    const serviceName = asString(service['name']) ?? '';
    const stored = this.#store.get('/services', namespace, serviceName);
    if (stored === undefined) return `service "${serviceName}" not found`;
    const binding = this.#bindings.get(`${namespace}/${serviceName}`);
    if (binding === undefined || !binding.ready())
      return refused(webhook, service, asString(at(stored, 'spec', 'clusterIP')) ?? '');
    try {
      const { operation, dryRun, oldObject } = request;
      return binding.review({ operation, object: clone(request.object), oldObject: clone(oldObject), dryRun });
    } catch (error) {
      return `the server responded with an error: ${error instanceof Error ? error.message : String(error)}`;
    }
  }
}

function refused(webhook: JsonObject, service: JsonObject, clusterIp: string): string {
  const port = String(asNumber(service['port'], 443));
  const host = `${asString(service['name']) ?? ''}.${asString(service['namespace']) ?? ''}.svc`;
  const timeout = String(asNumber(webhook['timeoutSeconds'], 10));
  const url = `https://${host}:${port}${asString(service['path']) ?? ''}?timeout=${timeout}s`;
  return `Post "${url}": dial tcp ${clusterIp}:${port}: connect: connection refused`;
}

function matchesRule(rule: unknown, request: AdmissionRequest): boolean {
  const { operations, apiGroups, resources, scope } = asObject(rule);
  const { kind, subresource } = request;
  const includes = (list: unknown, value: string): boolean => {
    const values = asStrings(list);
    return values.includes('*') || values.includes(value);
  };
  const resource = subresource === '' ? kind.plural : `${kind.plural}/${subresource}`;
  const wildcards = subresource === '' ? ['*', '*/*'] : ['*/*', `${kind.plural}/*`, `*/${subresource}`];
  const wanted = asStrings(resources);
  if (!wanted.includes(resource) && !wildcards.some((wildcard) => wanted.includes(wildcard))) return false;
  if (scope === 'Namespaced' && !kind.namespaced) return false;
  if (scope === 'Cluster' && kind.namespaced) return false;
  return includes(operations, request.operation) && includes(apiGroups, kind.group);
}
