import type { ResourceKind } from './types.ts';

/** Expected seconds of a create on Azure: recorded medians (azure-recordings/statistics.json, azure-behaviour.md §6). */
export const createSeconds: Readonly<Record<ResourceKind, number>> = {
  virtualNetwork: 11,
  networkSecurityGroup: 5,
  routeTable: 5,
  publicIPAddress: 5,
  natGateway: 20,
  loadBalancer: 8,
  inboundNatRule: 5,
  networkInterface: 5,
  virtualMachine: 45,
  availabilitySet: 2,
  disk: 5,
  userAssignedIdentity: 3,
  roleAssignment: 5,
  storageAccount: 27,
  blobContainer: 2,
  storageClosure: 3,
  privateEndpoint: 43,
  privateDnsZone: 35,
  privateDnsZoneLink: 35,
  privateDnsZoneGroup: 5,
  image: 25,
  gallery: 10,
  galleryImage: 5,
  galleryImageVersion: 600,
};
