import type { Cause } from '../errors.ts';
import { asArray, asObject, asStrings, canonical, equal, isObject, type JsonObject } from '../json.ts';
import { matchesFormat } from './formats.ts';
import { isEmbeddedResource, isIntOrString, itemSchema, memberSchema } from './structural.ts';

/**
 * Checks a value against a structural schema and returns every violation with its field path. CEL rules
 * (x-kubernetes-validations) are not evaluated: a documented exclusion of the simulation.
 */
export function validate(value: unknown, schema: JsonObject, path = ''): Cause[] {
  const causes: Cause[] = [];
  check(value, schema, path, causes);
  return causes;
}

function check(value: unknown, schema: JsonObject, path: string, causes: Cause[]): void {
  if (value === null) {
    if (schema['nullable'] === true || typeOf(schema) === undefined) return;
    causes.push(typeMismatch(value, schema, path));
    return;
  }
  if (!hasRightType(value, schema)) {
    causes.push(typeMismatch(value, schema, path));
    return;
  }
  checkEnum(value, schema, path, causes);
  if (typeof value === 'string') checkString(value, schema, path, causes);
  else if (typeof value === 'number') checkNumber(value, schema, path, causes);
  else if (Array.isArray(value)) checkArray(value, schema, path, causes);
  else if (isObject(value)) checkObject(value, schema, path, causes);
  checkLogic(value, schema, path, causes);
}

function typeOf(schema: JsonObject): string | undefined {
  return typeof schema['type'] === 'string' && schema['type'] !== '' ? schema['type'] : undefined;
}

function hasRightType(value: unknown, schema: JsonObject): boolean {
  if (isIntOrString(schema)) return typeof value === 'string' || Number.isInteger(value);
  const type = typeOf(schema) ?? '';
  switch (type) {
    case 'string':
    case 'boolean':
      return typeof value === type;
    case 'integer':
      return Number.isInteger(value);
    case 'number':
      return typeof value === 'number';
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    default:
      return true;
  }
}

function typeMismatch(value: unknown, schema: JsonObject, path: string): Cause {
  const expected = isIntOrString(schema) ? 'integer,string' : (typeOf(schema) ?? '');
  const actual = jsonType(value);
  const message = `Invalid value: "${actual}": ${path} in body must be of type ${expected}: "${actual}"`;
  return { reason: 'FieldValueTypeInvalid', message, field: path };
}

function jsonType(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function wrong(value: unknown, path: string, rule: string): Cause {
  const shown = typeof value === 'object' ? canonical(value).slice(0, 200) : JSON.stringify(value);
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown}: ${path} in body ${rule}`, field: path };
}

function checkEnum(value: unknown, schema: JsonObject, path: string, causes: Cause[]): void {
  const allowed = schema['enum'];
  if (!Array.isArray(allowed) || allowed.some((candidate) => equal(candidate, value))) return;
  const list = allowed.map((candidate) => JSON.stringify(candidate)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`;
  causes.push({ reason: 'FieldValueNotSupported', message, field: path });
}

function checkString(value: string, schema: JsonObject, path: string, causes: Cause[]): void {
  const length = Array.from(value).length;
  const { minLength, maxLength, pattern, format } = schema as Limits;
  if (minLength !== undefined && length < minLength) {
    causes.push(wrong(value, path, `should be at least ${minLength} chars long`));
  }
  if (maxLength !== undefined && length > maxLength) {
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${maxLength} bytes`,
      field: path,
    });
  }
  if (pattern !== undefined && !patternOf(pattern).test(value)) {
    causes.push(wrong(value, path, `should match '${pattern}'`));
  }
  if (format !== undefined && !matchesFormat(value, format)) {
    causes.push(wrong(value, path, `must be of type ${format}: ${JSON.stringify(value)}`));
  }
}

interface Limits {
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
}

const patterns = new Map<string, RegExp>();

function patternOf(source: string): RegExp {
  let compiled = patterns.get(source);
  if (compiled === undefined) patterns.set(source, (compiled = new RegExp(source)));
  return compiled;
}

function checkNumber(value: number, schema: JsonObject, path: string, causes: Cause[]): void {
  const limits = schema as Limits;
  const { minimum, maximum, multipleOf } = limits;
  if (minimum !== undefined) {
    if (limits.exclusiveMinimum === true ? value <= minimum : value < minimum) {
      causes.push(
        wrong(
          value,
          path,
          `should be greater than ${limits.exclusiveMinimum === true ? '' : 'or equal to '}${minimum}`,
        ),
      );
    }
  }
  if (maximum !== undefined) {
    if (limits.exclusiveMaximum === true ? value >= maximum : value > maximum) {
      causes.push(
        wrong(value, path, `should be less than ${limits.exclusiveMaximum === true ? '' : 'or equal to '}${maximum}`),
      );
    }
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) {
    causes.push(wrong(value, path, `should be a multiple of ${multipleOf}`));
  }
  if (limits.format === 'int32' && (value > 2 ** 31 - 1 || value < -(2 ** 31))) {
    causes.push(wrong(value, path, 'must be of type int32: a 32-bit integer'));
  }
}

function checkArray(value: readonly unknown[], schema: JsonObject, path: string, causes: Cause[]): void {
  const { minItems, maxItems } = schema as Limits;
  if (minItems !== undefined && value.length < minItems) {
    causes.push(wrong(value.length, path, `should have at least ${minItems} items`));
  }
  if (maxItems !== undefined && value.length > maxItems) {
    const message = `Too many: ${value.length}: must have at most ${maxItems} items`;
    causes.push({ reason: 'FieldValueTooMany', message, field: path });
  }
  const items = itemSchema(schema);
  value.forEach((item, index) => check(item, items, `${path}[${index}]`, causes));
  checkUnique(value, schema, path, causes);
}

function checkUnique(value: readonly unknown[], schema: JsonObject, path: string, causes: Cause[]): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = asStrings(schema['x-kubernetes-list-map-keys']);
  if (listType !== 'map' && listType !== 'set' && schema['uniqueItems'] !== true) return;
  const seen = new Set<string>();
  value.forEach((item, index) => {
    const identity = listType === 'map' ? Object.fromEntries(keys.map((key) => [key, asObject(item)[key]])) : item;
    const text = canonical(identity);
    if (seen.has(text)) {
      causes.push({ reason: 'FieldValueDuplicate', message: `Duplicate value: ${text}`, field: `${path}[${index}]` });
    }
    seen.add(text);
  });
}

function checkObject(value: JsonObject, schema: JsonObject, path: string, causes: Cause[]): void {
  const { minProperties, maxProperties } = schema as Limits;
  const count = Object.keys(value).length;
  if (minProperties !== undefined && count < minProperties) {
    causes.push(wrong(count, path, `should have at least ${minProperties} properties`));
  }
  if (maxProperties !== undefined && count > maxProperties) {
    const message = `Too many: ${count}: must have at most ${maxProperties} items`;
    causes.push({ reason: 'FieldValueTooMany', message, field: path });
  }
  for (const name of asStrings(schema['required'])) {
    if (value[name] !== undefined) continue;
    causes.push({ reason: 'FieldValueRequired', message: 'Required value', field: join(path, name) });
  }
  if (isEmbeddedResource(schema)) checkEmbedded(value, path, causes);
  for (const [key, item] of Object.entries(value)) {
    if (path === '' && key === 'metadata') continue;
    const member = memberSchema(schema, key);
    if (member !== undefined && item !== undefined) check(item, member, join(path, key), causes);
  }
}

function checkEmbedded(value: JsonObject, path: string, causes: Cause[]): void {
  for (const name of ['apiVersion', 'kind']) {
    if (typeof value[name] === 'string' && value[name] !== '') continue;
    causes.push({
      reason: 'FieldValueRequired',
      message: 'Required value: must not be empty',
      field: join(path, name),
    });
  }
}

function checkLogic(value: unknown, schema: JsonObject, path: string, causes: Cause[]): void {
  const holds = (candidate: unknown): boolean => validate(value, asObject(candidate), path).length === 0;
  for (const part of asArray(schema['allOf'])) check(value, asObject(part), path, causes);
  const anyOf = schema['anyOf'];
  if (Array.isArray(anyOf) && !isIntOrString(schema) && !anyOf.some(holds)) {
    causes.push(wrong(value, path, 'must validate at least one schema (anyOf)'));
  }
  const oneOf = schema['oneOf'];
  if (Array.isArray(oneOf) && oneOf.filter(holds).length !== 1) {
    causes.push(wrong(value, path, 'must validate one and only one schema (oneOf)'));
  }
  if (isObject(schema['not']) && holds(schema['not'])) {
    causes.push(wrong(value, path, 'must not validate the schema (not)'));
  }
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
