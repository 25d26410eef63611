import type { ControllerContext } from '../context.ts';
import { POD } from '../kinds.ts';
import type { Kube } from '../objects.ts';
import { AZURE_IDENTITY } from '../cluster-api/kinds.ts';
import { isReadyPod } from '../workloads/pods.ts';
import type { ArmClient, SignIn } from './arm-client.ts';
import { createArmClient } from './arm-client.ts';
import type { AzureClusterObject, AzureIdentityObject } from './spec.ts';

/** Hands out ARM clients that sign in as the AzureCluster's identity, from the machine on which CAPZ's pod runs. */
export function createSignIn(context: ControllerContext, kube: Kube): (azureCluster: AzureClusterObject) => ArmClient {
  const clients = new Map<string, ArmClient>();
  return (azureCluster) => {
    const signIn = describe(context, kube, azureCluster);
    const key = JSON.stringify(signIn);
    const existing = clients.get(key);
    if (existing !== undefined) return existing;
    const client = createArmClient(context.azure.gatewayUrl, context.azure.clock, signIn);
    clients.set(key, client);
    return client;
  };
}

function describe(context: ControllerContext, kube: Kube, azureCluster: AzureClusterObject): SignIn {
  const reference = azureCluster.spec?.identityRef;
  const namespace = reference?.namespace ?? azureCluster.metadata.namespace ?? '';
  const identity = reference?.name === undefined ? undefined : kube.get(AZURE_IDENTITY, namespace, reference.name);
  if (identity === undefined)
    throw new Error(
      `failed to retrieve AzureClusterIdentity external object "${namespace}"/"${reference?.name ?? ''}": not found`,
    );
  const { type, clientID, resourceID, allowedNamespaces } = (identity as AzureIdentityObject).spec ?? { type: '' };
  if (type !== 'UserAssignedMSI') {
    throw new Error(
      `AzureClusterIdentity type ${type} is not modelled by the simulated CAPZ: a self-hosted cluster uses UserAssignedMSI`,
    );
  }
  const list = allowedNamespaces?.list;
  if (
    allowedNamespaces === undefined ||
    (list !== undefined && !list.includes(azureCluster.metadata.namespace ?? ''))
  ) {
    throw new Error("AzureClusterIdentity list of allowed namespaces doesn't include current cluster namespace");
  }
  const pod = kube
    .list(POD, 'capz-system')
    .find((candidate) => candidate.metadata.name.startsWith('capz-controller-manager') && isReadyPod(candidate));
  const machine = context.machines.byNode(pod?.spec?.nodeName ?? '');
  if (machine === undefined) throw new Error('the capz-controller-manager pod runs on no machine');
  return { vmId: machine.id, clientId: clientID, identityId: resourceID };
}
