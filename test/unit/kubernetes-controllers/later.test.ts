import { expect, test } from 'vitest';
import { drain } from '#local/kubernetes/controllers/cluster-api/drain.ts';
import { machineSetPreflight } from '#local/kubernetes/controllers/cluster-api/machine-set-preflight.ts';
import { outdatedReason } from '#local/kubernetes/controllers/cluster-api/up-to-date.ts';
import { reviewClusterApi } from '#local/kubernetes/controllers/cluster-api/webhooks.ts';

/** The rules of Cluster API that the later life of a cluster meets, one by one. */
function kubeWith(objects: any[]): any {
  const removed: string[] = [];
  return {
    removed,
    get: (kind: any, _namespace: string, name: string) =>
      objects.find((object) => object.kind === kind.kind && object.metadata.name === name),
    list: (kind: any) => objects.filter((object) => object.kind === kind.kind),
    remove: (object: any) => {
      removed.push(object.metadata.name);
      object.metadata.deletionTimestamp = 'now';
    },
  };
}

const controlPlane = (version: string, reported = version): any => ({
  apiVersion: 'controlplane.cluster.x-k8s.io/v1beta2',
  kind: 'KubeadmControlPlane',
  metadata: { name: 'cp', namespace: 'demo' },
  spec: {
    replicas: 3,
    version,
    machineTemplate: { spec: { infrastructureRef: { apiGroup: 'i', kind: 'AzureMachineTemplate', name: 't' } } },
    kubeadmConfigSpec: { files: [], clusterConfiguration: { networking: { podSubnet: 'a' } } },
  },
  status: { version: reported },
});
const cluster: any = { metadata: { name: 'demo', namespace: 'demo' }, spec: { controlPlaneRef: { name: 'cp' } } };
const set = (version: string): any => ({ metadata: { name: 's' }, spec: { template: { spec: { version } } } });

test('a MachineSet makes no machine while its control plane is upgraded', () => {
  expect(machineSetPreflight(kubeWith([controlPlane('v1.34.1', 'v1.33.4')]), cluster, set('v1.33.4'))).toContain(
    'upgrading from v1.33.4 to v1.34.1 ("ControlPlaneIsStable"',
  );
  expect(machineSetPreflight(kubeWith([controlPlane('v1.33.4')]), cluster, set('v1.33.4'))).toBeUndefined();
});

test('a MachineSet makes no machine newer than its control plane, nor of another minor version', () => {
  const kube = kubeWith([controlPlane('v1.33.4')]);
  expect(machineSetPreflight(kube, cluster, set('v1.34.1'))).toContain('"KubernetesVersionSkew"');
  expect(machineSetPreflight(kube, cluster, set('v1.29.0'))).toContain('more than 3 minor versions older');
  expect(machineSetPreflight(kube, cluster, set('v1.32.0'))).toContain('"KubeadmVersionSkew"');
  const skipping = set('v1.32.0');
  skipping.metadata.annotations = { 'machineset.cluster.x-k8s.io/skip-preflight-checks': 'KubeadmVersionSkew' };
  expect(machineSetPreflight(kube, cluster, skipping)).toBeUndefined();
});

test('the control plane goes up one minor version, and its webhook lets only what it names be changed', () => {
  const review = (change: (object: any) => void) => {
    const object = structuredClone(controlPlane('v1.33.4'));
    change(object);
    const verdict = reviewClusterApi({ operation: 'UPDATE', object, oldObject: controlPlane('v1.33.4') } as any) as any;
    return verdict.allowed === true ? 'allowed' : verdict.message;
  };
  expect(review((object) => (object.spec.version = 'v1.34.9'))).toBe('allowed');
  expect(review((object) => (object.spec.version = 'v1.35.0'))).toContain('cannot update Kubernetes version from');
  expect(review((object) => (object.spec.version = 'v1.32.0'))).toBe('allowed');
  expect(review((object) => (object.spec.kubeadmConfigSpec.files = [{ path: '/a' }]))).toBe('allowed');
  expect(review((object) => (object.spec.rollout = { after: '2026-01-01T00:00:00Z' }))).toBe('allowed');
  expect(review((object) => (object.spec.kubeadmConfigSpec.clusterConfiguration.networking.podSubnet = 'b'))).toContain(
    'spec.kubeadmConfigSpec.clusterConfiguration.networking.podSubnet: Forbidden: cannot be modified',
  );
});

test('machines made before rollout.after, or whose certificates end soon, are replaced', () => {
  const now = Date.parse('2026-06-01T00:00:00Z');
  const machine: any = {
    metadata: { name: 'm', namespace: 'demo', creationTimestamp: '2026-05-01T00:00:00Z' },
    spec: { version: 'v1.33.4', bootstrap: {}, infrastructureRef: { name: 'm' } },
    status: { certificatesExpiryDate: '2026-07-01T00:00:00Z' },
  };
  const reason = (rollout: object) =>
    outdatedReason(
      kubeWith([]),
      { ...controlPlane('v1.33.4'), spec: { ...controlPlane('v1.33.4').spec, rollout } },
      machine,
      now,
    );
  expect(reason({})).toBeUndefined();
  expect(reason({ after: '2026-05-02T00:00:00Z' })).toContain('rollout.after');
  expect(reason({ after: '2026-07-02T00:00:00Z' })).toBeUndefined();
  expect(reason({ after: '2026-04-02T00:00:00Z' })).toBeUndefined();
  expect(reason({ before: { certificatesExpiryDays: 60 } })).toContain('rollout.before');
  expect(reason({ before: { certificatesExpiryDays: 7 } })).toBeUndefined();
});

test('a drain evicts what it may and waits for disruption budgets; DaemonSet and static pods stay', () => {
  const pod = (name: string, extra: any = {}): any => ({
    kind: 'Pod',
    metadata: { name, namespace: 'x', labels: { app: 'a' }, ...extra },
    spec: { nodeName: 'n' },
    status: { conditions: [{ type: 'Ready', status: 'True' }] },
  });
  const budget = {
    kind: 'PodDisruptionBudget',
    metadata: { name: 'b', namespace: 'x' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'a' } } },
  };
  const daemon = pod('daemon', { labels: {}, ownerReferences: [{ kind: 'DaemonSet', controller: true }] });
  const mirror = pod('static', { labels: {}, annotations: { 'kubernetes.io/config.mirror': 'file' } });
  const kube = kubeWith([pod('one'), pod('two'), daemon, mirror, budget]);
  expect(drain(kube, 'n')).toContain('x/two');
  expect(kube.removed).toEqual(['one']);
  expect(drain(kubeWith([pod('one'), daemon, mirror]), 'n')).toBeUndefined();
});
