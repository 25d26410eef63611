import { asArray, asObject, asString, asStrings, at, isObject, type JsonObject } from './json.ts';
import { apiVersionOf, BUILT_IN_KINDS, type ResourceKind, type ScalePaths } from './kinds.ts';

/** Every kind that is served at this moment: the built-in ones and those of installed CustomResourceDefinitions. */
export class KindRegistry {
  readonly #byResource = new Map<string, ResourceKind>();
  readonly #byKind = new Map<string, ResourceKind>();
  readonly #custom = new Map<string, readonly ResourceKind[]>();
  #generation = 0;

  constructor() {
    for (const kind of BUILT_IN_KINDS) this.#add(kind);
  }

  /** Grows with every change; caches of discovery and OpenAPI documents are keyed by it. */
  get generation(): number {
    return this.#generation;
  }

  /** The kind behind a URL, e.g. ('apps', 'v1', 'deployments'). */
  byResource(group: string, version: string, plural: string): ResourceKind | undefined {
    return this.#byResource.get(`${group}/${version}/${plural}`);
  }

  /** The kind that an object names. */
  byKind(apiVersion: string, kind: string): ResourceKind | undefined {
    return this.#byKind.get(`${apiVersion}/${kind}`);
  }

  /** All served kinds, each version on its own. */
  all(): readonly ResourceKind[] {
    return [...this.#byResource.values()];
  }

  /** The served versions of the custom resource of this CRD. */
  ofCrd(crdName: string): readonly ResourceKind[] {
    return this.#custom.get(crdName) ?? [];
  }

  /** Serves (or serves anew) what a CustomResourceDefinition describes. */
  installCrd(crd: JsonObject): void {
    const name = asString(at(crd, 'metadata', 'name')) ?? '';
    this.removeCrd(name);
    const kinds = kindsOfCrd(crd);
    this.#custom.set(name, kinds);
    for (const kind of kinds) this.#add(kind);
  }

  /** Stops serving a custom resource. */
  removeCrd(name: string): void {
    for (const kind of this.#custom.get(name) ?? []) {
      this.#byResource.delete(`${apiVersionKey(kind)}/${kind.plural}`);
      this.#byKind.delete(`${apiVersionOf(kind)}/${kind.kind}`);
    }
    this.#custom.delete(name);
    this.#generation += 1;
  }

  #add(kind: ResourceKind): void {
    this.#byResource.set(`${apiVersionKey(kind)}/${kind.plural}`, kind);
    this.#byKind.set(`${apiVersionOf(kind)}/${kind.kind}`, kind);
    this.#generation += 1;
  }
}

function apiVersionKey(kind: ResourceKind): string {
  return `${kind.group}/${kind.version}`;
}

function kindsOfCrd(crd: JsonObject): ResourceKind[] {
  const spec = asObject(crd['spec']);
  const names = asObject(spec['names']);
  const versions = asArray(spec['versions']).filter(isObject);
  const storage = asString(versions.find((version) => version['storage'] === true)?.['name']) ?? '';
  const kind = asString(names['kind']) ?? '';
  return versions
    .filter((version) => version['served'] === true)
    .map((version) => ({
      group: asString(spec['group']) ?? '',
      version: asString(version['name']) ?? '',
      kind,
      listKind: asString(names['listKind']) ?? `${kind}List`,
      plural: asString(names['plural']) ?? '',
      singular: asString(names['singular']) ?? kind.toLowerCase(),
      shortNames: asStrings(names['shortNames']),
      categories: asStrings(names['categories']),
      namespaced: spec['scope'] === 'Namespaced',
      hasStatus: isObject(at(version, 'subresources', 'status')),
      scale: scaleOf(version),
      hasGeneration: true,
      storageVersion: storage,
      custom: {
        schema: asObject(at(version, 'schema', 'openAPIV3Schema')),
        columns: asArray(version['additionalPrinterColumns']).filter(isObject),
        deprecationWarning: deprecation(version, asString(spec['group']) ?? '', kind),
      },
    }));
}

function deprecation(version: JsonObject, group: string, kind: string): string | undefined {
  if (version['deprecated'] !== true) return undefined;
  return asString(version['deprecationWarning']) ?? `${group}/${asString(version['name']) ?? ''} ${kind} is deprecated`;
}

function scaleOf(version: JsonObject): ScalePaths | undefined {
  const scale = at(version, 'subresources', 'scale');
  if (!isObject(scale)) return undefined;
  return {
    spec: asString(scale['specReplicasPath']) ?? '.spec.replicas',
    status: asString(scale['statusReplicasPath']) ?? '.status.replicas',
    selector: asString(scale['labelSelectorPath']),
  };
}
