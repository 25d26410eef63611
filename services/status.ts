import { explained } from '#domain/errors/explain.ts';
import { type DeletedSecret, deletedSecretsDocument, deletionReport } from '#domain/plan/deletion.ts';
import { criticalPathSeconds, stepSeconds } from '#domain/plan/estimate.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { type ClusterHead, type NodeRecord, nodesDocument } from '#domain/record.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { shownSpec } from '#domain/storage/shown-spec.ts';
import { stepsOf } from '#domain/steps.ts';
import type { ClusterRows } from '#store/clusters.ts';
import type { Store } from '#store/store.ts';
import { conditionsOf } from './conditions.ts';
import { checkView, isCurrent, operationView, stepView } from './status-views.ts';
import { readManagedStatus } from './managed-status.ts';

/** The status document of one cluster (experience.md), or undefined when there is no such cluster. */
export async function readStatus(store: Store, name: string, timeScale: number): Promise<object | undefined> {
  const rows = await store.clusters.rows(name);
  if (rows === undefined) return undefined;
  const { head } = rows;
  if (head.kind === 'ManagedCluster') return readManagedStatus(store, rows, timeScale);
  const [document, plan, nodes, secrets] = await Promise.all([
    store.documents.getContent<ClusterDocument>(head.documentSha),
    head.planSha === undefined ? undefined : store.documents.getContent<ClusterPlan>(head.planSha),
    store.documents.get(nodesDocument(head.uid)),
    head.phase === 'Deleted' ? store.documents.get(deletedSecretsDocument(head.uid)) : undefined,
  ]);
  return statusDocument(
    rows,
    document,
    plan,
    nodes === undefined ? [] : (JSON.parse(nodes) as NodeRecord[]),
    timeScale,
    secrets === undefined ? [] : (JSON.parse(secrets) as DeletedSecret[]),
  );
}

/** Puts the status document together. Pure. */
export function statusDocument(
  rows: ClusterRows,
  document: ClusterDocument,
  plan: ClusterPlan | undefined,
  nodes: readonly NodeRecord[],
  timeScale: number,
  secrets: readonly DeletedSecret[] = [],
): object {
  const { head } = rows;
  return {
    apiVersion: document.apiVersion,
    kind: document.kind,
    metadata: { ...document.metadata, uid: head.uid, createdAt: head.createdAt },
    spec: shownSpec(document.spec),
    status: {
      phase: head.phase,
      generation: head.generation,
      observedGeneration: head.observedGeneration,
      conditions: conditionsOf(head, rows.check),
      ...checkView(rows),
      ...(head.queue === undefined
        ? {}
        : { queue: head.queue.map(({ requestId, queuedAt }) => ({ requestId, queuedAt })) }),
      operation: operationView(head, plan === undefined ? undefined : criticalPathSeconds(plan), timeScale),
      ...(head.operation.error === undefined ? {} : { error: explained(head.operation.error) }),
      steps: stepsOf(head.operation.kind, head.generation).map((step) =>
        stepView(
          step,
          rows.steps.find((record) => record.id === step.id && isCurrent(record, head)),
          plan === undefined ? {} : { expectedSeconds: stepSeconds(plan, step.id) },
        ),
      ),
      nodes,
      pools: poolViews(plan, nodes),
      inventory: rows.items.map(({ id, kind, owned, state, outputs }) => ({
        id,
        kind,
        owned,
        state,
        ...(state === 'kept' ? { reason: outputs['reason'] ?? '' } : {}),
      })),
      ...(head.phase === 'Deleted' ? { deletion: deletionReport(rows.items, secrets) } : {}),
      endpoints: plan === undefined ? {} : { api: `https://${plan.network.api.host}:${plan.network.api.port}` },
      versions: { kubernetes: document.spec.kubernetes.version },
    },
  };
}

/** Certificates and findings of the last look, where there was one. */
/** One line of the list of clusters. */
export function summaryOf(head: ClusterHead): object {
  const { name, kind, tags, phase, generation, observedGeneration, location, operation, createdAt, updatedAt } = head;
  return {
    name,
    kind: kind ?? 'Cluster',
    tags,
    phase,
    generation,
    observedGeneration,
    location,
    operation: operation.id,
    createdAt,
    updatedAt,
  };
}

/** Wanted and ready nodes per pool and zone, for the zone map. */
function poolViews(plan: ClusterPlan | undefined, nodes: readonly NodeRecord[]): readonly object[] {
  if (plan === undefined) return [];
  return plan.pools.map((pool) => ({
    name: pool.name,
    vmSize: pool.vmSize,
    replicas: pool.replicas,
    ready: nodes.filter((node) => node.pool === pool.name && node.ready).length,
    zones: pool.shards.map((shard) => ({
      zone: shard.zone ?? '',
      replicas: shard.replicas,
      ready: nodes.filter((node) => node.pool === pool.name && (node.zone ?? '') === (shard.zone ?? '') && node.ready)
        .length,
    })),
  }));
}
