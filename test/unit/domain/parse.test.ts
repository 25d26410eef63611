import { readFileSync } from 'node:fs';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseClusterText, parseClusterValue } from '#domain/spec/parse.ts';
import { sampleDocument } from '../../support/sample-plan.ts';

const sample = readFileSync(new URL('../../../samples/cluster.yaml', import.meta.url), 'utf8');

/** Problems of the sample after a textual change, as `path: code @line`. */
function problemsOf(change: (text: string) => string): string[] {
  const text = change(sample);
  expect(text, 'the change must hit').not.toBe(sample);
  const parsed = parseClusterText(text);
  return 'error' in parsed
    ? (parsed.error.problems ?? []).map((problem) => `${problem.path} ${problem.code} @${problem.line ?? '-'}`)
    : [];
}

const lineOf = (needle: string, text = sample) => text.split('\n').findIndex((line) => line.includes(needle)) + 1;

describe('reading a request', () => {
  it('accepts the sample and fills in every default', () => {
    const parsed = parseClusterText(sample);
    expect(
      'document' in parsed && parsed.document.kind === 'Cluster' && parsed.document.spec.controlPlane.etcdDisk,
    ).toEqual({
      sizeGiB: 256,
      storageAccountType: 'Premium_LRS',
    });
    expect('document' in parsed && parsed.document.spec.addOns.map((addOn) => addOn.name)).toEqual([
      'ingress',
      'metrics',
    ]);
  });

  it('reads JSON as well, with lines', () => {
    const text = JSON.stringify({ ...sampleDocument(), extra: 1 }, undefined, 2);
    const parsed = parseClusterText(text);
    expect('error' in parsed && parsed.error.problems).toMatchObject([
      { path: 'extra', line: lineOf('"extra"', text) },
    ]);
  });

  it('reports all problems together, each with its line', () => {
    expect(
      problemsOf((text) =>
        text
          .replace('replicas: 3', 'replicas: 4')
          .replace('department: finance', 'department: Azure-team')
          .replace('placement: dynamic', 'placment: dynamic'),
      ),
    ).toEqual([
      `spec.network.placment CAP-1001 @${lineOf('placement: dynamic')}`,
      `metadata.tags.department CAP-1003 @${lineOf('department')}`,
      `spec.controlPlane.replicas CAP-1005 @${lineOf('replicas: 3')}`,
    ]);
    expect(
      problemsOf((text) =>
        text.replace('replicas: 3', 'replicas: 4').replace('department: finance', 'department: Azure-team'),
      ),
    ).toEqual([
      `metadata.tags.department CAP-1003 @${lineOf('department')}`,
      `spec.controlPlane.replicas CAP-1005 @${lineOf('replicas: 3')}`,
    ]);
  });

  it.each<[string, (text: string) => string, string]>([
    ['a name over 44 characters', (text) => text.replace('name: demo', `name: ${'a'.repeat(45)}`), 'CAP-1001'],
    ['a name that is no DNS label', (text) => text.replace('name: demo', 'name: Demo_1'), 'CAP-1001'],
    ['the name of a namespace that exists', (text) => text.replace('name: demo', 'name: kube-system'), 'CAP-1001'],
    ['a reserved word in a tag key', (text) => text.replace('department:', 'MyMicrosoftTeam:'), 'CAP-1003'],
    ['an even control plane', (text) => text.replace('replicas: 3', 'replicas: 2'), 'CAP-1005'],
    ['static placement without names', (text) => text.replace('placement: dynamic', 'placement: static'), 'CAP-1006'],
    [
      'a proxy without static placement',
      (text) => text.replace('  storage: {}', '  proxy: { httpsProxy: "http://p.example:3128" }\n  storage: {}'),
      'CAP-1006',
    ],
    [
      'a gateway without static placement',
      (text) => text.replace('  storage: {}', '  gateway: corp\n  storage: {}'),
      'CAP-1006',
    ],
    ['an image over http', (text) => text.replace('https://capstan', 'http://capstan'), 'CAP-1007'],
    [
      'an image on an IP literal',
      (text) => text.replace('capstanimages.blob.core.windows.net', '10.0.0.5'),
      'CAP-1007',
    ],
    ['an image on an IPv6 literal', (text) => text.replace('capstanimages.blob.core.windows.net', '[::1]'), 'CAP-1007'],
    ['an image on localhost', (text) => text.replace('capstanimages.blob.core.windows.net', 'localhost'), 'CAP-1007'],
    ['overlapping ranges', (text) => text.replace('placement: dynamic', 'podCidr: 10.2.0.0/16'), 'CAP-1004'],
    [
      'a subnet that is too small',
      (text) => text.replace('placement: dynamic', 'cidrs: { workerSubnet: 10.1.0.0/29 }'),
      'CAP-1004',
    ],
    [
      'a subnet outside its network',
      (text) => text.replace('placement: dynamic', 'cidrs: { workerSubnet: 172.16.0.0/16 }'),
      'CAP-1004',
    ],
    ['a range with host bits', (text) => text.replace('placement: dynamic', 'podCidr: 192.168.1.0/16'), 'CAP-1004'],
    ['an unknown zone', (text) => text.replace('["1", "2", "3"]', '["4"]'), 'CAP-1001'],
    ['no zone at all', (text) => text.replace('["1", "2", "3"]', '[]'), 'CAP-1001'],
    [
      'a Kubernetes version that is not built',
      (text) => text.replace('v1.33.4\n  sshKeys', 'v1.99.0\n  sshKeys'),
      'CAP-1001',
    ],
    [
      'an SSH private key',
      (text) => text.replace(/ssh-ed25519 .*/, '"-----BEGIN OPENSSH PRIVATE KEY-----"'),
      'CAP-1001',
    ],
    [
      'a container without an account',
      (text) => text.replace('storage: {}', 'storage: { container: mine }'),
      'CAP-1001',
    ],
    [
      'a private address of a public API server',
      (text) => text.replace('placement: dynamic', 'api: { privateAddress: 10.0.0.9 }'),
      'CAP-1004',
    ],
  ])('refuses %s', (_what, change, code) => {
    const text = change(sample);
    expect(text).not.toBe(sample);
    const parsed = parseClusterText(text);
    expect('error' in parsed && parsed.error.problems?.map((problem) => problem.code)).toContain(code);
  });

  it.each<[string, string]>([
    ['nothing', ''],
    ['broken YAML', 'a: [1'],
    ['a duplicate key', 'a: 1\na: 2'],
    ['a nesting bomb', '['.repeat(5000)],
    ['a deep document', JSON.stringify(Array.from({ length: 30 }).reduce<unknown>((inner) => ({ a: inner }), 1))],
    [
      'an alias bomb',
      `a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c]\ne: [*d,*d,*d,*d]`,
    ],
    ['__proto__', '{"__proto__": {"polluted": true}}'],
    ['a huge document', 'x'.repeat(300_000)],
  ])('refuses %s without crashing', (_what, text) => {
    const parsed = parseClusterText(text);
    expect('error' in parsed && parsed.error.code).toBe('CAP-1002');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect('error' in parseClusterText(text)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect('error' in parseClusterValue(value)).toBe(true);
      }),
    );
  });
});
