import { proxyEnvironment } from '#domain/kubeadm/proxy.ts';
import { failed } from '#domain/outcome.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { BundledComponent } from '#kubernetes/components/bundle.ts';
import type { Component } from '#kubernetes/components/component.ts';
import type { InstallState } from '#kubernetes/components/install.ts';
import { defineActivity } from './define.ts';
import { planAsBuilt } from './record.ts';
import { observeNodes, withCluster } from './kubernetes.ts';

/** Installs cloud provider, CNI, cert-manager, Cluster API and CAPZ from the container `components`, and waits for their webhooks. */
defineActivity('installAgent', async (work, input) => {
  const { readBundle } = await import('#kubernetes/components/bundle.ts');
  const bundle = await readBundle({
    read: (name) => work.store.documents.readComponent(name),
    indexSha256: work.config.componentsSha256,
  });
  if ('error' in bundle) return failed(bundle.error);
  const plan = await planAsBuilt(work);
  const components = bundle.components.map((component) => forCluster(component, plan));
  const { installComponents } = await import('#kubernetes/components/install.ts');
  return withCluster(work, async ({ client }) => {
    const state = input.state?.['stage'] === undefined ? undefined : (input.state as unknown as InstallState);
    const outcome = await installComponents({ client, components }, state);
    await observeNodes(work, client, false);
    return outcome.status === 'done'
      ? { status: 'done', value: {}, ...(outcome.sentence === undefined ? {} : { sentence: outcome.sentence }) }
      : outcome;
  });
});

/** A component with what the cluster gives it: values for its variables, the proxy. */
function forCluster(component: BundledComponent, plan: ClusterPlan): Component {
  const { title, provider, ...rest } = component;
  return {
    ...rest,
    proxy: proxyEnvironment(plan),
    variables: {
      CLUSTER_NAME: plan.name,
      POD_CIDR: plan.network.podCidr,
      AZURE_SUBSCRIPTION_ID: plan.azure.subscriptionId,
    },
    ...(title === undefined ? {} : { title }),
    ...(provider === undefined ? {} : { provider }),
  };
}
