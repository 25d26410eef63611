import type { ControllerContext } from './context.ts';
import type { NodeObject } from './kinds.ts';
import { NODE } from './kinds.ts';
import type { HostedControllers } from './manager.ts';
import type { Kube } from './objects.ts';

const UNINITIALIZED = 'node.cloudprovider.kubernetes.io/uninitialized';

/** Provider id as cloud-provider-azure writes it: the resource group in lower case (cluster-api-pivot.md §2c). */
export function providerIdOf(machine: { subscriptionId: string; resourceGroup: string; name: string }): string {
  const group = machine.resourceGroup.toLowerCase();
  return `azure:///subscriptions/${machine.subscriptionId}/resourceGroups/${group}/providers/Microsoft.Compute/virtualMachines/${machine.name}`;
}

/**
 * cloud-provider-azure: initialises nodes (provider id, removal of the `uninitialized` taint) and deletes the Node of a
 * machine that no longer exists in Azure. Lives in the Deployment kube-system/cloud-controller-manager.
 */
export function createCloudProvider(context: ControllerContext): HostedControllers {
  const { machines } = context;
  return {
    namespace: 'kube-system',
    deployment: 'cloud-controller-manager',
    create: (kube) => [
      {
        name: 'cloud-node-controller',
        followsMachines: true,
        watches: [{ kind: NODE }],
        reconcile: (key) => {
          const node = kube.get(NODE, '', key.name);
          if (node === undefined) return undefined;
          const machine = machines.byNode(key.name);
          if (!machines.exists(key.name)) {
            kube.event(
              node,
              'Normal',
              'DeletingNode',
              `Deleting node ${key.name} because it does not exist in the cloud provider`,
            );
            kube.remove(node);
            return undefined;
          }
          if (machine !== undefined) initialise(kube, node, providerIdOf(machine));
          return undefined;
        },
      },
    ],
  };
}

function initialise(kube: Kube, node: NodeObject, providerId: string): void {
  const taints = (node.spec?.taints ?? []).filter((taint) => taint.key !== UNINITIALIZED);
  const isTainted = taints.length !== (node.spec?.taints ?? []).length;
  if (!isTainted && (node.spec?.providerID ?? '') !== '') return;
  kube.patch(node, {
    spec: { providerID: node.spec?.providerID ?? providerId, taints: taints.length === 0 ? null : taints },
  });
  kube.event(node, 'Normal', 'Synced', 'Node synced successfully');
}
