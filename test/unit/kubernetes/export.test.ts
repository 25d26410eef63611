import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { samplePlan } from '#test/support/sample-plan.ts';
import { bundleForm, exportBundle, renderBundle } from '#kubernetes/pivot/export.ts';
import { pivot } from '#kubernetes/pivot/pivot.ts';
import { createKubeconfig } from '#kubernetes/pki/kubeconfig.ts';
import { haveRealDefinitions, startWorld, type World } from './pivot-world.ts';

const observed = { identityClientId: '55555555-5555-4555-8555-555555555555' };

function present(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log('kubectl is not on the PATH: the dry run of the exported bundle is skipped.');
    return false;
  }
}

let world: World | undefined;
afterEach(() => {
  world?.close();
  world = undefined;
});

test('holds every value of a Secret as REDACTED, the journal, and nothing of the keys', async () => {
  world = await startWorld();
  await pivot(world.context);
  const documents = exportBundle(world.plan, observed, world.journal.state);
  const secrets = documents.filter((document) => document.kind === 'Secret');
  expect(secrets.length).toBeGreaterThan(8);
  for (const secret of secrets) {
    expect(Object.keys(secret['data'] as object).length).toBeGreaterThan(0);
    expect(new Set(Object.values(secret['data'] as object))).toEqual(new Set(['UkVEQUNURUQ=']));
  }
  const text = renderBundle(documents, 'yaml');
  expect(text).not.toMatch(/PRIVATE|BEGIN CERTIFICATE|LS0tLS1|\[secret\]/);
  const journal: any = documents.find((document) => document.metadata.name === 'demo-pivot-journal');
  expect(JSON.parse(journal.data['journal.json'])).toMatchObject({ phase: 'watch' });
  expect(JSON.parse(renderBundle(documents, 'json')).items).toEqual(
    parseAllDocuments(text).map((document) => document.toJS()),
  );
});

test('before the hand-over there is no journal', () => {
  const kinds = exportBundle(samplePlan(), observed, undefined).map((document) => document.kind);
  expect(kinds).not.toContain('ConfigMap');
});

test('comes in the form that Accept asks for', () => {
  expect(bundleForm(undefined)).toBe('json');
  expect(bundleForm('*/*')).toBe('json');
  expect(bundleForm('text/html, application/yaml;q=0.9, */*;q=0.1')).toBe('yaml');
  expect(bundleForm('application/json, application/yaml')).toBe('json');
});

test.skipIf(!present()).for(['json', 'yaml'] as const)(
  'kubectl apply --server-side --dry-run=server takes the %s form',
  async (form, context) => {
    if (!haveRealDefinitions) await context.annotate('with our own open definitions: the real ones are not here');
    world = await startWorld({ real: haveRealDefinitions });
    world.system.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } });
    const folder = mkdtempSync(join(tmpdir(), 'capstan-export-'));
    const kubeconfig = await createKubeconfig({
      cluster: 'demo',
      host: world.plan.network.api.host,
      authority: world.keys.certificateAuthority,
      now: Date.now(),
      validForSeconds: 600,
      proxyUrl: world.proxyUrl,
    });
    writeFileSync(join(folder, 'config'), kubeconfig.reveal());
    const documents = exportBundle(world.plan, observed, { schemaVersion: 1, phase: 'create', objects: {} });
    writeFileSync(join(folder, `bundle.${form}`), renderBundle(documents, form));
    const command = ['apply', '--server-side', '--dry-run=server', '-f', join(folder, `bundle.${form}`)];
    const { stdout } = await promisify(execFile)('kubectl', [...command, '--kubeconfig', join(folder, 'config')], {
      env: { ...process.env, HOME: folder },
    });
    expect(stdout.trim().split('\n')).toHaveLength(documents.length);
    expect(stdout).toContain(
      'kubeadmcontrolplane.controlplane.cluster.x-k8s.io/demo-control-plane serverside-applied (server dry run)',
    );
    rmSync(folder, { recursive: true, force: true });
  },
);
