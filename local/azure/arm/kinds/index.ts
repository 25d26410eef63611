import type { Kind } from '../engine/model.ts';
import { agentPools } from './agentPools.ts';
import { scaleSets } from './aksNodeGroup.ts';
import { authorizationHandlers, extensionKinds } from './authorization.ts';
import { catalogueHandlers } from './catalogueHandlers.ts';
import { deletedVaultHandlers } from './deletedVaults.ts';
import { deploymentHandlers, deployments } from './deployments.ts';
import { availabilitySets, disks } from './disks.ts';
import type { Handlers } from './handlers.ts';
import { federatedIdentityCredentials, userAssignedIdentities, vaults } from './identities.ts';
import { galleries, galleryImages, galleryImageVersions, images } from './images.ts';
import { loadBalancers } from './loadBalancers.ts';
import { networkInterfaces } from './networkInterfaces.ts';
import { networkSecurityGroups, routeTables } from './networkSecurityGroups.ts';
import { privateDnsHandlers, privateDnsKinds } from './privateDns.ts';
import { privateDnsZoneGroups, privateEndpoints } from './privateEndpoints.ts';
import { managedClusterHandlers, managedClusters } from './managedClusters.ts';
import { marketplaceHandlers } from './marketplace.ts';
import { natGateways, publicIPAddresses } from './publicAddresses.ts';
import { groupHandlers, resourceGroups } from './resourceGroups.ts';
import { storageAccounts } from './storageAccounts.ts';
import { storageHandlers } from './storageHandlers.ts';
import { subscriptionHandlers } from './subscriptions.ts';
import { guestHandlers } from './machineGuest.ts';
import { virtualMachines } from './virtualMachines.ts';
import { virtualNetworks } from './virtualNetworks.ts';

const ALL: readonly Kind[] = [
  resourceGroups,
  virtualNetworks,
  networkSecurityGroups,
  routeTables,
  publicIPAddresses,
  natGateways,
  loadBalancers,
  networkInterfaces,
  virtualMachines,
  disks,
  availabilitySets,
  images,
  galleries,
  galleryImages,
  galleryImageVersions,
  storageAccounts,
  userAssignedIdentities,
  federatedIdentityCredentials,
  vaults,
  deployments,
  managedClusters,
  agentPools,
  scaleSets,
  privateEndpoints,
  privateDnsZoneGroups,
  ...privateDnsKinds,
  ...extensionKinds,
];

/** Every kind of the simulated Azure by lower-case type. */
export const KINDS: ReadonlyMap<string, Kind> = new Map(ALL.map((kind) => [kind.type.toLowerCase(), kind]));

/** Every operation that is no plain read or write of a resource. */
export const HANDLERS: Handlers = {
  ...groupHandlers,
  ...subscriptionHandlers,
  ...catalogueHandlers,
  ...storageHandlers,
  ...authorizationHandlers,
  ...guestHandlers,
  ...deploymentHandlers,
  ...managedClusterHandlers,
  ...marketplaceHandlers,
  ...deletedVaultHandlers,
  ...privateDnsHandlers,
};
