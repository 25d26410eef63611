import { parseAllDocuments } from 'yaml';
import { field, listField, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';

/** A manifest that cannot be read: position and reason. */
export class ManifestError extends Error {
  readonly where: string;

  constructor(where: string, message: string) {
    super(message);
    this.name = 'ManifestError';
    this.where = where;
  }
}

/**
 * Replaces variables as clusterctl does (drone/envsubst): `${NAME}`, `${NAME:=default}`, `${NAME:-default}`,
 * `${NAME=default}`, `${NAME-default}` and the escape `$${`. A variable with neither value nor default is an error.
 */
export function substitute(text: string, values: Readonly<Record<string, string>>, where: string): string {
  return text.replaceAll(
    /(\$)?\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[=-])([^}]*))?\}/g,
    (match, escaped: string | undefined, name: string, operator: string | undefined, fallback: string | undefined) => {
      if (escaped !== undefined) {
        return match.slice(1);
      }
      const value = values[name];
      const usable = operator?.startsWith(':') === true ? value !== undefined && value !== '' : value !== undefined;
      if (usable && value !== undefined) {
        return value;
      }
      if (operator === undefined) {
        throw new ManifestError(where, `the variable ${name} has neither a value nor a default`);
      }
      return unquote(fallback ?? '');
    },
  );
}

/**
 * Splits manifest text into objects. Empty documents are skipped and `List` objects flattened. Throws ManifestError
 * for YAML that cannot be read and for objects without apiVersion, kind or name.
 */
export function parseManifest(text: string, where: string): readonly KubernetesObject[] {
  const known = parsed.get(text);
  if (known !== undefined) {
    return known;
  }
  const objects = readManifest(text, where);
  const [oldest] = parsed.keys();
  if (parsed.size >= rememberedManifests && oldest !== undefined) {
    parsed.delete(oldest);
  }
  parsed.set(text, objects);
  return objects;
}

/** An installation comes back to the same manifests with every call, and most of them are the same for every cluster. */
const parsed = new Map<string, readonly KubernetesObject[]>();
const rememberedManifests = 32;

function readManifest(text: string, where: string): readonly KubernetesObject[] {
  const objects: KubernetesObject[] = [];
  for (const document of parseAllDocuments(text, { maxAliasCount: 100 } as Parameters<typeof parseAllDocuments>[1])) {
    const [error] = document.errors;
    if (error !== undefined) {
      throw new ManifestError(where, error.message.split('\n')[0] ?? 'invalid YAML');
    }
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    if (value === null || value === undefined) {
      continue;
    }
    const isList = textField(value, 'kind')?.endsWith('List') === true && Array.isArray(field(value, 'items'));
    for (const item of isList ? listField(value, 'items') : [value]) {
      objects.push(checkObject(item, where));
    }
  }
  return objects;
}

/** Kinds that others depend on, in the order in which a provider's objects are applied; the rest comes after them. */
const kindOrder = [
  'Namespace',
  'CustomResourceDefinition',
  'StorageClass',
  'PriorityClass',
  'ServiceAccount',
  'Secret',
  'ConfigMap',
  'ClusterRole',
  'ClusterRoleBinding',
  'Role',
  'RoleBinding',
  'Service',
  'Deployment',
  'DaemonSet',
  'StatefulSet',
];

/** Kinds that must come after a component's workloads: they make the API server call a webhook. */
const kindLast = new Set(['ValidatingWebhookConfiguration', 'MutatingWebhookConfiguration']);

/**
 * The order in which the objects of one component are applied: namespaces, definitions, what workloads need,
 * workloads, other objects (certificates, issuers, inventory), webhook configurations. Stable within a kind.
 */
export function applyOrder(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  const rank = (object: KubernetesObject): number => {
    const first = kindOrder.indexOf(object.kind);
    if (first !== -1) {
      return first;
    }
    return kindLast.has(object.kind) ? kindOrder.length + 1 : kindOrder.length;
  };
  return objects
    .map((object, index) => ({ object, index }))
    .sort((a, b) => rank(a.object) - rank(b.object) || a.index - b.index)
    .map(({ object }) => object);
}

function checkObject(value: unknown, where: string): KubernetesObject {
  const kind = textField(value, 'kind');
  const name = textField(value, 'metadata', 'name');
  if (textField(value, 'apiVersion') === undefined || kind === undefined || name === undefined || name === '') {
    throw new ManifestError(
      where,
      `an object has no apiVersion, kind or metadata.name${kind === undefined ? '' : ` (kind ${kind})`}`,
    );
  }
  return value as KubernetesObject;
}

/** Defaults are written with or without quotes in released manifests, e.g. `:="false"`. */
function unquote(text: string): string {
  return /^".*"$|^'.*'$/s.test(text) ? text.slice(1, -1) : text;
}
