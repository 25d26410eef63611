import { field, listField, numberField, referenceOf, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import type { KubernetesClient } from '../client/client.ts';

/** How one object stands. */
export type Readiness =
  | { readonly state: 'ready' }
  | { readonly state: 'pending'; readonly reason: string }
  /** It will not become ready without a change. */
  | { readonly state: 'failed'; readonly reason: string };

const ready: Readiness = { state: 'ready' };

/** Kinds whose readiness means something; every other object is ready when it exists. */
export const kindsWithReadiness: ReadonlySet<string> = new Set([
  'CustomResourceDefinition',
  'Deployment',
  'DaemonSet',
  'StatefulSet',
  'Job',
]);

/** Judges a live object by the rules kubectl's rollout status and wait use; undefined: it does not exist yet. */
export function readinessOf(object: KubernetesObject | undefined): Readiness {
  if (object === undefined) {
    return { state: 'pending', reason: 'does not exist yet' };
  }
  switch (object.kind) {
    case 'CustomResourceDefinition':
      return conditionStatus(object, 'Established') === 'True'
        ? ready
        : { state: 'pending', reason: 'not established' };
    case 'Deployment':
      return deploymentReadiness(object);
    case 'DaemonSet':
      return countReadiness(object, 'numberAvailable', numberField(object, 'status', 'desiredNumberScheduled'));
    case 'StatefulSet':
      return countReadiness(object, 'readyReplicas', numberField(object, 'spec', 'replicas') ?? 1);
    case 'Job':
      return jobReadiness(object);
    default:
      return ready;
  }
}

/** Status of a condition (`True`, `False`, `Unknown`), undefined when it is absent. */
export function conditionStatus(object: KubernetesObject, type: string): string | undefined {
  return textField(findCondition(object, type), 'status');
}

/** A condition of status.conditions. */
export function findCondition(object: KubernetesObject, type: string): unknown {
  return listField(object, 'status', 'conditions').find((condition) => textField(condition, 'type') === type);
}

/** The first object that is not ready, read live; undefined when all are. */
export async function firstUnready(
  client: KubernetesClient,
  objects: readonly KubernetesObject[],
): Promise<
  { readonly object: KubernetesObject; readonly readiness: Exclude<Readiness, { state: 'ready' }> } | undefined
> {
  // Workloads take longest: looked at first, a look that finds nothing new costs one request.
  const slowFirst = objects
    .filter((object) => kindsWithReadiness.has(object.kind))
    .sort((a, b) => Number(a.kind === 'CustomResourceDefinition') - Number(b.kind === 'CustomResourceDefinition'));
  for (const object of slowFirst) {
    const readiness = readinessOf(await client.get(referenceOf(object)));
    if (readiness.state !== 'ready') {
      return { object, readiness };
    }
  }
  return undefined;
}

function deploymentReadiness(object: KubernetesObject): Readiness {
  if (!observed(object)) {
    return { state: 'pending', reason: 'not observed yet' };
  }
  const progressing = findCondition(object, 'Progressing');
  if (textField(progressing, 'reason') === 'ProgressDeadlineExceeded') {
    return { state: 'failed', reason: textField(progressing, 'message') ?? 'progress deadline exceeded' };
  }
  const desired = numberField(object, 'spec', 'replicas') ?? 1;
  const available = numberField(object, 'status', 'availableReplicas') ?? 0;
  const updated = numberField(object, 'status', 'updatedReplicas') ?? 0;
  if (conditionStatus(object, 'Available') === 'True' && available >= desired && updated >= desired) {
    return ready;
  }
  const why = textField(findCondition(object, 'Available'), 'message');
  return {
    state: 'pending',
    reason: `${available} of ${desired} available${why === undefined || why === '' ? '' : `: ${why}`}`,
  };
}

function countReadiness(object: KubernetesObject, counter: string, desired: number | undefined): Readiness {
  const available = numberField(object, 'status', counter) ?? 0;
  if (!observed(object) || desired === undefined || available < desired) {
    return { state: 'pending', reason: `${available} of ${desired ?? 'some'} available` };
  }
  return ready;
}

function jobReadiness(object: KubernetesObject): Readiness {
  if (conditionStatus(object, 'Failed') === 'True') {
    return { state: 'failed', reason: textField(findCondition(object, 'Failed'), 'message') ?? 'the job failed' };
  }
  return conditionStatus(object, 'Complete') === 'True' ? ready : { state: 'pending', reason: 'not complete' };
}

function observed(object: KubernetesObject): boolean {
  const generation = field(object, 'metadata', 'generation');
  const seen = numberField(object, 'status', 'observedGeneration');
  return seen !== undefined && (typeof generation !== 'number' || seen >= generation);
}
