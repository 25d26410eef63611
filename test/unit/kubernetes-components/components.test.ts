import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { componentVersions, versions } from '#domain/cluster-api/versions.ts';
import { componentObjects } from '#kubernetes/components/component.ts';
import { list, pin, pull, verify } from '../../../scripts/components/commands.ts';
import { ownFile, parsePins, readPins, type Pins } from '../../../scripts/components/pins.ts';
import { folderTarget } from '../../../scripts/components/target.ts';

const manifest = (name: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\n`;
const sha = (text: string) => createHash('sha256').update(text).digest('hex');

let folder: string;
let lines: string[];
let answers: Record<string, { status?: number; location?: string; body?: string }>;
let asked: string[];
let server: ReturnType<typeof createServer>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'capstan-components-'));
  lines = [];
  asked = [];
  answers = {
    'releases.example/one.yaml': { body: manifest('one') },
    'releases.example/two.yaml': { status: 302, location: 'https://assets.example/two.yaml' },
    'assets.example/two.yaml': { body: manifest('two') },
  };
  server = createServer((request, response) => {
    const key = `${String(request.headers['x-host'])}${request.url ?? ''}`;
    const { status = 200, location, body } = answers[key] ?? { status: 404 };
    asked.push(key);
    response.writeHead(status, location === undefined ? {} : { location }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Sends what goes to the release hosts to the local server. */
const fetcher = (url: string, init: RequestInit) => {
  const { host, pathname } = new URL(url);
  const { port } = server.address() as AddressInfo;
  return fetch(`http://127.0.0.1:${port}${pathname}`, { ...init, headers: { 'x-host': host } });
};

function pins(change: (value: any) => void = () => undefined): Pins {
  const value = {
    hosts: ['releases.example', 'assets.example'],
    components: [
      {
        name: 'one',
        version: 'v1',
        file: 'one.yaml',
        namespace: 'x',
        sources: [{ url: 'https://releases.example/one.yaml', sha256: sha(manifest('one')) }],
      },
      {
        name: 'two',
        version: 'v2',
        file: 'two.yaml',
        namespace: 'x',
        sources: [
          { url: 'https://releases.example/one.yaml', sha256: sha(manifest('one')) },
          { url: 'https://releases.example/two.yaml', sha256: sha(manifest('two')) },
        ],
        append: 'scripts/components/default-storage-class.yaml',
      },
    ],
  };
  change(value);
  return parsePins(value);
}

const workshop = (given: Pins = pins()) => ({ pins: given, fetch: fetcher, say: (line: string) => lines.push(line) });

test('pull brings checked manifests and then the index; verify and list agree with it', async () => {
  const target = folderTarget(folder);
  await pull(workshop(), target);
  const index = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8'));
  expect(index).toMatchObject([
    { name: 'one', version: 'v1', file: 'one.yaml', order: 1, sha256: sha(manifest('one')) },
    { name: 'two', order: 2 },
  ]);
  expect(readFileSync(join(folder, 'two.yaml'), 'utf8')).toMatch(/name: one[^]*---\n[^]*name: two[^]*StorageClass/);
  expect(await verify(workshop(), target)).toEqual([]);
  lines.length = 0;
  await list(workshop(), target);
  expect(lines).toEqual([
    'one  v1  releases.example  pinned  as pulled',
    'two  v2  releases.example  pinned  as pulled',
  ]);
});

test('verify names what is missing, changed, of another version or no manifest', async () => {
  const target = folderTarget(folder);
  expect(await verify(workshop(), target)).toEqual([
    'one.yaml: missing: run npm run components -- pull',
    'two.yaml: missing: run npm run components -- pull',
  ]);
  await pull(workshop(), target);
  writeFileSync(join(folder, 'one.yaml'), 'kind: [');
  const problems = await verify(workshop(pins((value) => (value.components[1].version = 'v3'))), target);
  expect(problems[0]).toBe('one.yaml: was changed since it was pulled');
  expect(problems[1]).toMatch(/^one\.yaml: /);
  expect(problems[2]).toBe('two.yaml: is v2, the pin v3');
});

test('a manifest that differs from its digest changes nothing in the target', async () => {
  answers['assets.example/two.yaml'] = { body: manifest('evil') };
  await expect(pull(workshop(), folderTarget(folder))).rejects.toThrow(/two\.yaml has SHA-256 .* the pin says/);
  expect(await folderTarget(folder).read('one.yaml')).toBeUndefined();
});

test('a redirect off the list, or off https, is refused before it is followed', async () => {
  for (const location of [
    'https://elsewhere.example/x',
    'http://assets.example/two.yaml',
    'https://assets.example:8443/two.yaml',
  ]) {
    answers['releases.example/two.yaml'] = { status: 302, location };
    await expect(pull(workshop(), folderTarget(folder))).rejects.toThrow(/only https|not on the list/);
  }
  expect(asked.filter((key) => !key.startsWith('releases.example'))).toEqual([]);
  answers['releases.example/two.yaml'] = { status: 302, location: 'https://releases.example/two.yaml' };
  await expect(pull(workshop(), folderTarget(folder))).rejects.toThrow(/more than 5 times/);
});

test('a source without a digest is refused; pin records it and keeps to what is recorded', async () => {
  const open = pins((value) => delete value.components[0].sources[0].sha256);
  await expect(pull(workshop(open), folderTarget(folder))).rejects.toThrow(/no SHA-256 in the pin file/);
  expect(await pin(workshop(open))).toEqual(pins());
  answers['releases.example/one.yaml'] = { body: 'other' };
  await expect(pin({ ...workshop(), only: 'one' })).rejects.toThrow(/the release was changed/);
});

test('the pin file takes https URLs on its own hosts only', () => {
  expect(() => pins((value) => (value.components[0].sources[0].url = 'http://releases.example/x'))).toThrow(/https/);
  expect(() => pins((value) => (value.components[0].sources[0].url = 'https://other.example/x'))).toThrow(
    /no host of the list/,
  );
});

test('the committed pins, the versions of GET /api/versions and the stand-ins of the local run name the same releases', () => {
  const versionsOf = (entries: readonly { name: string; version: string }[]) =>
    entries.map(({ name, version }) => `${name} ${version}`);
  const local = JSON.parse(readFileSync(join(import.meta.dirname, '../../../local/components/index.json'), 'utf8'));
  expect(versionsOf(readPins().components)).toEqual(versionsOf(componentVersions));
  expect(versionsOf(local)).toEqual(versionsOf(componentVersions));
  expect(versions).toMatchObject({ components: componentVersions, apiVersions: { core: 'cluster.x-k8s.io/v1beta2' } });
});

test('the cloud provider of this repository reads azure.json of the machine, makes no routes, and starts on an uninitialised node', () => {
  const manifest = readFileSync(
    join(import.meta.dirname, '../../../scripts/components/cloud-provider-azure.yaml'),
    'utf8',
  );
  const objects: any[] = [
    ...componentObjects({
      name: 'cloud-provider-azure',
      version: 'v1.33.2',
      manifest,
      namespace: 'kube-system',
      order: 1,
      placement: 'controlPlane',
      variables: { CLUSTER_NAME: 'demo' },
    }),
  ];
  const pod = objects.find((object) => object.kind === 'Deployment').spec.template.spec;
  expect(pod.containers[0].args).toEqual(
    expect.arrayContaining([
      '--cluster-name=demo',
      '--cloud-config=/etc/kubernetes/azure.json',
      '--configure-cloud-routes=false',
    ]),
  );
  expect(pod.hostNetwork).toBe(true);
  expect(pod.tolerations).toContainEqual(
    expect.objectContaining({ key: 'node.cloudprovider.kubernetes.io/uninitialized' }),
  );
  const daemon = objects.find((object) => object.kind === 'DaemonSet').spec.template.spec;
  expect(daemon).toMatchObject({ hostNetwork: true, tolerations: [{ operator: 'Exists' }] });
  for (const pinned of readPins().components)
    if (pinned.bundled !== undefined) expect(ownFile(pinned.bundled).length).toBeGreaterThan(0);
});
