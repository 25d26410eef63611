import type { PreflightReport } from '#azure/types.ts';
import type { Config } from '#config/config.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { criticalPathSeconds, stepSeconds } from '#domain/plan/estimate.ts';
import { planCluster } from '#domain/plan/plan.ts';
import { diffDocuments } from '#domain/spec/diff.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { sealSource } from '#domain/storage/sealed-source.ts';
import { provisionSteps } from '#domain/steps.ts';
import type { Store } from '#store/store.ts';
import { azureOf } from './azure.ts';
import { withGateway } from './gateways.ts';

/** What a plan answers: the same code as the run, and nothing written. */
export interface PlanAnswer {
  readonly cluster: string;
  readonly ok: boolean;
  readonly sentence: string;
  readonly checks: PreflightReport['checks'];
  readonly resources: PreflightReport['resources'];
  /** Changed fields, when the cluster exists. */
  readonly changes: readonly string[];
  readonly steps: readonly {
    readonly id: string;
    readonly title: string;
    readonly needs: readonly string[];
    readonly seconds: number;
  }[];
  /** Azure seconds along the longest chain of steps. */
  readonly criticalPathSeconds: number;
}

/**
 * Plans a document without doing anything (terraform's plan).
 *
 * @throws CapstanFailure with the first obstacle that keeps it from being planned at all
 */
export async function planDocument(config: Config, store: Store, sent: ClusterDocument): Promise<PlanAnswer> {
  const inherited = await withGateway(store, sent);
  if ('error' in inherited) throw new CapstanFailure(inherited.error);
  const { document } = inherited;
  const client = await azureOf(config);
  const { name } = document.metadata;
  const head = (await store.clusters.head(name))?.value;
  const uid = head === undefined || head.phase === 'Deleted' ? '00000000-0000-4000-8000-000000000000' : head.uid;
  const read = await client.readFacts(document, uid);
  if (read.status !== 'done') throw obstacle(read);
  const sealed = sealSource(document).document;
  const plan = planCluster(sealed, read.value.facts, uid);
  const checked = await client.preflight(plan, read.value.facts);
  if (checked.status !== 'done') throw obstacle(checked);
  const report = checked.value;
  const recorded =
    head === undefined || head.phase === 'Deleted'
      ? undefined
      : await store.documents.getContent<ClusterDocument>(head.documentSha);
  return {
    cluster: name,
    ok: report.ok,
    sentence: report.sentence,
    checks: report.checks,
    resources: report.resources,
    changes: recorded === undefined ? [] : diffDocuments(recorded, sealed).changed,
    steps: provisionSteps.map(({ id, title, needs }) => ({ id, title, needs, seconds: stepSeconds(plan, id) })),
    criticalPathSeconds: criticalPathSeconds(plan),
  };
}

function obstacle(outcome: { readonly status: string; readonly error?: unknown; readonly sentence?: string }): Error {
  if (outcome.status === 'failed') return new CapstanFailure(outcome.error as CapstanFailure['error']);
  return new CapstanFailure({
    code: 'CAP-9007',
    message: `Azure does not answer now: ${outcome.sentence ?? 'try again in a minute'}`,
  });
}
