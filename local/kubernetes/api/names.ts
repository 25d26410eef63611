import type { Cause } from './errors.ts';
import { asString, asStrings, asObject, isObject } from './json.ts';
import type { KubeObject } from '../contract.ts';
import type { ResourceKind } from './kinds.ts';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

const SUBDOMAIN_RULE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_RULE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED_RULE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE_RULE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

/** A cause of reason FieldValueInvalid. */
export function invalidValue(field: string, value: unknown, rule: string): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${rule}`, field };
}

/** A cause of reason FieldValueRequired. */
export function required(field: string, detail = ''): Cause {
  return {
    reason: 'FieldValueRequired',
    message: detail === '' ? 'Required value' : `Required value: ${detail}`,
    field,
  };
}

/** Checks the metadata of an object (Kubernetes documentation, "Object Names and IDs", "Labels and Selectors"). */
export function validateMetadata(kind: ResourceKind, object: KubeObject): Cause[] {
  const { metadata } = object;
  return [
    ...validateName(kind, metadata.name),
    ...validateLabels(metadata.labels, 'metadata.labels'),
    ...Object.keys(asObject(metadata.annotations)).flatMap((key) =>
      qualifiedName(key.toLowerCase(), 'metadata.annotations', key),
    ),
    ...validateAnnotationSize(metadata.annotations),
    ...validateOwners(metadata.ownerReferences),
    ...asStrings(metadata.finalizers).flatMap((finalizer) =>
      qualifiedName(finalizer, 'metadata.finalizers', finalizer),
    ),
  ];
}

function validateName(kind: ResourceKind, name: string): Cause[] {
  const field = 'metadata.name';
  if (name === '') return [required(field, 'name or generateName is required')];
  if (kind.group === 'rbac.authorization.k8s.io') {
    return /[/%]|^\.\.?$/.test(name) ? [invalidValue(field, name, "may not contain '/' or '%'")] : [];
  }
  if (kind.kind === 'Namespace' || (kind.kind === 'Service' && kind.group === '')) {
    return LABEL.test(name) && name.length <= 63 ? [] : [invalidValue(field, name, LABEL_RULE)];
  }
  return SUBDOMAIN.test(name) && name.length <= 253 ? [] : [invalidValue(field, name, SUBDOMAIN_RULE)];
}

/** Checks label keys and values. */
export function validateLabels(labels: unknown, field: string): Cause[] {
  if (labels === undefined || labels === null) return [];
  if (!isObject(labels)) return [invalidValue(field, labels, 'must be a map of strings')];
  return Object.entries(labels).flatMap(([key, value]) => {
    const causes = qualifiedName(key, field, key);
    if (typeof value !== 'string') return [...causes, invalidValue(field, value, 'must be a string')];
    if (value.length > 63) return [...causes, invalidValue(field, value, 'must be no more than 63 bytes')];
    return LABEL_VALUE.test(value) ? causes : [...causes, invalidValue(field, value, LABEL_VALUE_RULE)];
  });
}

function qualifiedName(key: string, field: string, shown: string): Cause[] {
  const slash = key.indexOf('/');
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== undefined && (!SUBDOMAIN.test(prefix) || prefix.length > 253)) {
    return [invalidValue(field, shown, `prefix part ${SUBDOMAIN_RULE}`)];
  }
  if (name.length > 63) return [invalidValue(field, shown, 'name part must be no more than 63 bytes')];
  return QUALIFIED.test(name) ? [] : [invalidValue(field, shown, QUALIFIED_RULE)];
}

const ANNOTATIONS_LIMIT = 256 * 1024;

function validateAnnotationSize(annotations: unknown): Cause[] {
  const size = Object.entries(asObject(annotations)).reduce(
    (sum, [key, value]) => sum + key.length + (asString(value) ?? '').length,
    0,
  );
  if (size <= ANNOTATIONS_LIMIT) return [];
  const message = `Too long: may not be more than ${ANNOTATIONS_LIMIT} bytes`;
  return [{ reason: 'FieldValueTooLong', message, field: 'metadata.annotations' }];
}

function validateOwners(owners: KubeObject['metadata']['ownerReferences']): Cause[] {
  const causes = (owners ?? []).flatMap((owner, index) =>
    (['apiVersion', 'kind', 'name', 'uid'] as const)
      .filter((field) => (asString(owner[field]) ?? '') === '')
      .map((field) => ({ ...invalidValue(`metadata.ownerReferences[${index}].${field}`, '', 'must not be empty') })),
  );
  const controllers = (owners ?? []).filter((owner) => owner.controller === true);
  if (controllers.length > 1) {
    causes.push(
      invalidValue(
        'metadata.ownerReferences',
        controllers.map((owner) => owner.name),
        'Only one reference can have Controller set to true',
      ),
    );
  }
  return causes;
}
