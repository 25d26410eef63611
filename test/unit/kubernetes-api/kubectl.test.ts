import { execFile, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import type { ApiClient } from '#local/kubernetes/contract.ts';
import { startCluster, type TestCluster } from './cluster.ts';
import { WIDGET_CRD, widget } from './widget-crd.ts';

function isPresent(): boolean {
  try {
    execFileSync('kubectl', ['version', '--client'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const present = isPresent();
if (!present) console.log('kubectl is not on the PATH: its tests are skipped.');

const run = promisify(execFile);
let cluster: TestCluster;
let client: ApiClient;
let environment: NodeJS.ProcessEnv;

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function kubectl(...args: string[]): Promise<Outcome> {
  try {
    const { stdout, stderr } = await run('kubectl', args, { env: environment, timeout: 20_000 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

function manifest(name: string, value: unknown): string {
  const path = join(cluster.directory, name);
  writeFileSync(path, stringify(value));
  return path;
}

function deployment(image: string, more: Record<string, unknown> = {}): unknown {
  const template = {
    metadata: { labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image, ports: [{ containerPort: 80 }] }] },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { matchLabels: { app: 'web' } }, template, ...more },
  };
}

describe.skipIf(!present)('kubectl', () => {
  beforeAll(async () => {
    cluster = await startCluster();
    client = cluster.api.client('admin');
    environment = { PATH: process.env['PATH'], HOME: cluster.directory, KUBECONFIG: await cluster.kubeConfigFile() };
  });

  afterAll(() => cluster.close());

  it('reads the version, lists kinds and namespaces', async () => {
    expect((await kubectl('version')).out).toContain('Server Version: v1.33.4');
    expect((await kubectl('api-resources', '--api-group=apps')).out).toMatch(
      /deployments\s+deploy\s+apps\/v1\s+true\s+Deployment/,
    );
    expect((await kubectl('get', 'ns')).out).toMatch(/kube-system\s+Active/);
  });

  it('applies client-side twice, shows the difference and ends unchanged', async () => {
    expect(await kubectl('apply', '-f', manifest('d1.yaml', deployment('nginx:1')))).toMatchObject({
      code: 0,
      out: 'deployment.apps/web created\n',
    });
    const changed = manifest('d2.yaml', deployment('nginx:2'));
    const diff = await kubectl('diff', '-f', changed);
    expect([diff.code, diff.out]).toEqual([
      1,
      expect.stringMatching(/-\s+- image: nginx:1[\s\S]*\+\s+- image: nginx:2/),
    ]);
    expect((await kubectl('apply', '-f', changed)).out).toBe('deployment.apps/web configured\n');
    expect((await kubectl('apply', '-f', changed)).out).toBe('deployment.apps/web unchanged\n');
    expect((await kubectl('get', 'deploy', 'web')).out).toMatch(
      /NAME\s+READY\s+UP-TO-DATE\s+AVAILABLE\s+AGE\nweb\s+0\/1/,
    );
    expect((await kubectl('get', 'deploy', 'web', '-o', 'yaml')).out).toContain('image: nginx:2');
  });

  it('applies server-side, meets a conflict and forces it', async () => {
    const file = manifest('d3.yaml', deployment('nginx:3'));
    const conflict = await kubectl('apply', '--server-side', '--field-manager=other', '-f', file);
    expect(conflict.code).toBe(1);
    expect(conflict.err).toMatch(
      /Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using apps\/v1: \.spec\.template\.spec\.containers\[name="c"\]\.image/,
    );
    expect(
      (await kubectl('apply', '--server-side', '--field-manager=other', '--force-conflicts', '-f', file)).out,
    ).toBe('deployment.apps/web serverside-applied\n');
  });

  it('creates with the typed commands, which send protobuf', async () => {
    expect((await kubectl('create', 'namespace', 'typed')).out).toBe('namespace/typed created\n');
    expect((await kubectl('create', 'configmap', 'c', '--from-literal=a=b', '-n', 'typed')).code).toBe(0);
    expect(client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'typed', name: 'c' })).toMatchObject({
      data: { a: 'b' },
    });
    expect((await kubectl('create', 'deployment', 'd', '--image=i:1', '--replicas=2', '-n', 'typed')).code).toBe(0);
    expect(client.get({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'typed', name: 'd' })).toMatchObject({
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'd' } },
        template: { spec: { containers: [{ name: 'i', image: 'i:1' }] } },
      },
    });
    const refused = await kubectl('create', 'job', 'j', '--image=i:1', '-n', 'typed');
    expect(refused.err).toContain('does not read Job from protobuf; send it as JSON or YAML');
    expect((await kubectl('delete', 'namespace', 'typed', '--timeout=10s')).code).toBe(0);
  });

  it('scales, labels, annotates, describes and deletes', async () => {
    expect((await kubectl('scale', 'deploy', 'web', '--replicas=4')).code).toBe(0);
    expect((await kubectl('label', 'deploy', 'web', 'tier=front')).code).toBe(0);
    const described = await kubectl('describe', 'deploy', 'web');
    expect(described.out).toMatch(/Replicas:\s+4 desired/);
    expect(described.out).toMatch(/Labels:\s+tier=front/);
    expect((await kubectl('delete', 'deploy', 'web', '--timeout=10s')).out).toContain('deployment.apps "web" deleted');
  });

  it('installs a CRD, waits for it, and explains, validates, prints and watches its objects', async () => {
    expect((await kubectl('apply', '-f', manifest('crd.yaml', WIDGET_CRD))).out).toContain('created');
    expect(
      (await kubectl('wait', '--for=condition=Established', 'crd/widgets.example.org', '--timeout=10s')).code,
    ).toBe(0);
    expect((await kubectl('explain', 'widget.spec.color')).out).toMatch(
      /FIELD: color <string>[\s\S]*ENUM:\s+red\s+green/,
    );
    const wrong = await kubectl('apply', '-f', manifest('w1.yaml', widget('w', { size: 1, sise: 2 })));
    expect([wrong.code, wrong.err]).toEqual([
      1,
      expect.stringContaining('strict decoding error: unknown field "spec.sise"'),
    ]);
    const invalid = await kubectl('apply', '-f', manifest('w2.yaml', widget('w', { size: 99 })));
    expect(invalid.err).toMatch(/The Widget "w" is invalid: spec\.size: Invalid value: 99/);
    expect((await kubectl('apply', '-f', manifest('w3.yaml', widget('w', { size: 2 })))).out).toContain('created');
    expect((await kubectl('get', 'wd')).out).toMatch(/NAME\s+SIZE\s+AGE\nw\s+2\s+\d+s/);
    const waiting = kubectl('wait', '--for=jsonpath={.status.phase}=Ready', 'widget/w', '--timeout=10s');
    setTimeout(
      () =>
        client.patch(
          { apiVersion: 'example.org/v1', kind: 'Widget', namespace: 'default', name: 'w' },
          { status: { phase: 'Ready' } },
          'status',
        ),
      200,
    );
    expect(await waiting).toMatchObject({ code: 0, out: 'widget.example.org/w condition met\n' });
    expect((await kubectl('get', 'all')).out).toContain('widget.example.org/w');
  });

  it('deletes and waits while a finalizer holds', async () => {
    const ref = { apiVersion: 'example.org/v1', kind: 'Widget', namespace: 'default', name: 'w' };
    client.patch(ref, { metadata: { finalizers: ['example.org/hold'] } });
    const deleting = kubectl('delete', 'widget', 'w', '--timeout=10s');
    setTimeout(() => client.patch(ref, { metadata: { finalizers: null } }), 300);
    expect((await deleting).code).toBe(0);
    expect(client.get(ref)).toBeUndefined();
  });

  it('lets a viewer read and not write', async () => {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' };
    client.create({
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'v' },
      roleRef,
      subjects: [{ kind: 'Group', name: 'viewers' }],
    });
    const admin = environment;
    environment = { ...admin, KUBECONFIG: await cluster.kubeConfigFile('eve', ['viewers']) };
    expect((await kubectl('get', 'pods')).code).toBe(0);
    expect((await kubectl('auth', 'can-i', 'create', 'pods')).out).toContain('no');
    const refused = await kubectl('create', 'ns', 'mine');
    expect(refused.err).toContain(
      'namespaces is forbidden: User "eve" cannot create resource "namespaces" in API group "" at the cluster scope',
    );
    environment = admin;
  });
});
