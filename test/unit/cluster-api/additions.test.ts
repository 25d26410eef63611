import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { bootstrapData, pivotDocuments, workloadDocuments } from '#domain/cluster-api/bundle.ts';
import { controlPlaneHealthCheck, shardBounds } from '#domain/cluster-api/pools.ts';
import { nodeAdditions } from '#domain/kubeadm/additions.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { Secret } from '#domain/secret.ts';
import { parseClusterValue } from '#domain/spec/parse.ts';
import { sampleDocument, samplePlan } from '#test/support/sample-plan.ts';
import { definitionProblems, haveDefinitions } from './crds.ts';
import { observed, placeholderKeys } from './fixtures.ts';

function planWith(nodes: unknown): ClusterPlan {
  return samplePlan({ spec: { nodes } });
}

const template = '{{ not jinja }}';
const nodes = {
  files: [
    { path: '/etc/sysctl.d/90-own.conf', content: 'vm.max_map_count = 262144\n' },
    { path: '/etc/own/template', content: template, permissions: '0600' },
  ],
  preKubeadmCommands: ['sysctl --system'],
  postKubeadmCommands: ['systemctl enable --now own'],
};

test('files and commands of the user reach CP-A, the control plane and the workers alike', () => {
  const plan = planWith(nodes);
  const document = parse(bootstrapData({ plan, observed, keys: placeholderKeys }).reveal());
  const file = (path: string) => document.write_files.find((entry: any) => entry.path === path);
  expect(file('/etc/sysctl.d/90-own.conf')).toMatchObject({
    content: 'vm.max_map_count = 262144\n',
    permissions: '0644',
  });
  expect(file('/etc/own/template')).toMatchObject({
    encoding: 'b64',
    content: Buffer.from(template).toString('base64'),
    permissions: '0600',
  });
  expect(document.runcmd).toEqual([
    'sysctl --system',
    expect.stringContaining('kubeadm init'),
    'systemctl enable --now own',
  ]);
  const all: any[] = [
    ...pivotDocuments({ plan, observed, keys: placeholderKeys, kubeconfig: new Secret('k') }),
    ...workloadDocuments(plan, observed),
  ];
  const specs = [
    all.find((entry) => entry.kind === 'KubeadmControlPlane').spec.kubeadmConfigSpec,
    all.find((entry) => entry.kind === 'KubeadmConfig').spec,
    all.find((entry) => entry.kind === 'KubeadmConfigTemplate').spec.template.spec,
  ];
  for (const spec of specs) {
    expect(spec.files.slice(1)).toEqual(specs[0].files.slice(1));
    expect(spec).toMatchObject({
      preKubeadmCommands: nodes.preKubeadmCommands,
      postKubeadmCommands: nodes.postKubeadmCommands,
    });
  }
  if (haveDefinitions) expect(all.flatMap(definitionProblems)).toEqual([]);
});

test('files of Kubernetes itself and commands that cloud-init would render are refused', () => {
  const refused = (value: object) => nodeAdditions.safeParse(value).success;
  expect(refused({ files: [{ path: '/etc/kubernetes/pki/ca.crt', content: '' }] })).toBe(false);
  expect(refused({ files: [{ path: '/etc/own/../kubernetes/x', content: '' }] })).toBe(false);
  expect(refused({ files: [{ path: 'relative', content: '' }] })).toBe(false);
  expect(refused({ preKubeadmCommands: ['echo ok\necho {{ ds.meta_data }}'] })).toBe(false);
  expect(refused({ preKubeadmCommands: ['echo ok'] })).toBe(true);
});

test('user data that grows over the limit of Azure is refused with the size', () => {
  const plan = planWith({
    files: Array.from({ length: 3 }, (_, n) => ({ path: `/own/${n}`, content: 'x'.repeat(30_000) })),
  });
  expect(() => bootstrapData({ plan, observed, keys: placeholderKeys })).toThrow(/has \d+ bytes; Azure takes 65535/);
});

test('autoscaler bounds are spread over the zones and written where the autoscaler reads them, with what a node would be like', () => {
  const plan = samplePlan({
    spec: {
      workerPools: [
        {
          name: 'general',
          replicas: 5,
          autoscaling: { min: 2, max: 10 },
          labels: { tier: 'batch' },
          taints: [{ key: 'batch', value: 'yes', effect: 'NoSchedule' }],
        },
      ],
    },
  });
  const [pool] = plan.pools;
  expect(pool!.shards.map((shard) => shardBounds(plan, pool!, shard))).toEqual([
    { min: 1, max: 4 },
    { min: 1, max: 3 },
    { min: 0, max: 3 },
  ]);
  const deployment = workloadDocuments(plan, observed).find((document) => document.kind === 'MachineDeployment');
  expect(deployment?.metadata.annotations).toEqual({
    'cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size': '1',
    'cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size': '4',
    'capacity.cluster-autoscaler.kubernetes.io/cpu': '4',
    'capacity.cluster-autoscaler.kubernetes.io/memory': '16Gi',
    'capacity.cluster-autoscaler.kubernetes.io/ephemeral-disk': '60Gi',
    'capacity.cluster-autoscaler.kubernetes.io/labels': 'tier=batch,topology.kubernetes.io/zone=westeurope-1',
    'capacity.cluster-autoscaler.kubernetes.io/taints': 'batch=yes:NoSchedule',
  });
  const fixed = workloadDocuments(samplePlan(), observed).find((document) => document.kind === 'MachineDeployment');
  expect(fixed?.metadata.annotations).toBeUndefined();
});

test('a start outside the autoscaler bounds is refused with its path', () => {
  const parsed = parseClusterValue({
    ...sampleDocument(),
    spec: { ...sampleDocument().spec, workerPools: [{ name: 'g', replicas: 1, autoscaling: { min: 2, max: 3 } }] },
  });
  expect(parsed).toMatchObject({
    error: { problems: [{ path: 'spec.workerPools[0].replicas', message: expect.stringContaining('between') }] },
  });
});

test('health checks replace a lone worker, and never more control-plane machines than etcd can lose', () => {
  const bound = (document: any) => document.spec.remediation.triggerIf.unhealthyLessThanOrEqualTo;
  const checks = workloadDocuments(samplePlan(), observed).filter((document) => document.kind === 'MachineHealthCheck');
  expect(checks.map((check) => [check.metadata.name, bound(check)])).toEqual([
    ['demo-control-plane', 1],
    ['demo-general-1', 1],
    ['demo-general-2', 1],
    ['demo-general-3', 1],
  ]);
  const five = samplePlan({ spec: { controlPlane: { replicas: 5 }, workerPools: [{ name: 'g', replicas: 12 }] } });
  expect(bound(controlPlaneHealthCheck(five))).toBe(2);
  const pools = workloadDocuments(five, observed).filter((document) => document.kind === 'MachineHealthCheck');
  expect(pools.slice(1).map(bound)).toEqual(['40%', '40%', '40%']);
});
