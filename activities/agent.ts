import { helmProvider } from '#domain/cluster-api/versions.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { proxyEnvironment } from '#domain/kubeadm/proxy.ts';
import { addressAt, parseCidr } from '#domain/network/cidr.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { BundledComponent } from '#kubernetes/components/bundle.ts';
import type { Component } from '#kubernetes/components/component.ts';
import type { InstallState } from '#kubernetes/components/install.ts';
import { defineActivity } from './define.ts';
import { planAsBuilt } from './record.ts';
import { observeNodes, withCluster } from './kubernetes.ts';
import type { Work } from './runtime.ts';

/** Installs cloud provider, CNI, cert-manager, Cluster API and CAPZ from the container `components`, and waits for their webhooks. */
defineActivity('installAgent', async (work, input) => {
  const plan = await planAsBuilt(work);
  const components = (await clusterComponents(work, plan)).filter(({ name }) => name !== helmProvider);
  const { installComponents } = await import('#kubernetes/components/install.ts');
  return withCluster(work, async ({ client }) => {
    const state = input.state?.['stage'] === undefined ? undefined : (input.state as unknown as InstallState);
    const outcome = await installComponents(
      // Through the relay a request takes about a second.
      { client, components, ...(plan.network.api.private === undefined ? {} : { batch: 40 }) },
      state,
    );
    await observeNodes(work, client, false);
    return outcome.status === 'done'
      ? { status: 'done', value: {}, ...(outcome.sentence === undefined ? {} : { sentence: outcome.sentence }) }
      : outcome;
  });
});

/**
 * A pod on the only control-plane machine cannot come back to it through the internal load balancer (risk R5): the
 * API server's name is the address of the service `kubernetes`, which the machine answers itself.
 */
function hostAlias(plan: ClusterPlan): Pick<Component, 'hostAlias'> {
  const service = parseCidr(plan.network.serviceCidr);
  return plan.network.api.private === undefined || service === undefined
    ? {}
    : { hostAlias: { ip: addressAt(service, 1), hostname: plan.network.api.host } };
}

/**
 * The components of the container, checked, with what the cluster gives them.
 *
 * @throws CapstanFailure CAP-5001 or CAP-5005
 */
export async function clusterComponents(work: Work, plan: ClusterPlan): Promise<readonly Component[]> {
  const { readBundle } = await import('#kubernetes/components/bundle.ts');
  const bundle = await readBundle({
    read: (name) => work.store.documents.readComponent(name),
    indexSha256: work.config.componentsSha256,
  });
  if ('error' in bundle) throw new CapstanFailure(bundle.error);
  return bundle.components.map((component) => forCluster(component, plan));
}

/** A component with what the cluster gives it: values for its variables, the proxy. */
function forCluster(component: BundledComponent, plan: ClusterPlan): Component {
  const { title, provider, ...rest } = component;
  return {
    ...rest,
    proxy: proxyEnvironment(plan),
    ...hostAlias(plan),
    variables: {
      CLUSTER_NAME: plan.name,
      POD_CIDR: plan.network.podCidr,
      AZURE_SUBSCRIPTION_ID: plan.azure.subscriptionId,
      // With this gate CAPZ would give an adopted public API server a second, internal load balancer.
      EXP_APISERVER_ILB: 'false',
    },
    ...(title === undefined ? {} : { title }),
    ...(provider === undefined ? {} : { provider }),
  };
}
