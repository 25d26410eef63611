import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { bootstrapData } from '#domain/cluster-api/bundle.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { controlPlaneFeatureGates, controlPlaneKubeadmConfig } from '#domain/kubeadm/config.ts';
import { kubeadmDocuments } from '#domain/kubeadm/documents.ts';
import { samplePlan } from '#test/support/sample-plan.ts';
import { observed, placeholderKeys } from './fixtures.ts';

const boot = (patch = {}) => bootstrapData({ plan: samplePlan(patch), observed, keys: placeholderKeys }).reveal();
const kubeadm = (version: string) => {
  const plan = samplePlan({ spec: { kubernetes: { version } } });
  return parseAllDocuments(kubeadmDocuments(plan, controlPlaneKubeadmConfig(plan))).map((document) => document.toJS());
};

describe('the user data of CP-A', () => {
  test('equals the reviewed file', async () => {
    await expect(boot()).toMatchFileSnapshot(
      fileURLToPath(new URL('../../fixtures/cluster-api/cp-a.cloud-init', import.meta.url)),
    );
  });

  test('writes all keys with the permissions kubeadm wants, and the cloud provider file of the control plane', () => {
    const files = new Map(parse(boot()).write_files.map((file: any) => [file.path, file]));
    for (const name of ['ca', 'etcd/ca', 'front-proxy-ca']) {
      expect(files.get(`/etc/kubernetes/pki/${name}.crt`)).toMatchObject({ permissions: '0640' });
      expect(files.get(`/etc/kubernetes/pki/${name}.key`)).toMatchObject({ permissions: '0600' });
    }
    expect([...files.keys()]).toContain('/etc/kubernetes/pki/sa.pub');
    const azureJson = JSON.parse((files.get('/etc/kubernetes/azure.json') as any).content);
    expect(azureJson).toMatchObject({
      useManagedIdentityExtension: true,
      userAssignedIdentityID: observed.identityClientId,
      subnetName: 'demo-node-subnet',
    });
  });

  test('leaves only our own expression to Jinja', () => {
    const rendered = boot({ spec: { sshKeys: ['ssh-rsa AAAA {{ evil }} {% x %}'] } });
    const expressions = rendered.match(/\{\{[^}]*\}\}|\{%|\{#/g);
    expect(new Set(expressions)).toEqual(new Set(['{{ ds.meta_data["local_hostname"] }}']));
  });

  test('gives containerd, the kubelet and kubeadm the proxy, and never the metadata address', () => {
    const document = parse(boot({ spec: { proxy: { httpProxy: "http://u:p%40'@proxy:3128" } } }));
    const unit = document.write_files.find((file: any) => file.path.includes('containerd.service.d'));
    expect(unit.content).toContain('HTTP_PROXY=http://u:p%%40');
    expect(unit.content).toContain('169.254.169.254');
    expect(document.runcmd.slice(0, 3)).toEqual([
      'systemctl daemon-reload',
      'systemctl restart containerd',
      '. /etc/capstan/proxy.sh',
    ]);
  });

  test('is refused when it does not fit into customData', () => {
    const huge = {
      spec: {
        proxy: {
          httpProxy: 'http://p',
          noProxy: Array.from({ length: 200 }, (_, index) => `${'x'.repeat(200)}${index}`),
        },
      },
    };
    expect(() => boot(huge)).toThrow(CapstanFailure);
    expect(() => boot(huge)).toThrow(/CAP-4101/);
  });
});

describe('the kubeadm documents', () => {
  test('are v1beta4 with lists from 1.31 on, v1beta3 with maps below', () => {
    const [cluster, init] = kubeadm('v1.33.4');
    expect(cluster).toMatchObject({
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      clusterName: 'demo',
      kubernetesVersion: 'v1.33.4',
    });
    expect(init.nodeRegistration.kubeletExtraArgs).toEqual([{ name: 'cloud-provider', value: 'external' }]);
    expect(init.timeouts).toEqual({ controlPlaneComponentHealthCheck: '20m0s' });
    const [old, oldInit] = kubeadm('v1.30.9');
    expect(old).toMatchObject({ apiVersion: 'kubeadm.k8s.io/v1beta3', apiServer: { timeoutForControlPlane: '20m0s' } });
    expect(oldInit.nodeRegistration.kubeletExtraArgs).toEqual({ 'cloud-provider': 'external' });
    expect(old.controllerManager.extraArgs['allocate-node-cidrs']).toBe('false');
  });

  test('carry the feature gate exactly for 1.31 to 1.35', () => {
    const versions = [30, 31, 35, 36].map((minor) => controlPlaneFeatureGates(`v1.${minor}.0`) !== undefined);
    expect(versions).toEqual([false, true, true, false]);
  });
});
