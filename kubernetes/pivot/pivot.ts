import { referenceKey, referenceOf } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { ownerReferences } from '#domain/cluster-api/owners.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import { errorOutcome, registered } from '../client/errors.ts';
import { bundleOf, createBundle } from './create.ts';
import type { PhaseResult } from './create.ts';
import type { PivotContext } from './context.ts';
import { gateProblems, readGateFacts } from './gate.ts';
import { emptyJournal } from './journal.ts';
import type { JournalState } from './journal.ts';
import { lookAfterCommit } from './watch.ts';
import type { Alarm } from './watch.ts';

/** The result of a finished hand-over. */
export interface PivotValue {
  readonly objects: number;
}

const codes = { refused: 'CAP-5101', conflict: 'CAP-5102' } as const;

/**
 * One bounded step of the hand-over: creates the bundle while the Cluster is paused, passes the gate, commits by
 * unpausing, then watches until the control plane has adopted CP-A. Everything it knows is in the journal, so it may
 * be called again after an interruption anywhere. An abort rule that bites pauses the Cluster at once and fails; the
 * next call starts at the gate again.
 */
export async function pivot(context: PivotContext): Promise<Outcome<PivotValue>> {
  const documents = bundleOf(context);
  let journal = (await context.journal.load()) ?? emptyJournal(documents);
  for (;;) {
    const result = await runPhase(context, documents, journal);
    if (result.status !== 'next') {
      return result;
    }
    journal = result.journal;
    await context.journal.save(journal);
    if (journal.phase === 'done') {
      return done({ objects: documents.length }, `${documents.length} objects handed over · 0 Azure writes since`);
    }
  }
}

/**
 * Takes the bundle back before the commit: deletes what the journal says was created, dependents first, finalizers
 * removed. Refuses after the commit, when the objects belong to the cluster.
 */
export async function rollBack(context: PivotContext): Promise<Outcome<{ readonly deleted: number }>> {
  const journal = await context.journal.load();
  if (journal === undefined) {
    return done({ deleted: 0 });
  }
  if (['commit', 'watch', 'done'].includes(journal.phase)) {
    return failed(
      registered(
        'CAP-5201',
        context.plan.name,
        `the hand-over is in phase ${journal.phase}`,
        'The hand-over was committed and cannot be taken back.',
      ),
    );
  }
  const documents = bundleOf(context);
  let deleted = 0;
  for (const document of [...documents].reverse()) {
    const reference = referenceOf(document);
    try {
      const found = await context.client.get(reference);
      if (found !== undefined && found.metadata.uid === journal.objects[referenceKey(reference)]?.uid) {
        if ((found.metadata.finalizers ?? []).length > 0 && document.kind !== 'Namespace') {
          await context.client.mergePatch(reference, { metadata: { finalizers: null } });
        }
        deleted += (await context.client.delete(reference)) ? 1 : 0;
      }
    } catch (error) {
      return errorOutcome(error, referenceKey(reference), codes);
    }
  }
  await context.journal.save({ ...emptyJournal(documents), phase: 'rolledBack' });
  return done({ deleted });
}

async function runPhase(
  context: PivotContext,
  documents: readonly KubernetesObject[],
  journal: JournalState,
): Promise<PhaseResult> {
  switch (journal.phase) {
    case 'rolledBack':
      return { status: 'next', journal: emptyJournal(documents) };
    case 'create':
      return createBundle(context, documents, journal);
    case 'stopped':
    case 'gate':
      return passGate(context, documents, journal);
    case 'commit':
      return commit(context, journal);
    case 'watch':
      return watch(context, journal);
    case 'done':
      return { status: 'next', journal };
    default:
      return journal.phase satisfies never;
  }
}

async function passGate(
  context: PivotContext,
  documents: readonly KubernetesObject[],
  journal: JournalState,
): Promise<PhaseResult> {
  const { plan } = context;
  try {
    const facts = await readGateFacts(context, documents, journal);
    if (facts.node === undefined || facts.node['spec'] === undefined || !hasProviderId(facts.node)) {
      return wait(5, {
        sentence: `waiting for the cloud provider to initialise node ${plan.controlPlane.machineName}`,
      });
    }
    const missing = Object.keys(journal.objects).filter((key) => !facts.stored.has(key));
    if (missing.length > 0 && journal.phase === 'gate') {
      // Lost between creation and gate (a restored etcd, a deleted object): made again, owners first.
      return { status: 'next', journal: { ...journal, phase: 'create', objects: replan(journal, facts.stored) } };
    }
    const problems = gateProblems(facts);
    if (problems.length > 0) {
      return failed({
        ...registered('CAP-5201', `Cluster ${plan.name}`, problems.join('; ')),
        problems: problems.map((message) => ({ path: plan.name, message, code: 'CAP-5201' })),
      });
    }
    const verified = Object.entries(journal.objects).map(
      ([key, entry]) => [key, { ...entry, state: 'verified' }] as const,
    );
    const baseline = Object.fromEntries(
      facts.adopted.map((resource) => [resource.id.toLowerCase(), resource.fingerprint]),
    );
    const { evidence: _, ...rest } = journal;
    return {
      status: 'next',
      journal: {
        ...rest,
        phase: 'commit',
        objects: Object.fromEntries(verified),
        ...(context.readAdopted === undefined ? {} : { baseline }),
      },
    };
  } catch (error) {
    return errorOutcome(error, plan.name, codes);
  }
}

async function commit(context: PivotContext, journal: JournalState): Promise<PhaseResult> {
  try {
    await context.client.mergePatch(ownerReferences(context.plan).cluster, { spec: { paused: false } });
    return { status: 'next', journal: { ...journal, phase: 'watch' } };
  } catch (error) {
    return errorOutcome(error, context.plan.name, codes);
  }
}

async function watch(context: PivotContext, journal: JournalState): Promise<PhaseResult> {
  try {
    const found = await lookAfterCommit(context, journal);
    switch (found.state) {
      case 'adopted':
        return { status: 'next', journal: { ...journal, phase: 'done' } };
      case 'waiting':
        return wait(5, { sentence: `handed over, waiting for adoption · ${found.reason}` });
      case 'alarm':
        return await stop(context, journal, found.alarm);
      default:
        return found satisfies never;
    }
  } catch (error) {
    return errorOutcome(error, context.plan.name, codes);
  }
}

/** Pauses first, records second: a crash between the two finds the same alarm again. */
async function stop(context: PivotContext, journal: JournalState, alarm: Alarm): Promise<PhaseResult> {
  await context.client.mergePatch(ownerReferences(context.plan).cluster, { spec: { paused: true } });
  await context.journal.save({ ...journal, phase: 'stopped', evidence: alarm.evidence });
  return failed(registered(alarm.code, alarm.where, alarm.evidence.join('; ')));
}

/** Entries of a bundle with gaps: whatever is missing, and everything that follows it, is planned again. */
function replan(journal: JournalState, stored: ReadonlyMap<string, KubernetesObject>): JournalState['objects'] {
  let gap = false;
  return Object.fromEntries(
    Object.entries(journal.objects).map(([key, entry]) => {
      gap ||= !stored.has(key);
      return [key, gap ? { state: 'planned' as const } : entry];
    }),
  );
}

function hasProviderId(node: KubernetesObject): boolean {
  const spec = node['spec'] as { readonly providerID?: string };
  return (spec.providerID ?? '') !== '';
}
