import { field, listField, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import type { KubernetesClient } from '../client/client.ts';
import { isTransient, isWebhookUnreachable, KubernetesApiError } from '../client/errors.ts';

/** A resource whose creation passes through a webhook. */
export interface WebhookTarget {
  readonly apiVersion: string;
  readonly plural: string;
  /** Names of the webhooks, for people. */
  readonly webhooks: readonly string[];
}

/** The resources that the webhook configurations among the objects watch on creation, one entry per resource. */
export function webhookTargets(objects: readonly KubernetesObject[]): readonly WebhookTarget[] {
  const targets = new Map<string, { apiVersion: string; plural: string; webhooks: string[] }>();
  for (const configuration of objects) {
    if (!configuration.kind.endsWith('WebhookConfiguration')) {
      continue;
    }
    for (const webhook of listField(configuration, 'webhooks')) {
      for (const rule of listField(webhook, 'rules')) {
        for (const { apiVersion, plural } of createdBy(rule)) {
          const key = `${apiVersion}/${plural}`;
          const target = targets.get(key) ?? { apiVersion, plural, webhooks: [] };
          target.webhooks.push(textField(webhook, 'name') ?? configuration.metadata.name);
          targets.set(key, target);
        }
      }
    }
  }
  return [...targets.values()];
}

/**
 * Sends a dry-run create through each webhook: the only proof that it answers, because a Deployment is Available
 * before its webhook's certificate has reached the API server (cluster-api-pivot.md §6, item 11). A refusal of the
 * probe by the webhook is an answer. Returns the first webhook that does not answer.
 *
 * @param definitions the CustomResourceDefinitions that the probes are built from
 */
export async function firstSilentWebhook(
  client: KubernetesClient,
  targets: readonly WebhookTarget[],
  definitions: readonly KubernetesObject[],
): Promise<{ readonly webhook: string; readonly reason: string } | undefined> {
  for (const target of targets) {
    const probe = probeObject(target, definitions);
    if (probe === undefined) {
      continue;
    }
    try {
      await client.create(probe, { dryRun: true });
    } catch (error) {
      const answered = error instanceof KubernetesApiError && error.message.includes('failed calling webhook');
      if (isWebhookUnreachable(error) || (isTransient(error) && !answered)) {
        return { webhook: target.webhooks.join(', '), reason: (error as Error).message };
      }
    }
  }
  return undefined;
}

function createdBy(rule: unknown): readonly { readonly apiVersion: string; readonly plural: string }[] {
  const texts = (name: string) => listField(rule, name).filter((value): value is string => typeof value === 'string');
  const operations = texts('operations');
  if (!operations.includes('CREATE') && !operations.includes('*')) {
    return [];
  }
  return texts('apiGroups').flatMap((group) =>
    texts('apiVersions').flatMap((version) =>
      texts('resources')
        .filter((plural) => !plural.includes('/') && ![group, version, plural].includes('*'))
        .map((plural) => ({ apiVersion: group === '' ? version : `${group}/${version}`, plural })),
    ),
  );
}

/** The smallest object that the definition's schema takes; undefined when the cluster does not serve the resource. */
function probeObject(target: WebhookTarget, definitions: readonly KubernetesObject[]): KubernetesObject | undefined {
  const [group, version] = target.apiVersion.split('/');
  const definition = definitions.find(
    (candidate) =>
      textField(candidate, 'spec', 'group') === group &&
      textField(candidate, 'spec', 'names', 'plural') === target.plural,
  );
  const served = listField(definition, 'spec', 'versions').find(
    (candidate) => textField(candidate, 'name') === version,
  );
  const kind = textField(definition, 'spec', 'names', 'kind');
  if (definition === undefined || served === undefined || kind === undefined || field(served, 'served') === false) {
    return undefined;
  }
  const namespaced = textField(definition, 'spec', 'scope') === 'Namespaced';
  const schema = field(served, 'schema', 'openAPIV3Schema');
  const spec = smallestValue(field(schema, 'properties', 'spec'), 0);
  return {
    apiVersion: target.apiVersion,
    kind,
    metadata: namespaced ? { name: 'capstan-probe', namespace: 'default' } : { name: 'capstan-probe' },
    ...(spec === undefined ? {} : { spec }),
  };
}

/** A value with only what the structural schema requires. */
function smallestValue(schema: unknown, depth: number): unknown {
  if (schema === undefined || depth > 12) {
    return undefined;
  }
  const [first] = listField(schema, 'enum');
  if (first !== undefined) {
    return first;
  }
  switch (textField(schema, 'type') ?? '') {
    case 'object':
      return Object.fromEntries(
        listField(schema, 'required')
          .filter((name): name is string => typeof name === 'string')
          .map((name) => [name, smallestValue(field(schema, 'properties', name), depth + 1)]),
      );
    case 'array':
      return Array.from({ length: Number(field(schema, 'minItems') ?? 0) }, () =>
        smallestValue(field(schema, 'items'), depth + 1),
      );
    case 'integer':
    case 'number':
      return Number(field(schema, 'minimum') ?? 0);
    case 'boolean':
      return false;
    case 'string':
      return 'probe'.padEnd(Number(field(schema, 'minLength') ?? 0), 'x');
    default:
      return field(schema, 'x-kubernetes-int-or-string') === true ? 0 : {};
  }
}
