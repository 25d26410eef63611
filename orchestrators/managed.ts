import type { OrchestrationContext } from 'durable-functions';
import type { Outcome } from '#domain/outcome.ts';
import type { RunShape } from '#domain/plan/shape.ts';
import { end, inputOf, runStages, step } from './cluster.ts';
import type { Steps } from './durable.ts';

/**
 * Makes, changes or repairs an AKS cluster: every time the same way, because each step compares what is with what is
 * wanted. Applying again continues.
 */
export function* applyManagedCluster(context: OrchestrationContext): Steps<object> {
  const ref = inputOf(context);
  const preflight = (yield step(context, { ref, step: 'preflight' })) as Outcome<RunShape>;
  const obstacle =
    preflight.status === 'done'
      ? yield* runStages(context, ref, preflight.value, preflight.value.stages ?? [])
      : preflight;
  return yield* end(context, ref, obstacle);
}

/** Deletes an AKS cluster: the cluster with its pools and their group, then what Capstan made around it. */
export function* deleteManagedCluster(context: OrchestrationContext): Steps<object> {
  const ref = inputOf(context);
  const shape: RunShape = { waves: {}, copyImage: false, pools: [], addOnLayers: [] };
  const obstacle = yield* runStages(context, ref, shape, [['deleteResources'], ['finish']]);
  return yield* end(context, ref, obstacle);
}
