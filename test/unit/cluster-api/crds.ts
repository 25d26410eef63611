import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';

const directory = fileURLToPath(new URL('../../../../shared/reference/crds/', import.meta.url));

/** The real definitions are third-party: read where they are, never copied. */
export const haveDefinitions = existsSync(directory);

type Schema = Record<string, any>;
const schemas = new Map<string, Schema>();

function load(): void {
  if (schemas.size > 0) return;
  for (const file of readdirSync(directory).filter((name) => name.endsWith('.yaml'))) {
    const definition = parse(readFileSync(directory + file, 'utf8'));
    for (const version of definition.spec.versions) {
      const key = `${definition.spec.group}/${version.name} ${definition.spec.names.kind}`;
      schemas.set(key, version.schema.openAPIV3Schema);
    }
  }
}

const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false, logger: false });
const validators = new Map<string, ReturnType<typeof ajv.compile>>();

/** Everything the API server would complain about, prune or default in a custom resource; [] for built-in kinds. */
export function definitionProblems(document: KubernetesObject): string[] {
  load();
  const key = `${document.apiVersion} ${document.kind}`;
  const schema = schemas.get(key);
  if (schema === undefined) {
    return document.apiVersion.includes('x-k8s.io') ? [`${key}: no such definition`] : [];
  }
  let validate = validators.get(key);
  if (validate === undefined) {
    validate = ajv.compile({ ...schema, required: [] });
    validators.set(key, validate);
  }
  const plain = JSON.parse(JSON.stringify(document));
  const invalid = validate(plain)
    ? []
    : (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
  return [...invalid, ...differences(plain['spec'], schema['properties']?.spec, 'spec')];
}

/** Fields that the server would drop, and defaults that it would add. */
function differences(value: unknown, schema: Schema | undefined, path: string): string[] {
  if (schema === undefined || schema['x-kubernetes-preserve-unknown-fields'] === true) return [];
  if (Array.isArray(value))
    return value.flatMap((item, index) => differences(item, schema['items'], `${path}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  const properties: Record<string, Schema> = schema['properties'] ?? {};
  const additional = schema['additionalProperties'];
  const own = Object.entries(value).flatMap(([name, item]) => {
    if (properties[name] !== undefined) return differences(item, properties[name], `${path}.${name}`);
    if (additional === undefined || additional === false) return [`${path}.${name} is unknown and would be pruned`];
    return additional === true ? [] : differences(item, additional, `${path}.${name}`);
  });
  const defaulted = Object.entries(properties)
    .filter(([name, property]) => property['default'] !== undefined && !(name in value))
    .map(([name]) => `${path}.${name} would be defaulted`);
  return [...own, ...defaulted];
}
