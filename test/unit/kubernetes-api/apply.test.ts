import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtInShape } from '#local/kubernetes/api/apply/built-in-shape.ts';
import {
  difference,
  fieldsOf,
  formatFieldSet,
  isEmpty,
  parseFieldSet,
  union,
} from '#local/kubernetes/api/apply/field-set.ts';
import { apply, trackUpdate } from '#local/kubernetes/api/apply/managers.ts';
import { DEDUCED, resourceShape, type Shape } from '#local/kubernetes/api/apply/shape.ts';
import { ApiError } from '#local/kubernetes/api/errors.ts';
import { clone, type JsonObject } from '#local/kubernetes/api/json.ts';
import type { KubeObject } from '#local/kubernetes/contract.ts';
import { WIDGET_SCHEMA, widget } from './widget-crd.ts';

const shape = resourceShape(WIDGET_SCHEMA);
const by = (manager: string) => ({ manager, subresource: '', time: '2026-01-01T00:00:00Z' });
const put = (
  live: KubeObject | undefined,
  manager: string,
  spec: JsonObject,
  force = false,
  of: Shape = shape,
): KubeObject => apply(live, widget('w', spec), of, by(manager), force);

function failure(run: () => unknown): ApiError {
  try {
    run();
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('expected a refusal');
}

describe('server-side apply', () => {
  it('records ownership in FieldsV1 with list keys', () => {
    const object = put(undefined, 'one', { size: 1, parts: [{ name: 'a', weight: 2 }], tags: ['x'] });
    expect(object.metadata.managedFields).toEqual([
      {
        manager: 'one',
        operation: 'Apply',
        apiVersion: 'example.org/v1',
        time: '2026-01-01T00:00:00Z',
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:spec': {
            'f:size': {},
            'f:parts': { 'k:{"name":"a"}': { '.': {}, 'f:name': {}, 'f:weight': {} } },
            'f:tags': { 'v:"x"': {} },
          },
        },
      },
    ]);
  });

  it('refuses to change a field of another manager, names both, and takes over with force', () => {
    const first = put(undefined, 'one', { size: 1 });
    const error = failure(() => put(first, 'two', { size: 2 }));
    expect(error.status).toMatchObject({
      code: 409,
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "one": .spec.size',
    });
    expect(error.status.details).toMatchObject({ causes: [{ reason: 'FieldManagerConflict', field: '.spec.size' }] });
    const taken = put(first, 'two', { size: 2 }, true);
    expect(taken['spec']).toEqual({ size: 2 });
    expect(taken.metadata.managedFields).toHaveLength(1);
  });

  it('shares a field on which both agree and keeps it until the last owner gives it up', () => {
    const both = put(put(undefined, 'one', { size: 1, code: 'abc' }), 'two', { size: 1, code: 'abc' });
    const oneLeft = put(both, 'one', { size: 1 });
    expect(oneLeft['spec']).toEqual({ size: 1, code: 'abc' });
    expect(put(oneLeft, 'two', { size: 1 })['spec']).toEqual({ size: 1 });
  });

  it('merges keyed lists and sets, replaces atomic lists, and removes items that are given up', () => {
    const one = put(undefined, 'one', {
      size: 1,
      parts: [{ name: 'a', weight: 1 }, { name: 'b' }],
      tags: ['x'],
      steps: ['1', '2'],
    });
    const two = put(one, 'two', { parts: [{ name: 'c' }, { name: 'a', note: 'n' }], tags: ['y'] });
    expect(two['spec']).toEqual({
      size: 1,
      parts: [{ name: 'c' }, { name: 'a', weight: 1, note: 'n' }, { name: 'b' }],
      tags: expect.arrayContaining(['x', 'y']),
      steps: ['1', '2'],
    });
    const less = put(two, 'one', { size: 1, parts: [{ name: 'a' }] });
    expect(less['spec']).toMatchObject({ size: 1, tags: ['y'] });
    expect((less['spec'] as JsonObject)['parts']).toEqual(
      expect.arrayContaining([{ name: 'a', note: 'n' }, { name: 'c' }]),
    );
    expect((less['spec'] as JsonObject)['parts']).toHaveLength(2);
    expect(failure(() => put(two, 'two', { steps: ['2'] })).status.code).toBe(409);
  });

  it('says which field is not declared', () => {
    expect(failure(() => put(undefined, 'one', { sise: 1 })).status.message).toContain(
      '.spec.sise: field not declared in schema',
    );
  });

  it('conflicts with what an update changed', () => {
    const live = put(undefined, 'one', { size: 1 });
    const next = clone(live);
    (next['spec'] as JsonObject)['size'] = 3;
    trackUpdate(live, next, shape, by('editor'));
    expect(failure(() => put(next, 'one', { size: 1 })).status.message).toBe(
      'Apply failed with 1 conflict: conflict with "editor" using example.org/v1: .spec.size',
    );
    const merged = put(next, 'one', { size: 3 });
    expect(merged.metadata.managedFields).toHaveLength(2);
  });

  it('knows the list keys of built-in kinds', () => {
    const pod = (containers: unknown[]): KubeObject => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { containers },
    });
    const one = apply(
      undefined,
      pod([{ name: 'a', ports: [{ containerPort: 80 }] }]),
      builtInShape(),
      by('one'),
      false,
    );
    const two = apply(one, pod([{ name: 'b' }]), builtInShape(), by('two'), false);
    expect(two['spec']).toEqual({
      containers: expect.arrayContaining([{ name: 'a', ports: [{ containerPort: 80 }] }, { name: 'b' }]),
    });
  });
});

describe('field sets', () => {
  const values = fc.dictionary(
    fc.stringMatching(/^[a-z]{1,3}$/),
    fc.oneof(fc.integer(), fc.dictionary(fc.stringMatching(/^[a-z]$/), fc.boolean())),
  );

  it('survive being written and read', () => {
    fc.assert(
      fc.property(values, (value) => {
        const set = fieldsOf(value, DEDUCED, false);
        set.member = false;
        expect(formatFieldSet(parseFieldSet(formatFieldSet(set)))).toEqual(formatFieldSet(set));
      }),
    );
  });

  it('a union minus one side leaves nothing of that side', () => {
    fc.assert(
      fc.property(values, values, (left, right) => {
        const [a, b] = [fieldsOf(left, DEDUCED, false), fieldsOf(right, DEDUCED, false)];
        return isEmpty(difference(difference(union(a, b), b), a));
      }),
    );
  });

  it('applying the same configuration twice changes nothing', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ name: fc.stringMatching(/^[a-d]$/), weight: fc.nat(9) }), {
          selector: (part) => part.name,
        }),
        (parts) => {
          const once = put(undefined, 'one', { size: 1, parts });
          expect(put(clone(once), 'one', { size: 1, parts })).toEqual(once);
        },
      ),
    );
  });
});
