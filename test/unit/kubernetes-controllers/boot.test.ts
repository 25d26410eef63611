import { afterEach, describe, expect, test } from 'vitest';
import { createVirtualMachine } from './support/machine.ts';
import { gzipSync } from 'node:zlib';
import { parseUserData, renderTemplate } from '#local/kubernetes/boot/cloud-init.ts';
import { createAuthority } from '#local/kubernetes/boot/pki.ts';
import { cloudConfig, CPA, testPki } from './support/bundle.ts';
import { startWorld } from './support/world.ts';
import { request } from 'node:https';

type Json = Record<string, any>;
const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function consoleOf(customData: string, machine: Json = {}): Promise<string> {
  const guest = createVirtualMachine(customData, machine);
  cleanups.push(guest.close);
  return guest.finished();
}

describe('a boot that cannot succeed says why on the serial console', () => {
  test.each<[string, (files: Record<string, string | undefined>, documents: Json[]) => void, string]>([
    [
      'no CA key',
      (files) => void (files['ca.key'] = undefined),
      'open /etc/kubernetes/pki/ca.key: no such file or directory',
    ],
    [
      'no etcd CA',
      (files) => void (files['etcd/ca.crt'] = undefined),
      'open /etc/kubernetes/pki/etcd/ca.crt: no such file',
    ],
    ['no service account key', (files) => void (files['sa.pub'] = undefined), 'sa.pub: no such file'],
    ['no PEM', (files) => void (files['front-proxy-ca.crt'] = 'x'), 'does not contain any valid certificates'],
    [
      'a foreign key',
      (files) => void (files['ca.key'] = files['etcd/ca.key']),
      'certificate and private key do not match',
    ],
    [
      'foreign service account keys',
      (files) => void (files['sa.key'] = files['ca.key']),
      'sa.pub does not belong to sa.key',
    ],
    [
      'an unknown kubeadm API',
      (_files, documents) => void (documents[0]!['apiVersion'] = 'kubeadm.k8s.io/v1beta9'),
      'unknown API spec: "kubeadm.k8s.io/v1beta9"',
    ],
    [
      'v1beta4 for Kubernetes 1.30',
      (_files, documents) => void (documents[0]!['kubernetesVersion'] = 'v1.30.2'),
      'kubeadm v1.30.2 knows kubeadm.k8s.io/v1beta3',
    ],
    [
      'maps of arguments in v1beta4',
      (_files, documents) => void (documents[0]!['controllerManager'].extraArgs = { a: 'b' }),
      'cannot unmarshal object into Go struct field',
    ],
    [
      'no version',
      (_files, documents) => void delete documents[0]!['kubernetesVersion'],
      'kubernetesVersion is absent',
    ],
    [
      'no endpoint',
      (_files, documents) => void delete documents[0]!['controlPlaneEndpoint'],
      'controlPlaneEndpoint is absent',
    ],
    ['no kind', (_files, documents) => void delete documents[0]!['kind'], 'kind and apiVersion is mandatory'],
  ])('%s', async (_name, change, message) => {
    const text = await consoleOf(cloudConfig(await testPki(), change));
    expect(text).toContain(message);
    expect(text).toContain('Cloud-init finished with errors');
  });

  test('a certificate that is not a CA', async () => {
    const pki = await testPki();
    const { issueCertificate } = await import('#local/kubernetes/boot/pki.ts');
    const leaf = await issueCertificate(pki.ca, { commonName: 'x', usage: 'server', days: 1 });
    const text = await consoleOf(
      cloudConfig(pki, (files) => Object.assign(files, { 'ca.crt': leaf.certificate, 'ca.key': leaf.key })),
    );
    expect(text).toContain('certificate ca is not a CA');
  });

  test('one core only', async () => {
    expect(await consoleOf(cloudConfig(await testPki()), { cores: 1 })).toContain(
      '[ERROR NumCPU]: the number of available CPUs 1 is less than the required 2',
    );
  });

  test('an etcd disk that is not attached', async () => {
    const config = `${cloudConfig(await testPki())}disk_setup:\n  /dev/disk/azure/scsi1/lun0: {table_type: gpt, layout: true}\n`;
    expect(await consoleOf(config, { dataDisks: [] })).toContain('no data disk at LUN 0');
  });

  test('user data that is not cloud-config, and broken YAML', async () => {
    expect(await consoleOf('hello')).toContain('Unhandled non-multipart');
    expect(await consoleOf('#cloud-config\nruncmd: [')).toContain('Failed loading yaml blob');
  });
});

test('file encodings, jinja variables and unknown variables', () => {
  const data = parseUserData(
    `## template: jinja\n#cloud-config\nwrite_files:\n  - {path: /a, encoding: gz+b64, content: ${gzipSync('zipped').toString('base64')}}\n  - {path: /b, content: '{{ ds.meta_data.local_hostname }}'}\n  - {path: /b, append: true, content: '!'}\nruncmd: [[echo, 1], true x]\n`,
    'host-1',
  );
  expect(data.files.get('/a')?.content).toBe('zipped');
  expect(data.files.get('/b')?.content).toBe('host-1!');
  expect(data.commands).toEqual(['echo 1', 'true x']);
  expect(() => renderTemplate('{{ ds.meta_data.nothing }}', 'h')).toThrow(/names a variable/);
});

test('the API server answers with a certificate of the very CA in the cloud-init, and refuses other authorities', async () => {
  const world = await startWorld();
  cleanups.push(world.close);
  const pki = await testPki();
  const port = world.azure.resolveLoadBalancer('any', 6443)!;
  const read = (ca: string): Promise<number> =>
    new Promise((resolve, reject) => {
      request(
        {
          host: '127.0.0.1',
          port,
          path: '/readyz',
          ca,
          servername: 'demo-1234abcd.westeurope.cloudapp.azure.com',
          agent: false,
        },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        },
      )
        .on('error', reject)
        .end();
    });
  expect(await read(pki.ca.certificate)).toBe(200);
  await expect(read((await createAuthority('kubernetes')).certificate)).rejects.toThrow(/self-signed|unable to/);
  const node = world.get('Node', CPA)!;
  expect(node.metadata.labels?.['topology.kubernetes.io/zone']).toBe('westeurope-1');
  const taints = node['spec'].taints.map((taint: Json) => taint['key']);
  expect(taints).toContain('node.cloudprovider.kubernetes.io/uninitialized');
  expect(world.get('ConfigMap', 'kubeadm-config', 'kube-system')?.['data'].ClusterConfiguration).toContain(
    'kubernetesVersion: v1.33.4',
  );
});
