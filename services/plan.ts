import type { PreflightReport } from '#azure/types.ts';
import type { Config } from '#config/config.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { criticalPathSeconds, stepSeconds } from '#domain/plan/estimate.ts';
import { anyName } from '#domain/plan/later.ts';
import { planCluster } from '#domain/plan/plan.ts';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { sealSource } from '#domain/storage/sealed-source.ts';
import { type ClusterHead, factsDocument } from '#domain/record.ts';
import { provisionSteps, type StepDefinition } from '#domain/steps.ts';
import type { Store } from '#store/store.ts';
import { azureOf } from './azure.ts';
import { withGateway } from './gateways.ts';
import { planUpdate, type UpdateAnswer } from './plan-update.ts';

/** What a plan answers: the same code as the run, and nothing written. */
export interface PlanAnswer {
  readonly cluster: string;
  readonly ok: boolean;
  readonly sentence: string;
  readonly checks: PreflightReport['checks'];
  /** Empty when a failed check keeps the resources from being known. */
  readonly resources: PreflightReport['resources'];
  readonly create: number;
  readonly change: number;
  readonly exists: number;
  /** About how many calls to Azure Resource Manager an apply makes. */
  readonly armCalls: number;
  /** When the cluster exists: what would change, what is replaced, what is refused and why, and what it costs. */
  readonly update?: UpdateAnswer;
  readonly steps: readonly {
    readonly id: string;
    readonly title: string;
    readonly needs?: readonly string[];
    readonly seconds: number;
  }[];
  /** Azure seconds along the longest chain of steps. */
  readonly criticalPathSeconds: number;
  /** Keys of the resources on that chain, first to last. */
  readonly criticalPath: readonly string[];
}

/** Stands for the identity of a cluster that does not exist yet; the names made from it are shown as open. */
const noUid = '00000000-0000-4000-8000-000000000000';

/**
 * Plans a document without doing anything (terraform's plan).
 *
 * @throws CapstanFailure when Azure cannot be asked at all; what it answers is in the checks
 */
export async function planDocument(config: Config, store: Store, sent: ClusterDocument): Promise<PlanAnswer> {
  const inherited = await withGateway(store, sent);
  if ('error' in inherited) throw new CapstanFailure(inherited.error);
  const { document } = inherited;
  const client = await azureOf(config);
  const { name } = document.metadata;
  const head = (await store.clusters.head(name))?.value;
  const uid = head === undefined || head.phase === 'Deleted' ? noUid : head.uid;
  const planned = uid === noUid ? undefined : await store.documents.get(factsDocument(uid));
  const read = await client.survey(document, uid, (JSON.parse(planned ?? '{}') as Partial<AzureFacts>).shares);
  if (read.status !== 'done') throw obstacle(read);
  const { facts, checks } = read.value;
  if (facts === undefined) return unplanned(name, checks);
  const sealed = sealSource(document).document;
  const plan = planCluster(sealed, facts, uid);
  const checked = await client.preflight(plan, facts);
  if (checked.status !== 'done') throw obstacle(checked);
  const report = checked.value;
  const rows = report.resources.filter((row) => !isReplaced(row, head));
  const update = await planUpdate(store, head, sealed, facts);
  return {
    cluster: name,
    ok: report.ok && (update?.refused ?? 0) === 0,
    sentence: update?.sentence ?? report.sentence,
    checks: report.checks,
    resources: uid === noUid ? report.resources.map((row) => withOpenName(row, plan)) : rows,
    create: report.create - (report.resources.length - rows.length),
    change: report.change,
    exists: report.exists,
    armCalls: report.armCalls,
    ...(update === undefined ? {} : { update }),
    steps:
      update?.cost.steps ??
      provisionSteps.map(({ id, title, needs }) => ({ id, title, needs, seconds: stepSeconds(plan, id) })),
    criticalPathSeconds: update?.cost.seconds ?? criticalPathSeconds(plan),
    criticalPath: report.criticalPath,
  };
}

/** The answer when a failed check keeps the plan from being made. */
export function unplanned(
  cluster: string,
  checks: PreflightReport['checks'],
  steps: readonly StepDefinition[] = provisionSteps,
): PlanAnswer {
  const failed = checks.filter((check) => !check.ok).length;
  return {
    cluster,
    ok: false,
    sentence: `${failed} of ${checks.length} checks failed · nothing was created`,
    checks,
    resources: [],
    create: 0,
    change: 0,
    exists: 0,
    armCalls: 0,
    steps: steps.map(({ id, title, needs }) => ({ id, title, needs, seconds: 0 })),
    criticalPathSeconds: 0,
    criticalPath: [],
  };
}

/** The first machine of a cluster that was Ready is its controllers': once they have replaced it, nobody makes it again. */
function isReplaced({ key, action }: PreflightReport['resources'][number], head: ClusterHead | undefined): boolean {
  const ofFirstMachine = ['virtualMachine', 'networkInterface', 'inboundNatRule'].includes(key);
  return ofFirstMachine && action === '+' && (head?.observedGeneration ?? 0) > 0 && head?.phase !== 'Deleted';
}

/** The first machine is named after an identity that the cluster gets with its first apply. */
function withOpenName(
  row: PreflightReport['resources'][number],
  { name, controlPlane }: ClusterPlan,
): PreflightReport['resources'][number] {
  const open = (text: string) => text.replaceAll(controlPlane.machineName, `${name}-control-plane-${anyName}`);
  return { ...row, name: open(row.name), id: open(row.id) };
}

/** A survey that did not come about, as an exception. */
export function obstacle(outcome: {
  readonly status: string;
  readonly error?: unknown;
  readonly sentence?: string;
}): Error {
  if (outcome.status === 'failed') return new CapstanFailure(outcome.error as CapstanFailure['error']);
  return new CapstanFailure({
    code: 'CAP-9007',
    message: `Azure does not answer now: ${outcome.sentence ?? 'try again in a minute'}`,
  });
}
