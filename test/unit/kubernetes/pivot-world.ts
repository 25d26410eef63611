import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';
import { adoptedResources } from '#domain/cluster-api/adopted.ts';
import { providerId } from '#domain/cluster-api/names.ts';
import { referenceOf } from '#domain/cluster-api/object.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { samplePlan } from '#test/support/sample-plan.ts';
import type { AdoptedResource, PivotContext } from '#kubernetes/pivot/context.ts';
import type { JournalState } from '#kubernetes/pivot/journal.ts';
import { startCluster, type TestCluster } from './server.ts';

const kinds = [
  ['cluster.x-k8s.io', 'v1beta2', 'Cluster', 'clusters'],
  ['cluster.x-k8s.io', 'v1beta2', 'Machine', 'machines'],
  ['cluster.x-k8s.io', 'v1beta2', 'MachineDeployment', 'machinedeployments'],
  ['cluster.x-k8s.io', 'v1beta2', 'MachineHealthCheck', 'machinehealthchecks'],
  ['bootstrap.cluster.x-k8s.io', 'v1beta2', 'KubeadmConfig', 'kubeadmconfigs'],
  ['bootstrap.cluster.x-k8s.io', 'v1beta2', 'KubeadmConfigTemplate', 'kubeadmconfigtemplates'],
  ['controlplane.cluster.x-k8s.io', 'v1beta2', 'KubeadmControlPlane', 'kubeadmcontrolplanes'],
  ['infrastructure.cluster.x-k8s.io', 'v1beta1', 'AzureCluster', 'azureclusters'],
  ['infrastructure.cluster.x-k8s.io', 'v1beta1', 'AzureClusterIdentity', 'azureclusteridentities'],
  ['infrastructure.cluster.x-k8s.io', 'v1beta1', 'AzureMachine', 'azuremachines'],
  ['infrastructure.cluster.x-k8s.io', 'v1beta1', 'AzureMachineTemplate', 'azuremachinetemplates'],
] as const;

const realDefinitions = fileURLToPath(new URL('../../../../shared/reference/crds/', import.meta.url));
export const haveRealDefinitions = existsSync(realDefinitions);

/** The API of a freshly booted CP-A with the Cluster API kinds installed: our own open schemas, or the real ones. */
export interface World extends TestCluster {
  readonly plan: ClusterPlan;
  readonly context: PivotContext;
  readonly journal: { state: JournalState | undefined; saves: number };
  readonly azure: Map<string, AdoptedResource>;
  /** Writes as a controller. */
  status(kind: keyof ReturnType<typeof ownerReferences>, status: Record<string, unknown>): void;
  /** What the controllers report once they have adopted CP-A. */
  adopt(): void;
  system: ReturnType<TestCluster['api']['client']>;
}

export async function startWorld(options: { real?: boolean; plan?: ClusterPlan } = {}): Promise<World> {
  const cluster = await startCluster();
  const plan = options.plan ?? samplePlan();
  const system = cluster.api.client('system:admin', ['system:masters']);
  for (const [group, version, kind, plural] of kinds) {
    system.create(
      (options.real === true ? realDefinition(group, plural) : openDefinition(group, version, kind, plural)) as never,
    );
  }
  const machine = plan.controlPlane.machineName;
  const publish = (name: string, namespace: string, data: Record<string, string>) =>
    system.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data });
  const authority = Buffer.from(cluster.keys.certificateAuthority.certificate).toString('base64');
  publish('cluster-info', 'kube-public', {
    kubeconfig: `clusters:\n- cluster:\n    certificate-authority-data: ${authority}\n`,
  });
  publish('kubeadm-config', 'kube-system', { ClusterConfiguration: 'x' });
  system.create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: machine,
      labels: { 'node-role.kubernetes.io/control-plane': '', 'topology.kubernetes.io/zone': 'westeurope-1' },
    },
    spec: { providerID: providerId(plan.azure, machine) },
    status: { nodeInfo: { kubeletVersion: plan.kubernetesVersion }, conditions: [{ type: 'Ready', status: 'True' }] },
  });
  const azure = new Map(
    adoptedResources(plan).map(({ id }): [string, AdoptedResource] => [
      id,
      { id, exists: true, fingerprint: `f-${id}`, tags: {} },
    ]),
  );
  const journal: World['journal'] = { state: undefined, saves: 0 };
  const context: PivotContext = {
    plan,
    observed: { identityClientId: '55555555-5555-4555-8555-555555555555' },
    keys: cluster.keys,
    client: cluster.client,
    journal: {
      load: async () => structuredClone(journal.state),
      save: async (state) => {
        journal.saves += 1;
        journal.state = JSON.parse(JSON.stringify(state));
      },
    },
    readAdopted: async () => [...azure.values()],
    now: () => Date.now(),
  };
  const owners = ownerReferences(plan);
  const status: World['status'] = (kind, value) => {
    system.patch(owners[kind], { status: value }, 'status');
  };
  const adopt = () => {
    status('azureCluster', { ready: true });
    status('azureMachine', { ready: true });
    status('machine', { nodeRef: { name: machine }, conditions: [condition('Ready')] });
    status('controlPlane', {
      initialization: { controlPlaneInitialized: true },
      upToDateReplicas: 1,
      readyReplicas: 1,
      replicas: 1,
    });
  };
  return { ...cluster, plan, context, journal, azure, status, adopt, system };
}

/** A condition as v1beta2 wants it. */
export function condition(type: string, status = 'True', message = '') {
  return { type, status, reason: 'Test', message, lastTransitionTime: '2026-01-01T00:00:00Z' };
}

/** A second control-plane machine, as the control plane would make it. */
export function secondMachine(world: World) {
  const original = world.system.get(referenceOfMachine(world));
  const { uid: _, resourceVersion: __, creationTimestamp: ___, managedFields: ____, ...metadata } = original!.metadata;
  return world.system.create({
    ...original!,
    metadata: { ...metadata, name: 'demo-control-plane-other' },
    status: undefined,
  });
}

function referenceOfMachine(world: World) {
  return referenceOf({
    ...ownerReferences(world.plan).machine,
    metadata: { name: world.plan.controlPlane.machineName, namespace: world.plan.name },
  });
}

function realDefinition(group: string, plural: string): unknown {
  const definition = parse(readFileSync(`${realDefinitions}${group}_${plural}.yaml`, 'utf8'));
  delete definition.spec.conversion;
  return definition;
}

export function openDefinition(group: string, version: string, kind: string, plural: string): unknown {
  const open = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase() },
      versions: [
        {
          name: version,
          served: true,
          storage: true,
          subresources: { status: {} },
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: open, status: open } } },
        },
      ],
    },
  };
}
