import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Component } from '#kubernetes/components/component.ts';
import { componentObjects } from '#kubernetes/components/component.ts';
import { installComponents } from '#kubernetes/components/install.ts';
import { applyOrder, ManifestError, parseManifest, substitute } from '#kubernetes/components/manifest.ts';
import { readinessOf } from '#kubernetes/components/readiness.ts';
import { upgradeProblem } from '#kubernetes/components/upgrade.ts';
import { startCluster, type TestCluster } from './server.ts';

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: controller, namespace: widgets }
spec:
  replicas: 1
  selector: { matchLabels: { app: x } }
  template: { metadata: { labels: { app: x } }, spec: { containers: [{ name: c, image: "registry/c:\${VERSION:=v1}" }] } }
---
apiVersion: example.com/v1
kind: Widget
metadata: { name: first, namespace: widgets }
spec: { size: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: hook, namespace: widgets }
spec: { ports: [{ port: 443 }], selector: { app: x } }
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: { name: widgets }
webhooks:
  - name: validate.widgets.example.com
    admissionReviewVersions: [v1]
    sideEffects: None
    clientConfig: { service: { name: hook, namespace: widgets, path: /validate } }
    rules: [{ apiGroups: [example.com], apiVersions: [v1], resources: [widgets], operations: [CREATE, UPDATE] }]
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Namespaced
  names: { kind: Widget, listKind: WidgetList, plural: widgets, singular: widget }
  versions:
    - name: v1
      served: true
      storage: true
      schema: { openAPIV3Schema: { type: object, properties: { spec: { type: object, required: [size], properties: { size: { type: integer, minimum: 1 } } } } } }
---
apiVersion: v1
kind: Namespace
metadata: { name: widgets }
`;

const component = (patch: Partial<Component> = {}): Component => ({
  name: 'widgets',
  title: 'Widgets',
  version: 'v1',
  manifest,
  namespace: 'widgets',
  order: 1,
  ...patch,
});

describe('manifests', () => {
  test('variables: values, defaults, quotes, escapes; one without either is an error that names it', () => {
    expect(substitute('${A} ${B:=b} ${C:="false"} ${D:-d} $${E}', { A: '1', D: '' }, 'm')).toBe('1 b false d ${E}');
    expect(() => substitute('x ${NOTHING}', {}, 'm')).toThrow(/NOTHING/);
    expect(substitute('${A=x}', { A: '' }, 'm')).toBe('');
    expect(substitute('cost $5 and $(shell)', {}, 'm')).toBe('cost $5 and $(shell)');
  });

  test('are split, lists flattened, empty documents skipped, broken ones refused with the place', () => {
    expect(
      parseManifest(
        '---\n---\n# only a comment\n---\n{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: X, metadata: {name: a}}]}',
        'm',
      ),
    ).toHaveLength(1);
    expect(() => parseManifest('a: [', 'file 2')).toThrow(ManifestError);
    expect(() => parseManifest('apiVersion: v1\nkind: X', 'm')).toThrow(/metadata.name/);
  });

  test('are ordered: namespace, definitions, workloads, other objects, webhook configurations', () => {
    expect(applyOrder(parseManifest(manifest, 'm')).map((object) => object.kind)).toEqual([
      'Namespace',
      'CustomResourceDefinition',
      'Service',
      'Deployment',
      'Widget',
      'ValidatingWebhookConfiguration',
    ]);
  });

  test('of a provider carry the labels and the inventory object of clusterctl', () => {
    const objects = componentObjects(component({ provider: { name: 'azure', type: 'InfrastructureProvider' } }));
    expect(
      objects.every((object) => object.metadata.labels?.['cluster.x-k8s.io/provider'] === 'infrastructure-azure'),
    ).toBe(true);
    expect(objects.find((object) => object.kind === 'Provider')).toMatchObject({
      metadata: { name: 'infrastructure-azure', namespace: 'widgets' },
      providerName: 'azure',
      type: 'InfrastructureProvider',
      version: 'v1',
    });
  });
});

describe('readiness', () => {
  test('of a Deployment needs availability of the newest generation, and fails when the deadline is exceeded', () => {
    const deployment = (status: object) =>
      readinessOf({
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'd', generation: 2 },
        spec: { replicas: 2 },
        status,
      });
    expect(deployment({ observedGeneration: 1 }).state).toBe('pending');
    const available = { type: 'Available', status: 'True' };
    expect(
      deployment({ observedGeneration: 2, conditions: [available], availableReplicas: 2, updatedReplicas: 1 }).state,
    ).toBe('pending');
    expect(
      deployment({ observedGeneration: 2, conditions: [available], availableReplicas: 2, updatedReplicas: 2 }).state,
    ).toBe('ready');
    const late = {
      type: 'Progressing',
      status: 'False',
      reason: 'ProgressDeadlineExceeded',
      message: 'no node takes it',
    };
    expect(deployment({ observedGeneration: 2, conditions: [late] })).toEqual({
      state: 'failed',
      reason: 'no node takes it',
    });
  });

  test('of jobs and daemon sets follows their status', () => {
    const job = (type: string) =>
      readinessOf({
        apiVersion: 'batch/v1',
        kind: 'Job',
        metadata: { name: 'j' },
        status: { conditions: [{ type, status: 'True' }] },
      });
    expect([job('Complete').state, job('Failed').state, job('Other').state]).toEqual(['ready', 'failed', 'pending']);
    expect(
      readinessOf({
        apiVersion: 'apps/v1',
        kind: 'DaemonSet',
        metadata: { name: 'd' },
        status: { observedGeneration: 1, desiredNumberScheduled: 0 },
      }).state,
    ).toBe('ready');
  });
});

describe('installing components', () => {
  let cluster: TestCluster;
  let hookReady = false;
  beforeEach(async () => {
    hookReady = false;
    cluster = await startCluster();
    cluster.api.bindWebhook(
      { namespace: 'widgets', name: 'hook' },
      () => hookReady,
      () => ({ allowed: true }),
    );
  });
  afterEach(() => cluster.close());

  const available = () =>
    cluster.api.client('system:kube-controller-manager', ['system:masters']).patch(
      { apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'widgets', name: 'controller' },
      {
        status: {
          observedGeneration: 1,
          replicas: 1,
          updatedReplicas: 1,
          availableReplicas: 1,
          conditions: [{ type: 'Available', status: 'True' }],
        },
      },
      'status',
    );

  /** Calls until it waits for something that time alone does not bring. */
  async function settle(components: readonly Component[], state?: any, batch?: number): Promise<any> {
    let last: any;
    for (let call = 0; call < 60; call++) {
      const outcome: any = await installComponents(
        { client: cluster.client, components, ...(batch === undefined ? {} : { batch }) },
        state,
      );
      if (outcome.status !== 'wait' || outcome.sentence?.includes('observed') || outcome.sentence?.includes('webhook'))
        return outcome;
      last = outcome;
      state = outcome.state;
    }
    throw new Error(`no end: ${JSON.stringify(last)}`);
  }

  test('waits for the workload, then for the webhook, then is done with the versions', async () => {
    const waiting = await settle([component()]);
    expect(waiting.sentence).toBe('waiting for Deployment widgets/controller: not observed yet');
    available();
    expect((await settle([component()], waiting.state)).sentence).toMatch(
      /^waiting for the webhook validate.widgets.example.com: .*dial tcp/,
    );
    hookReady = true;
    expect(await settle([component()], waiting.state)).toEqual({
      status: 'done',
      value: { versions: { widgets: 'v1' } },
      sentence: 'Widgets · webhooks answer',
    });
  });

  test('a stage is applied only when the one before is ready', async () => {
    const later = component({
      name: 'later',
      order: 2,
      manifest: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: later, namespace: default }',
    });
    const waiting = await settle([later, component()]);
    const find = () => cluster.client.get({ apiVersion: 'v1', kind: 'ConfigMap', namespace: 'default', name: 'later' });
    expect(await find()).toBeUndefined();
    available();
    hookReady = true;
    expect((await settle([later, component()], waiting.state)).status).toBe('done');
    expect(await find()).toBeDefined();
  });

  test('continues after a failure at each object, and may be repeated from the start', async () => {
    for (let nth = 1; nth <= 6; nth++) {
      cluster.api.faults.failNext({ method: 'PATCH', times: 1, status: nth % 2 === 0 ? 500 : 429 });
      expect(['wait', 'done']).toContain((await settle([component()], undefined, 1)).status);
    }
    available();
    hookReady = true;
    expect((await settle([component()])).status).toBe('done');
    expect((await settle([component()])).status).toBe('done');
  });

  test('a refused object fails with its name (CAP-5002), a broken manifest with CAP-5001', async () => {
    const bad = component({
      manifest: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: "Not Valid", namespace: default }',
    });
    expect(await settle([bad])).toMatchObject({
      status: 'failed',
      error: { code: 'CAP-5002', where: 'v1 ConfigMap default/Not Valid' },
    });
    expect(await settle([component({ manifest: 'a: [' })])).toMatchObject({
      status: 'failed',
      error: { code: 'CAP-5001', where: 'widgets' },
    });
  });
});

test('R10: minors are upgraded one after the other, never skipped or taken back, and the inventory is asked first', async () => {
  expect(upgradeProblem('v1.25.2', 'v1.26.0')).toBeUndefined();
  expect(upgradeProblem('v1.26.0', 'v1.26.1')).toBeUndefined();
  expect(upgradeProblem('v1.24.0', 'v1.26.0')).toMatch(/skips 1 minor/);
  expect(upgradeProblem('v1.26.0', 'v1.25.0')).toMatch(/back to/);
  const running = await startCluster();
  const provider = { name: 'azure', type: 'InfrastructureProvider' } as const;
  const core = { name: 'cluster-api', type: 'CoreProvider' } as const;
  const plain = 'apiVersion: v1\nkind: Namespace\nmetadata: { name: widgets }\n';
  const install = (version: string) =>
    installComponents({
      client: running.client,
      components: [
        component({ name: 'core', manifest: plain, provider: core, version: 'v1.14.0' }),
        component({ name: 'capz', manifest: plain, provider, version, order: 2 }),
      ],
    });
  for (let call = 0; call < 5; call += 1) if ((await install('v1.24.0')).status === 'done') break;
  expect(await install('v1.26.0')).toMatchObject({ status: 'failed', error: { code: 'CAP-5004' } });
  running.close();
});
