import { describe, expect, it } from 'vitest';
import { compareAzure } from '#domain/check/azure.ts';
import { compareDocuments, differences } from '#domain/check/compare.ts';
import { compareCertificates } from '#domain/check/credentials.ts';
import { workloadDocuments } from '#domain/cluster-api/bundle.ts';
import { azureClusterDocument, clusterDocument } from '#domain/cluster-api/cluster.ts';
import { controlPlaneDocument, controlPlaneTemplateDocument } from '#domain/cluster-api/control-plane.ts';
import { samplePlan } from '../../support/sample-plan.ts';

const plan = samplePlan();
const observed = { identityClientId: 'x' };

/** The cluster as it stands after it was built, with what controllers fill in. */
function live(): Record<string, any[]> {
  const cluster = clusterDocument(plan);
  const ready = (object: any) => ({ ...object, status: { readyReplicas: object.spec.replicas } });
  const documents: any[] = [
    { ...cluster, spec: { ...(cluster['spec'] as object), paused: false } },
    azureClusterDocument(plan, observed),
    controlPlaneTemplateDocument(plan),
    ready(controlPlaneDocument(plan, { replicas: 3, template: 'demo-control-plane' })),
    ...workloadDocuments(plan, observed).map((object) =>
      object.kind === 'MachineDeployment' ? ready(object) : object,
    ),
  ];
  return Object.groupBy(structuredClone(documents), (object) => object.kind) as Record<string, any[]>;
}
const found = (documents: Record<string, any[]>) =>
  compareDocuments(plan, observed, documents).map(({ kind, where }) => `${kind} ${where}`);

describe('a look at the documents of a cluster', () => {
  it('finds nothing in a cluster as it was built, also with what others added', () => {
    const documents = live();
    documents['MachineDeployment']![0].spec.template.spec.nodeDrainTimeout = 'theirs';
    expect(found(documents)).toEqual([]);
  });

  it('names every field that somebody changed, with both values', () => {
    const documents = live();
    documents['MachineDeployment']![0].spec.replicas = 9;
    documents['MachineDeployment']![0].status.readyReplicas = 9;
    documents['KubeadmControlPlane']![0].spec.version = 'v1.34.0';
    documents['AzureCluster']![0].spec.additionalTags.department = 'sales';
    expect(compareDocuments(plan, observed, documents).map(({ sentence }) => sentence)).toEqual([
      'KubeadmControlPlane demo-control-plane: spec.version is v1.34.0, the document says v1.33.4',
      'AzureCluster demo: spec.additionalTags.department is sales, the document says finance',
      'MachineDeployment demo-general-1: spec.replicas is 9, the document says 2',
    ]);
  });

  it('finds what is gone, what is not ours, what is paused, and machines that are missing', () => {
    const documents = live();
    documents['MachineHealthCheck'] = documents['MachineHealthCheck']!.filter(
      ({ metadata }) => metadata.name !== 'demo-general-2',
    );
    documents['MachineDeployment']![1].status.readyReplicas = 1;
    documents['MachineDeployment']!.push({ kind: 'MachineDeployment', metadata: { name: 'theirs' }, spec: {} });
    documents['KubeadmControlPlane']![0].metadata.annotations = { 'cluster.x-k8s.io/paused': '' };
    expect(found(documents).toSorted()).toEqual([
      'foreign MachineDeployment theirs',
      'missing MachineHealthCheck demo-general-2',
      'paused KubeadmControlPlane demo-control-plane',
      'unhealthy MachineDeployment demo-general-2',
    ]);
  });

  it('sees a template that makes other machines', () => {
    const documents = live();
    const template = documents['AzureMachineTemplate']!.find(({ metadata }) => metadata.name === 'demo-general-1');
    delete template.metadata.annotations;
    template.spec.template.spec.vmSize = 'Standard_D8s_v5';
    expect(found(documents)).toEqual(['drift AzureMachineTemplate demo-general-1']);
  });

  it('compares lists as one value and leaves extra members alone', () => {
    expect(differences({ a: [1, 2], b: 1 }, { a: [1, 2] })).toEqual([]);
    expect(differences({ a: [1] }, { a: [1, 2] }).map(({ path }) => path)).toEqual(['a']);
  });
});

describe('a look at Azure', () => {
  const everything = plan.resources.map(({ id, kind }) => ({
    id,
    kind,
    tags: kind === 'roleAssignment' ? {} : plan.tags,
  }));
  const withoutFirst = everything.filter(({ kind }) => !['virtualMachine', 'networkInterface'].includes(kind));

  it('finds nothing where everything stands', () => {
    expect(compareAzure(plan, everything, [plan.controlPlane.machineName])).toEqual([]);
  });

  it('finds what is gone, tags that were changed, orphans, and machines without a virtual machine', () => {
    const group = '/subscriptions/s/resourceGroups/platform/providers/Microsoft.Compute';
    const changed = withoutFirst
      .filter(({ kind }) => kind !== 'natGateway')
      .map((resource) => (resource.kind === 'loadBalancer' ? { ...resource, tags: {} } : resource));
    const orphan = { id: `${group}/disks/demo-general-1-x_OSDisk`, kind: 'disk' as const, tags: plan.tags };
    const findings = compareAzure(plan, [...changed, orphan], ['demo-general-2-y']);
    expect(findings.map(({ kind, where }) => `${kind} ${where.split('/').at(-1)}`)).toEqual([
      'missing demo-node-natgw-1',
      'drift demo-public-lb tags',
      'orphaned demo-general-1-x_OSDisk',
      'missing AzureMachine demo-general-2-y',
    ]);
  });

  it('says nothing about machines while nobody can tell which there are', () => {
    expect(compareAzure(plan, withoutFirst, undefined)).toEqual([]);
  });
});

describe('a look at certificates', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const ends = (days: number) => new Date(now + days * 86_400_000).toISOString();

  it('warns 45 days before the end, of an authority a year before', () => {
    const view = (name: string, days: number, authority = false) => ({ name, expiresAt: ends(days), authority });
    const findings = compareCertificates(
      [view('a', 46), view('b', 44), view('c', -2), view('ca', 366, true), view('old ca', 300, true)],
      now,
    );
    expect(findings.map(({ where }) => where)).toEqual(['b', 'c', 'old ca']);
    expect(findings[1]?.sentence).toBe('c ended 2 days ago');
  });
});
