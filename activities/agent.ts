import { z } from 'zod';
import { proxyEnvironment } from '#domain/kubeadm/proxy.ts';
import { failed } from '#domain/outcome.ts';
import type { Component } from '#kubernetes/components/component.ts';
import type { InstallState } from '#kubernetes/components/install.ts';
import { defineActivity } from './define.ts';
import { planAsBuilt } from './record.ts';
import { observeNodes, withCluster } from './kubernetes.ts';
import type { Work } from './runtime.ts';

const entry = z.object({
  name: z.string(),
  version: z.string(),
  title: z.string().optional(),
  file: z.string(),
  namespace: z.string(),
  order: z.number(),
  provider: z
    .object({
      name: z.string(),
      type: z.enum([
        'CoreProvider',
        'BootstrapProvider',
        'ControlPlaneProvider',
        'InfrastructureProvider',
        'AddonProvider',
      ]),
    })
    .optional(),
});

/** `index.json` of the container `components`. */
const componentIndex = z.array(entry).min(1);

/** Installs cloud provider, CNI, cert-manager, Cluster API and CAPZ from the container `components`, and waits for their webhooks. */
defineActivity('installAgent', async (work, input) => {
  const components = await loadComponents(work);
  if (components === undefined) {
    return failed({
      code: 'CAP-5001',
      message: 'The component manifests are missing',
      where: 'container components, index.json',
      remedy: 'Upload the manifests of the agent (npm start does it for the local run) and apply again.',
    });
  }
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

async function loadComponents(work: Work): Promise<readonly Component[] | undefined> {
  const text = await work.store.documents.readComponent('index.json');
  if (text === undefined) return undefined;
  const index = componentIndex.parse(JSON.parse(text));
  const plan = await planAsBuilt(work);
  const components: Component[] = [];
  for (const { name, version, title, file, namespace, order, provider } of index) {
    const manifest = await work.store.documents.readComponent(file);
    if (manifest === undefined) return undefined;
    components.push({
      name,
      version,
      manifest,
      namespace,
      order,
      proxy: proxyEnvironment(plan),
      variables: {
        CLUSTER_NAME: plan.name,
        POD_CIDR: plan.network.podCidr,
        AZURE_SUBSCRIPTION_ID: plan.azure.subscriptionId,
      },
      ...(title === undefined ? {} : { title }),
      ...(provider === undefined ? {} : { provider }),
    });
  }
  return components;
}
