import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { NodeRecord } from '#domain/record.ts';
import { provisionSteps } from '#domain/steps.ts';
import { parseClusterText } from '#domain/spec/parse.ts';
import type { StatusDocument, StepView } from '#local/start/status-document.ts';

export const samplePath = path.resolve(import.meta.dirname, '../../../samples/cluster.yaml');

const parsed = parseClusterText(readFileSync(samplePath, 'utf8'));
if ('error' in parsed || parsed.document.kind !== 'Cluster') throw new Error('samples/cluster.yaml is not valid');
const sample = parsed.document;

const managed = parseClusterText(readFileSync(path.resolve(samplePath, '../aks.yaml'), 'utf8'));
if ('error' in managed) throw new Error('samples/aks.yaml is not valid');

export const t0 = Date.parse('2026-03-01T10:00:00.000Z');

/** ISO time this many seconds after the start of the run. */
export function at(seconds: number): string {
  return new Date(t0 + seconds * 1000).toISOString();
}

const sentences: Record<string, string> = {
  preflight: '14 checks · 37 resources to create · about 15 m on Azure',
  network: 'demo-vnet 10.0.0.0/8 · 2 subnets · 2 security groups · NAT gateway',
  identity: 'demo-identity, role propagated',
  image: '24 MiB of 30 GiB are data · SAS refused by st7c, used Entra ID',
  keys: '4 authorities in capstan-kv',
  controlPlane: 'demo-control-plane-x2v7p in zone 1 answers',
  agent: 'cert-manager, Cluster API v1.14.0, CAPZ v1.26.0 · webhooks answer',
  pivot: '41 objects handed over · 0 Azure writes since',
  controlPlaneScale: '3 of 3 ready',
  workerPools: '5 workers in 1 pool',
  addOns: 'ingress, metrics',
  finish: 'kubeconfig available',
};

/** [begin, end] in seconds. */
const times: Record<string, readonly [number, number]> = {
  preflight: [0.2, 1],
  network: [1.1, 3.4],
  identity: [1.1, 4],
  image: [1.1, 5.2],
  keys: [1.1, 1.6],
  controlPlane: [5.4, 11.6],
  agent: [11.8, 16],
  pivot: [16.2, 19],
  controlPlaneScale: [19.1, 32],
  workerPools: [19.1, 27],
  addOns: [19.1, 23],
  finish: [32.1, 32.4],
};

/** Steps as they stand this many seconds into an ordinary run. */
function stepsAt(seconds: number): StepView[] {
  return provisionSteps.map(({ id, title, needs }) => {
    const [begin, end] = times[id]!;
    const base = { id, title, needs };
    if (seconds < begin) return { ...base, state: 'pending' };
    if (seconds < end) return { ...base, state: 'running', startedAt: at(begin) };
    return { ...base, state: 'done', startedAt: at(begin), endedAt: at(end), sentence: sentences[id]! };
  });
}

function node(name: string, role: NodeRecord['role'], zone: string, ready = true): NodeRecord {
  return { name, role, zone, ready, machine: name, ...(role === 'worker' ? { pool: 'general' } : {}) };
}

const allNodes = [
  node('demo-control-plane-x2v7p', 'control-plane', '1'),
  node('demo-control-plane-9kq2m', 'control-plane', '2'),
  node('demo-control-plane-h4zzt', 'control-plane', '3'),
  node('demo-general-1-abcde-1', 'worker', '1'),
  node('demo-general-1-abcde-2', 'worker', '1'),
  node('demo-general-2-abcde-1', 'worker', '2'),
  node('demo-general-2-abcde-2', 'worker', '2'),
  node('demo-general-3-abcde-1', 'worker', '3'),
];

const group = '/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/platform/providers';
export const inventory = [
  { id: `${group}/Microsoft.Network/virtualNetworks/demo-vnet`, kind: 'virtualNetwork', owned: true, state: 'created' },
  { id: `${group}/Microsoft.Network/natGateways/demo-nat`, kind: 'natGateway', owned: true, state: 'created' },
  { id: `${group}/Microsoft.Compute/images/demo-image`, kind: 'image', owned: true, state: 'created' },
];

/** A status document of the sample cluster, this many seconds into its run; Ready from 33 on. */
export function documentAt(seconds: number, patch: Partial<StatusDocument['status']> = {}): StatusDocument {
  const finished = seconds >= 33;
  const nodes =
    seconds < 12
      ? []
      : seconds < 22
        ? allNodes.slice(0, 1)
        : finished
          ? allNodes
          : [allNodes[0]!, ...allNodes.slice(3, 6)];
  const ready = (zone: string) => nodes.filter((n) => n.pool === 'general' && n.zone === zone).length;
  return {
    metadata: { ...sample.metadata, uid: '7f3c2a00-0000-4000-8000-000000000000', createdAt: at(0) },
    spec: sample.spec,
    status: {
      phase: finished ? 'Ready' : 'Provisioning',
      generation: 1,
      observedGeneration: finished ? 1 : 0,
      operation: {
        id: 'demo-7f3c2a00-1',
        kind: 'provision',
        state: finished ? 'finished' : 'started',
        requestId: 'start-1',
        startedAt: at(0),
        ...(finished ? { endedAt: at(32.5) } : { endsAbout: at(30) }),
      },
      steps: stepsAt(seconds),
      nodes,
      pools: [
        {
          name: 'general',
          vmSize: 'Standard_D4s_v5',
          replicas: 5,
          ready: ready('1') + ready('2') + ready('3'),
          zones: [
            { zone: '1', replicas: 2, ready: ready('1') },
            { zone: '2', replicas: 2, ready: ready('2') },
            { zone: '3', replicas: 1, ready: ready('3') },
          ],
        },
      ],
      inventory: seconds < 4 ? [] : inventory,
      endpoints: { api: 'https://demo-1234abcd.westeurope.cloudapp.azure.com:6443' },
      versions: { kubernetes: 'v1.33.4' },
      ...patch,
    },
  };
}

/** The status document of the AKS sample once it is Ready. */
export function managedDocument(): StatusDocument {
  if ('error' in managed) throw new Error('samples/aks.yaml is not valid');
  const { document } = managed;
  const { status, metadata } = documentAt(34);
  const pool = { name: 'system', vmSize: 'Standard_D2s_v5', replicas: 2, ready: 2 };
  return {
    metadata: { ...metadata, ...document.metadata },
    spec: document.spec,
    status: {
      ...status,
      steps: status.steps.filter(({ id }) => ['preflight', 'network', 'finish'].includes(id)),
      nodes: [],
      pools: [{ ...pool, zones: ['1', '2'].map((zone) => ({ zone, replicas: 1, ready: 1 })) }],
    },
  };
}

/** The sample cluster after its control plane did not come up. */
export function failedDocument(): StatusDocument {
  const before = documentAt(8);
  const error = {
    code: 'CAP-4203' as never,
    message: 'CP-A did not become ready within 20 m',
    where: 'demo-control-plane-x2v7p · Standard_D2s_v5 · zone 1',
    cause: 'kubeadm preflight: swap is on (serial console, line 812)',
    remedy: 'fix spec.image and apply again; the run continues from here. Or delete: nothing else will be left.',
    correlationId: '3f1e7b00-0000-4000-8000-000000000000',
  };
  return documentAt(8, {
    phase: 'Failed',
    error,
    operation: { ...before.status.operation, state: 'finished', endedAt: at(12) },
    steps: before.status.steps.map((step) =>
      step.id === 'controlPlane' ? { ...step, state: 'failed', endedAt: at(12), error } : step,
    ),
  });
}
