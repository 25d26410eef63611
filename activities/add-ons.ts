import { createHash } from 'node:crypto';
import { helmProvider } from '#domain/cluster-api/versions.ts';
import { referenceOf } from '#domain/cluster-api/object.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { proxyEnvironment } from '#domain/kubeadm/proxy.ts';
import { done, failed, type Outcome, wait } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { AddOnSpec } from '#domain/spec/types.ts';
import type { InstallState } from '#kubernetes/components/install.ts';
import type { ChartState } from '#kubernetes/scale/charts.ts';
import { clusterComponents } from './agent.ts';
import type { ActivityInput } from './contract.ts';
import { defineActivity } from './define.ts';
import { type ClusterSession, withCluster } from './kubernetes.ts';
import { ensureManagedAddOn } from './managed.ts';
import { recordEvent } from './progress.ts';
import { planAsBuilt } from './record.ts';
import type { Work } from './runtime.ts';

/**
 * One add-on: its manifests, then its chart. Its end is an event of its own, so that one that fails does not hide how
 * the others of its layer ended; applying again tries the failed one anew.
 */
defineActivity('ensureAddOn', async (work, input) => {
  if (work.head.kind === 'ManagedCluster') return ensureManagedAddOn(work, input.addOn, manifestTexts);
  const plan = await planAsBuilt(work);
  const addOn = plan.addOns.find((candidate) => candidate.name === input.addOn);
  if (addOn === undefined) throw new Error(`the plan has no add-on ${input.addOn}`);
  const outcome = await asOutcome(() =>
    withCluster(work, (session) => install(work, session, { plan, addOn, state: input.state })),
  );
  if (outcome.status === 'failed')
    await recordEvent(work.store, input, `add-on/${addOn.name}/failed`, {
      type: 'addOn.failed',
      sentence: `add-on ${addOn.name}: ${outcome.error.message}`,
      error: outcome.error,
    });
  if (outcome.status !== 'done') return outcome;
  await recordEvent(work.store, input, `add-on/${addOn.name}/installed`, {
    type: 'addOn.installed',
    sentence: `add-on ${addOn.name} is installed`,
  });
  return done({}, addOn.name);
});

/** A registered error that was thrown (a bundle or a blob that is not right) is this add-on's end too. */
async function asOutcome(run: () => Promise<Outcome<object>>): Promise<Outcome<object>> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CapstanFailure) return failed(error.error);
    throw error;
  }
}

interface Job {
  readonly plan: ClusterPlan;
  readonly addOn: AddOnSpec;
  readonly state: ActivityInput['state'];
}

/** The parts of an add-on, one after the other; the state says which part it is at. */
async function install(work: Work, { client }: ClusterSession, { plan, addOn, state }: Job): Promise<Outcome<object>> {
  const { installAddOn } = await import('#kubernetes/scale/add-ons.ts');
  const part = state?.['part'];
  const { helmChartProxy, installChart } = await import('#kubernetes/scale/charts.ts');
  if (part === undefined) {
    const manifests = await manifestTexts(work, addOn);
    const chart = helmChartProxy(plan, addOn);
    const outcome = await installAddOn(
      client,
      { ...addOn, manifests },
      {
        proxy: proxyEnvironment(plan),
        plan,
        further: chart === undefined ? [] : [referenceOf(chart)],
      },
    );
    if (outcome.status !== 'done' || addOn.chart === undefined) return outcome;
  }
  if (part !== 'chart') {
    const { installComponents } = await import('#kubernetes/components/install.ts');
    const all = await clusterComponents(work, plan);
    const components = all.filter(({ name }) => name === helmProvider);
    const provider = await installComponents({ client, components }, state?.['install'] as InstallState | undefined);
    if (provider.status === 'wait')
      return wait(provider.retryAfter, {
        state: { part: 'provider', ...(provider.state === undefined ? {} : { install: provider.state }) },
        sentence: `${addOn.name}: ${provider.sentence ?? 'installing the add-on provider for Helm'}`,
      });
    if (provider.status !== 'done') return provider;
  }
  const outcome = await installChart(client, plan, addOn, state?.['chart'] as ChartState | undefined);
  return outcome.status === 'wait'
    ? { ...outcome, state: { part: 'chart', ...(outcome.state === undefined ? {} : { chart: outcome.state }) } }
    : outcome;
}

/** Inline texts as they are; blobs as the request's digest vouches for them. */
async function manifestTexts(work: Work, addOn: AddOnSpec): Promise<readonly string[]> {
  const texts: string[] = [];
  for (const manifest of addOn.manifests) {
    if (typeof manifest === 'string') {
      texts.push(manifest);
      continue;
    }
    const { blob, sha256 } = manifest;
    const text = await work.store.documents.readAddOn(blob);
    const found = text === undefined ? undefined : createHash('sha256').update(text).digest('hex');
    if (text === undefined || found !== sha256) {
      throw new CapstanFailure({
        code: 'CAP-6106',
        message: `The manifest ${blob} of the add-on ${addOn.name} is not the one that was asked for`,
        where: `container add-ons, ${blob}`,
        cause: found === undefined ? 'it is not there' : `it has SHA-256 ${found}, the request says ${sha256}`,
      });
    }
    texts.push(text);
  }
  return texts;
}
