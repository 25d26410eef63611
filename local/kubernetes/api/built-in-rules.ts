import type { KubeObject } from '../contract.ts';
import type { Cause } from './errors.ts';
import { asArray, asObject, asString, asStringMap, at, equal, isObject, type JsonObject } from './json.ts';
import { invalidValue, required } from './names.ts';
import { isBase64 } from './schema/formats.ts';
import { matchesLabelSelector } from './selectors.ts';

type Rule = (object: KubeObject, live: KubeObject | undefined) => Cause[];

/*
 * Validation of the built-in kinds beyond metadata: the mistakes that a generated manifest can contain (missing
 * containers, a selector that does not match, wrong base64, changed immutable fields), not the whole of the real one.
 */
const RULES: Readonly<Record<string, Rule>> = {
  Secret: validateSecret,
  ConfigMap: validateConfigMap,
  Pod: (object) => validatePodSpec(at(object, 'spec'), 'spec'),
  Deployment: validateWorkload,
  DaemonSet: validateWorkload,
  ReplicaSet: validateWorkload,
  StatefulSet: validateWorkload,
  Job: (object) => validatePodSpec(at(object, 'spec', 'template', 'spec'), 'spec.template.spec'),
  Service: validateService,
  ClusterRoleBinding: validateBinding,
  RoleBinding: validateBinding,
  ValidatingWebhookConfiguration: validateWebhooks,
  MutatingWebhookConfiguration: validateWebhooks,
  CustomResourceDefinition: validateCrd,
  StorageClass: (object) => (asString(object['provisioner']) === undefined ? [required('provisioner')] : []),
};

/** Violations of a built-in object; `live` is the state before an update. */
export function validateBuiltIn(object: KubeObject, live: KubeObject | undefined): Cause[] {
  return RULES[object.kind]?.(object, live) ?? [];
}

function immutable(field: string, before: unknown, after: unknown): Cause[] {
  if (equal(before, after)) return [];
  return [invalidValue(field, after, 'field is immutable')];
}

const REQUIRED_KEYS: Readonly<Record<string, readonly string[]>> = {
  'kubernetes.io/tls': ['tls.crt', 'tls.key'],
  'kubernetes.io/dockerconfigjson': ['.dockerconfigjson'],
  'kubernetes.io/ssh-auth': ['ssh-privatekey'],
};

function validateSecret(object: KubeObject, live: KubeObject | undefined): Cause[] {
  const data = asObject(object['data']);
  const causes = Object.entries(data).flatMap(([key, value]) => {
    if (!/^[-._a-zA-Z0-9]+$/.test(key))
      return [
        invalidValue(
          `data[${key}]`,
          key,
          "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        ),
      ];
    return typeof value === 'string' && isBase64(value)
      ? []
      : [invalidValue(`data[${key}]`, '<redacted>', 'illegal base64 data')];
  });
  for (const key of REQUIRED_KEYS[asString(object['type']) ?? ''] ?? [])
    if (data[key] === undefined) causes.push(required(`data[${key}]`));
  if (live === undefined) return causes;
  causes.push(...immutable('type', live['type'], object['type']));
  if (live['immutable'] === true && !equal(live['data'], object['data'])) {
    causes.push({
      reason: 'FieldValueForbidden',
      message: 'Forbidden: field is immutable when `immutable` is set',
      field: 'data',
    });
  }
  return causes;
}

function validateConfigMap(object: KubeObject): Cause[] {
  return Object.entries(asObject(object['data'])).flatMap(([key, value]) =>
    typeof value === 'string' ? [] : [invalidValue(`data[${key}]`, value, 'must be a string')],
  );
}

function validatePodSpec(value: unknown, path: string): Cause[] {
  if (!isObject(value)) return [required(path)];
  const containers = asArray(value['containers']);
  if (containers.length === 0) return [required(`${path}.containers`)];
  return ['containers', 'initContainers'].flatMap((list) =>
    asArray(value[list]).flatMap((container, index) => {
      const field = `${path}.${list}[${index}]`;
      const causes: Cause[] = [];
      if ((asString(at(container, 'name')) ?? '') === '') causes.push(required(`${field}.name`));
      if ((asString(at(container, 'image')) ?? '') === '') causes.push(required(`${field}.image`));
      return causes;
    }),
  );
}

function validateWorkload(object: KubeObject, live: KubeObject | undefined): Cause[] {
  const spec = asObject(object['spec']);
  const causes = validatePodSpec(at(spec, 'template', 'spec'), 'spec.template.spec');
  if (!isObject(spec['selector'])) return [required('spec.selector'), ...causes];
  const labels = asStringMap(at(spec, 'template', 'metadata', 'labels'));
  if (!matchesLabelSelector(spec['selector'], labels)) {
    causes.push(invalidValue('spec.template.metadata.labels', labels, '`selector` does not match template `labels`'));
  }
  if (live !== undefined) causes.push(...immutable('spec.selector', at(live, 'spec', 'selector'), spec['selector']));
  return causes;
}

function validateService(object: KubeObject): Cause[] {
  const spec = asObject(object['spec']);
  const ports = asArray(spec['ports']);
  if (ports.length === 0)
    return spec['type'] === 'ExternalName' || spec['clusterIP'] === 'None' ? [] : [required('spec.ports')];
  return ports.flatMap((port, index) => {
    const number = at(port, 'port');
    const inRange = typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= 65_535;
    const causes = inRange
      ? []
      : [invalidValue(`spec.ports[${index}].port`, number ?? 0, 'must be between 1 and 65535, inclusive')];
    if (ports.length > 1 && (asString(at(port, 'name')) ?? '') === '')
      causes.push(required(`spec.ports[${index}].name`));
    return causes;
  });
}

function validateBinding(object: KubeObject, live: KubeObject | undefined): Cause[] {
  const name = asString(at(object, 'roleRef', 'name')) ?? '';
  const causes = name === '' ? [required('roleRef.name')] : [];
  return live === undefined ? causes : [...causes, ...immutable('roleRef', live['roleRef'], object['roleRef'])];
}

function validateWebhooks(object: KubeObject): Cause[] {
  return asArray(object['webhooks']).flatMap((webhook, index) => {
    const path = `webhooks[${index}]`;
    const hook = asObject(webhook);
    const causes: Cause[] = [];
    if ((asString(hook['name']) ?? '') === '') causes.push(required(`${path}.name`));
    if (hook['sideEffects'] === undefined)
      causes.push(required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
    if (asArray(hook['admissionReviewVersions']).length === 0)
      causes.push(required(`${path}.admissionReviewVersions`, 'must specify one of v1, v1beta1'));
    if (!isObject(hook['clientConfig']))
      causes.push(required(`${path}.clientConfig`, 'exactly one of url or service is required'));
    if (asArray(hook['matchConditions']).length > 0) {
      causes.push(
        invalidValue(
          `${path}.matchConditions`,
          '…',
          'CEL expressions are not evaluated by this simulated API server; remove them',
        ),
      );
    }
    return causes;
  });
}

function validateCrd(object: KubeObject): Cause[] {
  const spec = asObject(object['spec']);
  const wanted = `${asString(at(spec, 'names', 'plural')) ?? ''}.${asString(spec['group']) ?? ''}`;
  const causes =
    object.metadata.name === wanted
      ? []
      : [invalidValue('metadata.name', object.metadata.name, 'must be spec.names.plural+"."+spec.group')];
  if (spec['scope'] !== 'Namespaced' && spec['scope'] !== 'Cluster') {
    causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(spec['scope'])}: supported values: "Cluster", "Namespaced"`,
      field: 'spec.scope',
    });
  }
  if ((asString(at(spec, 'names', 'kind')) ?? '') === '') causes.push(required('spec.names.kind'));
  const versions = asArray(spec['versions']).filter(isObject);
  if (versions.filter((version) => version['storage'] === true).length !== 1) {
    causes.push(
      invalidValue(
        'spec.versions',
        versions.map((version) => version['name']),
        'must have exactly one version marked as storage version',
      ),
    );
  }
  return [...causes, ...versions.flatMap(validateCrdVersion)];
}

function validateCrdVersion(version: JsonObject, index: number): Cause[] {
  const path = `spec.versions[${index}].schema.openAPIV3Schema`;
  const schema = at(version, 'schema', 'openAPIV3Schema');
  if (!isObject(schema)) return [required(path, 'schemas are required')];
  return schema['type'] === 'object'
    ? []
    : [invalidValue(`${path}.type`, schema['type'] ?? '', 'must be object at the root')];
}
