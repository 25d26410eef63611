import { badRequest } from './errors.ts';
import { asArray, asObject, asString, asStringMap, asStrings, at, textOf } from './json.ts';

/** A test on an object. */
export type Selector = (object: unknown) => boolean;

const SET_BASED = /^(!?)\s*([A-Za-z0-9_./-]+)(?:\s+(in|notin)\s*\(([^)]*)\))?$/;
const EQUALITY = /^([A-Za-z0-9_./-]+)\s*(==|=|!=)\s*([A-Za-z0-9_.-]*)$/;

/**
 * Compiles a label selector in string form, equality-based or set-based (Kubernetes documentation, "Labels and
 * Selectors"). Throws 400 for text that is not one.
 */
export function labelSelector(text: string): Selector {
  const tests = splitTop(text).map(requirement);
  return (object) => {
    const labels = asStringMap(at(object, 'metadata', 'labels'));
    return tests.every((test) => test(labels));
  };
}

type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;

function requirement(text: string): LabelTest {
  const equality = EQUALITY.exec(text);
  if (equality !== null) {
    const [, key = '', operator, value = ''] = equality;
    return operator === '!=' ? (labels) => labels[key] !== value : (labels) => labels[key] === value;
  }
  const set = SET_BASED.exec(text);
  if (set === null) throw badRequest(`unable to parse requirement: ${JSON.stringify(text)} is no label selector`);
  const [, not, key = '', operator, list = ''] = set;
  if (operator === undefined) return not === '!' ? (labels) => !(key in labels) : (labels) => key in labels;
  const values = new Set(list.split(',').map((value) => value.trim()));
  if (operator === 'in') return (labels) => labels[key] !== undefined && values.has(labels[key]);
  return (labels) => labels[key] === undefined || !values.has(labels[key]);
}

function splitTop(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Whether labels match a LabelSelector object (`matchLabels`, `matchExpressions`); an empty one matches everything. */
export function matchesLabelSelector(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  const wanted = Object.entries(asStringMap(asObject(selector)['matchLabels']));
  if (!wanted.every(([key, value]) => labels[key] === value)) return false;
  return asArray(asObject(selector)['matchExpressions']).every((expression) => matchesExpression(expression, labels));
}

function matchesExpression(expression: unknown, labels: Readonly<Record<string, string>>): boolean {
  const { key, operator, values } = asObject(expression);
  const value = labels[asString(key) ?? ''];
  switch (operator) {
    case 'In':
      return value !== undefined && asStrings(values).includes(value);
    case 'NotIn':
      return value === undefined || !asStrings(values).includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      throw badRequest(`"${asString(operator) ?? ''}" is not a valid label selector operator`);
  }
}

/** Fields by which every kind can be selected, and those of single kinds (Kubernetes documentation, "Field Selectors"). */
const COMMON_FIELDS: ReadonlySet<string> = new Set(['metadata.name', 'metadata.namespace']);
const FIELDS_OF_KIND: Readonly<Record<string, readonly string[]>> = {
  Pod: [
    'spec.nodeName',
    'spec.restartPolicy',
    'spec.schedulerName',
    'spec.serviceAccountName',
    'spec.hostNetwork',
    'status.phase',
    'status.podIP',
    'status.nominatedNodeName',
  ],
  Event: [
    'involvedObject.kind',
    'involvedObject.namespace',
    'involvedObject.name',
    'involvedObject.uid',
    'involvedObject.apiVersion',
    'involvedObject.resourceVersion',
    'involvedObject.fieldPath',
    'reason',
    'reportingComponent',
    'source',
    'type',
  ],
  Secret: ['type'],
  Namespace: ['status.phase'],
  Node: ['spec.unschedulable'],
  ReplicaSet: ['status.replicas'],
  Job: ['status.successful'],
  CertificateSigningRequest: ['spec.signerName'],
  Service: ['spec.clusterIP', 'spec.type'],
};

/** Compiles a field selector for a kind. Throws 400 for a field by which the kind cannot be selected. */
export function fieldSelector(text: string, kind: string): Selector {
  const tests = splitTop(text).map((part) => fieldTest(part, kind));
  return (object) => tests.every((test) => test(object));
}

function fieldTest(text: string, kind: string): Selector {
  const match = /^([A-Za-z0-9_.]+)\s*(==|=|!=)\s*(.*)$/.exec(text);
  if (match === null) throw badRequest(`invalid field selector: ${JSON.stringify(text)}`);
  const [, field = '', operator, value = ''] = match;
  if (!COMMON_FIELDS.has(field) && !(FIELDS_OF_KIND[kind] ?? []).includes(field)) {
    throw badRequest(
      `Unable to find "${kind}" that match label selector "", field selector "${text}": field label not supported: ${field}`,
    );
  }
  const steps = field.split('.');
  return (object) => {
    const found = at(object, ...steps);
    const actual = found === undefined || typeof found === 'object' ? '' : textOf(found);
    return operator === '!=' ? actual !== value : actual === value;
  };
}
