import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clone, equal, type JsonObject } from '#local/kubernetes/api/json.ts';
import { applyDefaults } from '#local/kubernetes/api/schema/default.ts';
import { prune } from '#local/kubernetes/api/schema/prune.ts';
import { validate } from '#local/kubernetes/api/schema/validate.ts';
import { WIDGET_SCHEMA, widget } from './widget-crd.ts';

const schema = WIDGET_SCHEMA;
const fieldsOf = (spec: Record<string, unknown>): string[] =>
  validate(widget('w', spec), schema).map((cause) => cause.field);
const messagesOf = (spec: Record<string, unknown>): string[] =>
  validate(widget('w', spec), schema).map((cause) => cause.message);

describe('pruning', () => {
  it('removes what the schema does not declare and names it, and keeps preserved parts', () => {
    const object = widget('w', {
      size: 1,
      sise: 2,
      blob: { any: { thing: 1 } },
      parts: [{ name: 'a', wait: 1 }],
      labels: { a: 'b' },
    });
    (object.metadata as unknown as JsonObject)['color'] = 'x';
    expect(prune(object, schema).sort()).toEqual(['metadata.color', 'spec.parts[0].wait', 'spec.sise']);
    expect(object['spec']).toEqual({
      size: 1,
      blob: { any: { thing: 1 } },
      parts: [{ name: 'a' }],
      labels: { a: 'b' },
    });
  });

  it('prunes only the metadata of embedded resources that keep unknown fields', () => {
    const object = widget('w', {
      size: 1,
      template: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', odd: 1 }, spec: { a: 1 } },
    });
    expect(prune(object, schema)).toEqual(['spec.template.metadata.odd']);
  });

  it('is idempotent for any value', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('size', 'parts', 'blob', 'odd', 'labels'), fc.jsonValue()), (spec) => {
        const object = widget('w', clone(spec) as JsonObject);
        prune(object, schema);
        const once = clone(object);
        return prune(object, schema).length === 0 && equal(once, object);
      }),
    );
  });
});

describe('defaulting', () => {
  it('fills nested defaults and replaces a null that is not nullable', () => {
    const object = widget('w', { size: 1, color: null, comment: null, code: null });
    applyDefaults(object, schema);
    expect(object['spec']).toEqual({ size: 1, color: 'red', comment: null, nested: { depth: 3 } });
  });
});

describe('validation', () => {
  it('accepts a valid object', () => {
    expect(fieldsOf({ size: 10, color: 'green', code: 'abc', port: 'http', tags: ['a', 'b'], comment: null })).toEqual(
      [],
    );
    expect(fieldsOf({ size: 1, port: 8080 })).toEqual([]);
  });

  it('names each violation with its path and rule', () => {
    expect(messagesOf({ size: 11 })).toEqual([
      'Invalid value: 11: spec.size in body should be less than or equal to 10',
    ]);
    expect(messagesOf({})).toEqual(['Required value']);
    expect(messagesOf({ size: 1, color: 'blue' })).toEqual([
      'Unsupported value: "blue": supported values: "red", "green"',
    ]);
    expect(messagesOf({ size: '1' })).toEqual([
      'Invalid value: "string": spec.size in body must be of type integer: "string"',
    ]);
    expect(messagesOf({ size: 1, code: 'ABC' })).toEqual([
      `Invalid value: "ABC": spec.code in body should match '^[a-z]{3}$'`,
    ]);
    expect(fieldsOf({ size: 1, port: 1.5 })).toEqual(['spec.port']);
    expect(fieldsOf({ size: 1, template: { metadata: {} } })).toEqual([
      'spec.template.apiVersion',
      'spec.template.kind',
    ]);
  });

  it('finds duplicates in sets and keyed lists', () => {
    expect(fieldsOf({ size: 1, tags: ['a', 'a'] })).toEqual(['spec.tags[1]']);
    expect(fieldsOf({ size: 1, parts: [{ name: 'a' }, { name: 'a', weight: 1 }] })).toEqual(['spec.parts[1]']);
    expect(fieldsOf({ size: 1, parts: [{ weight: 1 }] })).toEqual(['spec.parts[0].name']);
  });
});
