import { describe, expect, it } from 'vitest';
import { humanDuration } from '#local/kubernetes/api/duration.ts';
import { evaluate } from '#local/kubernetes/api/json-path.ts';
import { decodeProtobuf } from '#local/kubernetes/api/http/protobuf.ts';
import { fieldSelector, labelSelector, matchesLabelSelector } from '#local/kubernetes/api/selectors.ts';

const labelled = (labels: Record<string, string>) => ({ metadata: { name: 'n', labels } });

describe('label selectors', () => {
  it.each([
    ['', true],
    ['a=1', true],
    ['a==1,b', true],
    ['a!=1', false],
    ['c!=1', true],
    ['a in (1, 2),b notin (x)', true],
    ['!c', true],
    ['!a', false],
    ['c notin (1)', true],
    ['c in (1)', false],
    ['example.org/role=', true],
  ])('%s', (text, expected) => {
    expect(labelSelector(text)(labelled({ a: '1', b: 'y', 'example.org/role': '' }))).toBe(expected);
  });

  it('refuse text that is none', () => {
    expect(() => labelSelector('a in 1')).toThrow(/unable to parse requirement/);
  });

  it('work as objects', () => {
    const selector = {
      matchLabels: { a: '1' },
      matchExpressions: [
        { key: 'b', operator: 'In', values: ['y'] },
        { key: 'c', operator: 'DoesNotExist' },
      ],
    };
    expect(matchesLabelSelector(selector, { a: '1', b: 'y' })).toBe(true);
    expect(matchesLabelSelector(selector, { a: '1', b: 'y', c: '' })).toBe(false);
  });
});

describe('field selectors', () => {
  it('select pods by node and refuse unknown fields', () => {
    const pod = { metadata: { name: 'p' }, spec: { nodeName: 'n1' } };
    expect(fieldSelector('spec.nodeName=n1,status.phase!=Failed', 'Pod')(pod)).toBe(true);
    expect(fieldSelector('spec.nodeName=n2', 'Pod')(pod)).toBe(false);
    expect(() => fieldSelector('spec.image=x', 'Pod')).toThrow(/field label not supported: spec\.image/);
  });
});

describe('JSONPath of columns', () => {
  const object = {
    status: { conditions: [{ type: 'Ready', status: 'True' }], list: [1, 2] },
    metadata: { annotations: { 'example.org/x': 'y' } },
  };
  it.each([
    ['.status.conditions[?(@.type=="Ready")].status', ['True']],
    ['.status.list[1]', [2]],
    ['.status.list[*]', [1, 2]],
    [".metadata.annotations['example.org/x']", ['y']],
    ['.metadata.annotations.example\\.org/x', ['y']],
    ['.spec.missing', []],
  ])('%s', (path, expected) => {
    expect(evaluate(path, object)).toEqual(expected);
  });

  it('is refused when it is not understood', () => {
    expect(() => evaluate('.a[(@.length-1)]', {})).toThrow(/JSONPath not understood/);
  });
});

it('ages read as kubectl shows them', () => {
  const second = 1000;
  const shown = [0, 90, 125, 3600, 9 * 3600 + 600, 50 * 3600, 12 * 86_400].map((seconds) =>
    humanDuration(seconds * second),
  );
  expect(shown).toEqual(['0s', '90s', '2m5s', '60m', '9h', '2d2h', '12d']);
});

it('truncated protobuf bodies are refused, not misread', () => {
  const body = Buffer.concat([Buffer.from('k8s\0', 'latin1'), Buffer.from([0x0a, 0x40, 0x01])]);
  expect(() => decodeProtobuf(body)).toThrow(/ends in the middle/);
  expect(() => decodeProtobuf(Buffer.from('{}'))).toThrow(/no Kubernetes protobuf/);
});
