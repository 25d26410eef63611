import { referenceKey, referenceOf } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome, registered, shorten } from '../client/errors.ts';
import { inStages } from './catalogue.ts';
import { componentObjects } from './component.ts';
import type { Component } from './component.ts';
import { ManifestError } from './manifest.ts';
import { firstUnready } from './readiness.ts';
import { checkUpgrades } from './upgrade.ts';
import { firstSilentWebhook, webhookTargets } from './webhooks.ts';

/** How far an installation has come; small JSON, handed back by the caller. */
export interface InstallState {
  /** Index of the stage. */
  readonly stage: number;
  /** Objects of the stage that are applied. */
  readonly applied: number;
}

/** What an installation works with. */
export interface InstallContext {
  readonly client: KubernetesClient;
  readonly components: readonly Component[];
  /** Objects applied per call; default 150. */
  readonly batch?: number;
}

/** What was installed, by component name. */
export type InstalledVersions = Readonly<Record<string, string>>;

const codes = { refused: 'CAP-5002' } as const;

/**
 * One bounded step of installing components: applies objects until the batch is used up or something has to be waited
 * for (definitions established, workloads available, every webhook answers a dry-run create). A stage starts when the one before is ready. Safe to repeat from any state: everything is
 * server-side apply. Conflicts are forced, because a released manifest is the truth about its own fields.
 */
export async function installComponents(
  context: InstallContext,
  state: InstallState = { stage: 0, applied: 0 },
): Promise<Outcome<{ readonly versions: InstalledVersions }>> {
  const stages = inStages(context.components);
  if (state.stage === 0 && state.applied === 0) {
    const stopped = await checkUpgrades(context.client, stages.flat());
    if (stopped !== undefined) {
      return stopped;
    }
  }
  let current = state;
  let budget = context.batch ?? 150;
  for (let stage = stages[current.stage]; stage !== undefined; stage = stages[current.stage]) {
    const objects = stageObjects(stage);
    if ('status' in objects) {
      return objects;
    }
    const title = stage.map((component) => component.title ?? component.name).join(', ');
    const until = Math.min(objects.length, current.applied + budget);
    const step = await applyObjects(context.client, objects, current.applied, until);
    budget -= step.applied - current.applied;
    current = { stage: current.stage, applied: step.applied };
    const progress = { done: step.applied, total: objects.length, unit: 'objects' };
    if (step.stopped !== undefined) {
      return step.stopped.status === 'wait' ? { ...step.stopped, state: { ...current }, progress } : step.stopped;
    }
    if (step.applied < objects.length) {
      return wait(1, { state: { ...current }, sentence: `installing ${title}`, progress });
    }
    const unready = await stageReadiness(context.client, objects, title);
    if (unready !== undefined) {
      return unready.status === 'wait' ? { ...unready, state: { ...current } } : unready;
    }
    current = { stage: current.stage + 1, applied: 0 };
  }
  return done({ versions: versionsOf(context.components) }, summary(stages.flat()));
}

function stageObjects(stage: readonly Component[]): readonly KubernetesObject[] | ReturnType<typeof failed> {
  try {
    return stage.flatMap((component) => componentObjects(component));
  } catch (error) {
    if (error instanceof ManifestError) {
      return failed(registered('CAP-5001', error.where, error.message));
    }
    throw error;
  }
}

async function applyObjects(
  client: KubernetesClient,
  objects: readonly KubernetesObject[],
  from: number,
  until: number,
): Promise<{ readonly applied: number; readonly stopped?: ReturnType<typeof errorOutcome> }> {
  let applied = from;
  for (const object of objects.slice(from, until)) {
    try {
      await client.apply(object, { force: true });
    } catch (error) {
      // Webhooks of this very stage may not answer yet, and a definition may not be established yet.
      return { applied, stopped: errorOutcome(error, referenceKey(referenceOf(object)), codes) };
    }
    applied += 1;
  }
  return { applied };
}

async function stageReadiness(
  client: KubernetesClient,
  objects: readonly KubernetesObject[],
  title: string,
): Promise<ReturnType<typeof wait> | ReturnType<typeof failed> | undefined> {
  try {
    const unready = await firstUnready(client, objects);
    if (unready !== undefined) {
      const { object, readiness } = unready;
      const name = `${object.kind} ${object.metadata.namespace === undefined ? '' : `${object.metadata.namespace}/`}${object.metadata.name}`;
      return readiness.state === 'failed'
        ? failed(registered('CAP-5003', name, readiness.reason))
        : wait(5, { sentence: `waiting for ${name}: ${readiness.reason}` });
    }
    const definitions = objects.filter((object) => object.kind === 'CustomResourceDefinition');
    const silent = await firstSilentWebhook(client, webhookTargets(objects), definitions);
    return silent === undefined
      ? undefined
      : wait(5, { sentence: `waiting for the webhook ${silent.webhook}: ${shorten(silent.reason, 200)}` });
  } catch (error) {
    return errorOutcome(error, title, codes);
  }
}

function versionsOf(components: readonly Component[]): InstalledVersions {
  return Object.fromEntries(components.map((component) => [component.name, component.version]));
}

/** e.g. `cert-manager, Cluster API v1.14.0, CAPZ v1.26.0 · webhooks answer`. */
function summary(components: readonly Component[]): string {
  const named = components
    .filter((component) => component.title !== undefined)
    .map((component) =>
      component.provider === undefined ? component.title : `${component.title} ${component.version}`,
    );
  return `${named.length === 0 ? `${components.length} components` : named.join(', ')} · webhooks answer`;
}
