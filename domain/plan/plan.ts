import { secretPrefix } from '../names/names.ts';
import type { ClusterDocument } from '../spec/types.ts';
import { identityResources, planIdentity, relayResources } from './identity.ts';
import { imageResources, planImage, planStorage } from './image.ts';
import { machineResources, planControlPlane, planPool } from './machines.ts';
import { networkResources, planNetwork } from './network.ts';
import { planResource } from './resources.ts';
import type { AzureFacts, ClusterPlan } from './types.ts';

/**
 * Decides everything before anything is created: names, ranges, zones, the list of Azure resources.
 * The same document, facts and uid always give the same plan.
 *
 * @param uid identity of this life of the cluster (a UUID); a cluster made again under the same name gets another one
 */
export function planCluster(document: ClusterDocument, facts: AzureFacts, uid: string): ClusterPlan {
  const { spec, metadata } = document;
  const network = planNetwork(document, facts, uid);
  const storage = planStorage(document, facts, network);
  const image = planImage(document, facts);
  const identity = planIdentity(document);
  const controlPlane = planControlPlane(document, facts, uid);
  const inputs = [
    ...networkResources(network),
    ...identityResources(document, identity, network),
    ...imageResources(document, storage, image, network),
    ...machineResources(controlPlane, network.api.loadBalancer),
    ...relayResources(storage, identity, network),
  ];
  const known = new Set(inputs.map((input) => input.key));
  return {
    schemaVersion: 1,
    uid,
    name: metadata.name,
    spec,
    azure: {
      environment: spec.azure.environment,
      tenantId: facts.tenantId,
      subscriptionId: spec.azure.subscriptionId,
      location: spec.azure.location,
      resourceGroup: spec.azure.resourceGroup,
    },
    regionZones: facts.regionZones,
    kubernetesVersion: spec.kubernetes.version,
    tags: metadata.tags,
    network,
    storage,
    image,
    identity,
    controlPlane,
    pools: spec.workerPools.map((pool) => planPool(metadata.name, pool, facts)),
    addOns: spec.addOns,
    secretPrefix: secretPrefix(metadata.name, uid),
    resources: inputs.map((input) =>
      // A need that is not part of this plan (an image of a gallery, a network of the user's) is met already.
      planResource(spec.azure.subscriptionId, spec.azure.resourceGroup, {
        ...input,
        needs: (input.needs ?? []).filter((key) => known.has(key)),
      }),
    ),
  };
}
