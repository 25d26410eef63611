import type { Config } from '#config/config.ts';
import { compareManaged } from '#domain/check/managed.ts';
import type { CheckReport, Finding } from '#domain/check/types.ts';
import { isReachable } from '#domain/managed/shape.ts';
import type { ManagedPlan } from '#domain/managed/types.ts';
import type { ClusterRows } from '#store/clusters.ts';
import type { Store } from '#store/store.ts';
import { azureOf } from './azure.ts';
import { obstacle } from './plan.ts';

/**
 * Compares an AKS cluster with its document: its Azure resources with the plan, its pools with those of the document,
 * and whether its API server answers. Its certificates are Azure's own business.
 *
 * @throws CapstanFailure when Azure cannot be asked
 */
export async function lookAtManaged(config: Config, store: Store, { head, check }: ClusterRows): Promise<CheckReport> {
  const plan = await store.documents.getContent<ManagedPlan>(head.planSha ?? '');
  const azure = await azureOf(config);
  const read = await azure.observeManaged(plan);
  if (read.status !== 'done') throw obstacle(read);
  const stands = read.value.state !== undefined && read.value.state.power === 'Running';
  const problem = stands ? await apiProblem(config, plan) : 'the AKS cluster is gone or stopped';
  const reachable = problem === undefined;
  const now = new Date().toISOString();
  return {
    checkedAt: now,
    api: {
      reachable,
      since: check?.api.reachable === reachable ? check.api.since : now,
      ...(reachable ? {} : { problem }),
    },
    findings: [...compareManaged(plan, read.value), ...(stands && !reachable ? [unreachable(plan, problem)] : [])],
    certificates: [],
  };
}

/** Why the API server does not answer; undefined when it does, or when only others can ask it. */
async function apiProblem(config: Config, plan: ManagedPlan): Promise<string | undefined> {
  if (!isReachable(plan)) return undefined;
  const { connectByKubeconfig } = await import('#kubernetes/client/kubeconfig.ts');
  try {
    const kubeconfig = await (await azureOf(config)).managedCredentials(plan, 'admin');
    const client = connectByKubeconfig(kubeconfig, config.gatewayUrl);
    try {
      const { status } = await client.raw('/readyz');
      return status === 200 ? undefined : `it answers ${status}`;
    } finally {
      client.close();
    }
  } catch (error) {
    return error instanceof Error ? error.message.slice(0, 200) : 'no answer';
  }
}

function unreachable(plan: ManagedPlan, problem: string): Finding {
  return {
    kind: 'unreachable',
    where: plan.managed.id,
    sentence: `the API server of ${plan.name} does not answer: ${problem}`,
    repairable: false,
  };
}
