import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { namespaceDocument } from '#domain/cluster-api/cluster.ts';
import { parseClusterValue } from '#domain/spec/parse.ts';
import { helmChartProxy, installChart } from '#kubernetes/scale/charts.ts';
import { sampleDocument, samplePlan } from '#test/support/sample-plan.ts';
import { openDefinition, startWorld, type World } from './pivot-world.ts';

const chart = { repository: 'https://charts.example.org/stable', name: 'ingress-nginx', version: '4.12.1' };
const plan = samplePlan({
  spec: { addOns: [{ name: 'ingress', namespace: 'edge', chart, values: { replicas: 2, text: 'a {{ b }} c' } }] },
});
const addOn = plan.addOns[0]!;

let world: World;
beforeEach(async () => {
  world = await startWorld();
  world.system.create(namespaceDocument(world.plan) as never);
  world.system.create(
    openDefinition('addons.cluster.x-k8s.io', 'v1alpha1', 'HelmChartProxy', 'helmchartproxies') as never,
  );
});
afterEach(() => world.close());

const reference = {
  apiVersion: 'addons.cluster.x-k8s.io/v1alpha1',
  kind: 'HelmChartProxy',
  namespace: 'demo',
  name: 'ingress',
};
const report = (status: string, message = '', severity = 'Error') =>
  world.system.patch(
    reference,
    {
      status: {
        observedGeneration: world.system.get(reference)?.metadata.generation ?? 1,
        matchingClusters: [{ name: 'demo' }],
        conditions: [
          { type: 'Ready', status, message, severity, reason: 'r', lastTransitionTime: '2026-01-01T00:00:00Z' },
        ],
      },
    },
    'status',
  );
const look = (state?: any): Promise<any> => installChart(world.client, plan, addOn, state);

test('a chart becomes a HelmChartProxy for this one cluster, and its values stay literal', () => {
  const proxy: any = helmChartProxy(plan, addOn);
  expect(proxy.spec).toMatchObject({
    clusterSelector: { matchLabels: { 'cluster.x-k8s.io/cluster-name': 'demo' } },
    repoURL: chart.repository,
    chartName: 'ingress-nginx',
    version: '4.12.1',
    releaseName: 'ingress',
    namespace: 'edge',
  });
  const rendered = proxy.spec.valuesTemplate.replaceAll('{{ "{{" }}', '{{');
  expect(parse(rendered)).toEqual({ replicas: 2, text: 'a {{ b }} c' });
});

test('it is waited for until the release is deployed; what was seen before a change does not count', async () => {
  expect(await look()).toMatchObject({ status: 'wait', sentence: 'ingress: the chart is being installed' });
  report('False', 'Helm release is pending', 'Info');
  expect(await look()).toMatchObject({ status: 'wait' });
  report('True');
  expect(await look()).toMatchObject({ status: 'done' });
  const changed = { ...addOn, values: { replicas: 3 } };
  expect(await installChart(world.client, plan, changed)).toMatchObject({ status: 'wait' });
});

test('a release that keeps failing ends with the message of Helm; a passing failure does not', async () => {
  await look();
  report('False', 'failed to fetch https://charts.example.org/stable: no such host');
  let outcome = await look();
  expect(outcome).toMatchObject({ status: 'wait', sentence: expect.stringContaining('no such host') });
  for (let times = 0; times < 40 && outcome.status === 'wait'; times++) outcome = await look(outcome.state);
  expect(outcome).toMatchObject({
    status: 'failed',
    error: {
      code: 'CAP-6105',
      where: expect.stringContaining('ingress-nginx 4.12.1'),
      cause: expect.stringMatching(/no such host/),
    },
  });
  report('True');
  expect(await look()).toMatchObject({ status: 'done' });
});

test('an add-on without content, values without a chart, a version range and a plain-http repository are refused', () => {
  const problems = (entry: object): any =>
    parseClusterValue({ ...sampleDocument(), spec: { ...sampleDocument().spec, addOns: [{ name: 'x', ...entry }] } });
  expect(problems({}).error.message).toMatch(/addOns\[0\]\.manifests/);
  expect(problems({ manifests: ['kind: X'], values: {} }).error.message).toMatch(/belongs to a chart/);
  expect(problems({ chart: { ...chart, version: '^4' } }).error.message).toMatch(/one version/);
  expect(problems({ chart: { ...chart, repository: 'http://charts.example.org' } }).error.message).toMatch(/https/);
  expect(problems({ chart }).document.spec.addOns[0].manifests).toEqual([]);
});
