import { managedPath, managedStepSeconds } from '#domain/managed/shape.ts';
import type { ManagedDocument, ManagedPlan } from '#domain/managed/types.ts';
import { explained } from '#domain/errors/explain.ts';
import { deletionReport } from '#domain/plan/deletion.ts';
import { type NodeRecord, nodesDocument } from '#domain/record.ts';
import { managedSteps } from '#domain/steps.ts';
import type { ClusterRows } from '#store/clusters.ts';
import type { Store } from '#store/store.ts';
import { conditionsOf } from './conditions.ts';
import { checkView, isCurrent, operationView, stepView } from './status-views.ts';

/** The status document of an AKS cluster: the same fields as a self-managed one has. */
export async function readManagedStatus(store: Store, rows: ClusterRows, timeScale: number): Promise<object> {
  const { head, items } = rows;
  const [document, plan, text] = await Promise.all([
    store.documents.getContent<ManagedDocument>(head.documentSha),
    head.planSha === undefined ? undefined : store.documents.getContent<ManagedPlan>(head.planSha),
    store.documents.get(nodesDocument(head.uid)),
  ]);
  const nodes = text === undefined || head.phase === 'Deleted' ? [] : (JSON.parse(text) as NodeRecord[]);
  const outputs = items.find((item) => item.key === 'managedCluster')?.outputs ?? {};
  return {
    apiVersion: document.apiVersion,
    kind: document.kind,
    metadata: { ...document.metadata, uid: head.uid, createdAt: head.createdAt },
    spec: document.spec,
    status: {
      phase: head.phase,
      generation: head.generation,
      observedGeneration: head.observedGeneration,
      conditions: conditionsOf(head, rows.check),
      ...checkView(rows),
      ...(head.queue === undefined
        ? {}
        : { queue: head.queue.map(({ requestId, queuedAt }) => ({ requestId, queuedAt })) }),
      operation: operationView(head, plan === undefined ? undefined : managedPath(plan).seconds, timeScale),
      ...(head.operation.error === undefined ? {} : { error: explained(head.operation.error) }),
      steps: managedSteps(head.operation.kind).map((step) =>
        stepView(
          step,
          rows.steps.find((record) => record.id === step.id && isCurrent(record, head)),
          plan === undefined ? {} : { expectedSeconds: managedStepSeconds(plan, step.id) },
        ),
      ),
      nodes,
      pools: plan === undefined ? [] : plan.managed.pools.map((pool) => poolView(pool, rows, nodes)),
      inventory: items.map(({ id, kind, owned, state, outputs: { reason = '' } }) => ({
        id,
        kind,
        owned,
        state,
        ...(state === 'kept' ? { reason } : {}),
      })),
      ...(head.phase === 'Deleted' ? { deletion: deletionReport(items, []) } : {}),
      endpoints: {
        ...(outputs['host'] === undefined ? {} : { api: `https://${outputs['host']}:443` }),
        ...(outputs['oidcIssuer'] === undefined ? {} : { oidcIssuer: outputs['oidcIssuer'] }),
      },
      versions: { kubernetes: document.spec.kubernetes.version, ...runs(outputs['kubernetesVersion']) },
    },
  };
}

/** What the control plane ran when it was last looked at; an upgrade channel may be ahead of the document. */
function runs(version: string | undefined): { readonly running?: string } {
  return version === undefined ? {} : { running: `v${version}` };
}

function poolView(
  {
    name,
    key,
    vmSize,
    mode,
    osType,
    replicas,
    autoscaling,
    availabilityZones,
  }: ManagedPlan['managed']['pools'][number],
  { items }: ClusterRows,
  nodes: readonly NodeRecord[],
): object {
  const outputs = items.find((item) => item.key === key)?.outputs ?? {};
  const mine = nodes.filter((node) => node.pool === name);
  const zones = availabilityZones.length === 0 ? [''] : availabilityZones;
  // AKS spreads the nodes evenly itself.
  const share = (index: number) => Math.ceil((replicas - index) / zones.length);
  return {
    name,
    vmSize,
    mode,
    osType,
    replicas,
    ...(autoscaling === undefined ? {} : { autoscaling }),
    ready: mine.filter((node) => node.ready).length,
    ...runs(outputs['kubernetesVersion']),
    zones: zones.map((zone, index) => ({
      zone,
      replicas: Math.max(0, share(index)),
      ready: mine.filter((node) => (node.zone ?? '') === zone && node.ready).length,
    })),
  };
}
