import { afterEach, expect, test } from 'vitest';
import { wantsProxy, withProxyEnvironment } from '#kubernetes/components/proxy.ts';
import { componentObjects } from '#kubernetes/components/component.ts';
import { inStages } from '#kubernetes/components/catalogue.ts';
import { installAddOn } from '#kubernetes/scale/add-ons.ts';
import { startCluster, type TestCluster } from './server.ts';

let cluster: TestCluster | undefined;
afterEach(() => {
  cluster?.close();
  cluster = undefined;
});

const proxy = { HTTPS_PROXY: 'http://proxy.corp:3128', NO_PROXY: '10.0.0.0/8,.svc' };
const deployment = (name: string, labels: Record<string, string> = {}, env: object[] = []): any => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, namespace: 'web', labels },
  spec: {
    selector: { matchLabels: { a: name } },
    template: { metadata: { labels: { a: name } }, spec: { containers: [{ name: 'c', image: 'i', env }] } },
  },
});

test('the label on the workload or on its namespace decides; the own label wins', () => {
  const label = (value: string) => ({ 'spectrocloud.com/connection': value });
  expect(wantsProxy(deployment('d'), undefined)).toBe(false);
  expect(wantsProxy(deployment('d'), label('proxy'))).toBe(true);
  expect(wantsProxy(deployment('d', label('proxy')), {})).toBe(true);
  expect(wantsProxy(deployment('d', label('direct')), label('proxy'))).toBe(false);
});

test('every container gets the variables, except those it sets itself; other kinds stay as they are', () => {
  const changed: any = withProxyEnvironment(deployment('d', {}, [{ name: 'NO_PROXY', value: 'mine' }]), proxy);
  expect(changed.spec.template.spec.containers[0].env).toEqual([
    { name: 'NO_PROXY', value: 'mine' },
    { name: 'HTTPS_PROXY', value: 'http://proxy.corp:3128' },
    { name: 'https_proxy', value: 'http://proxy.corp:3128' },
    { name: 'no_proxy', value: '10.0.0.0/8,.svc' },
  ]);
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' } };
  expect(withProxyEnvironment(map, proxy)).toBe(map);
  expect(withProxyEnvironment(deployment('d'), {})).toEqual(deployment('d'));
});

test('an add-on in a labelled namespace is installed with the proxy, beside one that is not', async () => {
  cluster = await startCluster();
  const yaml = (value: object) => JSON.stringify(value);
  const addOn = {
    name: 'web',
    namespace: 'web',
    namespaceLabels: { 'spectrocloud.com/connection': 'proxy' },
    layer: 0,
    manifests: [yaml(deployment('labelled')), yaml(deployment('direct', { 'spectrocloud.com/connection': 'direct' }))],
  };
  await installAddOn(cluster.client, addOn, { proxy });
  const env = (name: string): any =>
    (
      cluster!.api
        .client('t', ['system:masters'])
        .get({ apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'web', name }) as any
    ).spec.template.spec.containers[0].env ?? [];
  expect(env('labelled')).toContainEqual({ name: 'HTTPS_PROXY', value: 'http://proxy.corp:3128' });
  expect(env('direct')).toEqual([]);
});

test('what signs in with the machine is pinned to control-plane nodes and gets the proxy; cert-manager only tolerates them', () => {
  const released = (name: string) => ({
    name,
    version: 'v1',
    namespace: 'web',
    order: 1,
    manifest: JSON.stringify(deployment('manager')),
    proxy,
  });
  const pod = (name: string): any => {
    const component = inStages([released(name)])[0]![0]!;
    return (componentObjects(component).find((object) => object.kind === 'Deployment') as any).spec.template.spec;
  };
  const role = 'node-role.kubernetes.io/control-plane';
  const tolerations = [{ key: role, operator: 'Exists', effect: 'NoSchedule' }];
  for (const name of ['cluster-api-provider-azure', 'azuredisk-csi', 'cloud-provider-azure']) {
    expect(pod(name)).toMatchObject({ nodeSelector: { [role]: '' }, tolerations });
    expect(pod(name).containers[0].env).toContainEqual({ name: 'HTTPS_PROXY', value: 'http://proxy.corp:3128' });
  }
  expect(pod('cert-manager')).toMatchObject({ tolerations });
  expect(pod('cert-manager').nodeSelector).toBeUndefined();
  expect(pod('cert-manager').containers[0].env).toEqual([]);
});
