import type { ClusterPlan, PlannedResource, ResourceKind } from '#domain/plan/types.ts';
import { availabilitySet } from './availabilitySet/client.ts';
import { blobContainer, relayContainer } from './blobContainer/client.ts';
import type { Connection } from './clients/clients.ts';
import { disk } from './disk/client.ts';
import { gallery } from './gallery/client.ts';
import { galleryImage } from './galleryImage/client.ts';
import { galleryImageVersion } from './galleryImageVersion/client.ts';
import { image } from './image/client.ts';
import { imageDisk } from './imageDisk/client.ts';
import { inboundNatRule } from './inboundNatRule/client.ts';
import { loadBalancer } from './loadBalancer/client.ts';
import { natGateway } from './natGateway/client.ts';
import { networkInterface } from './networkInterface/client.ts';
import { networkSecurityGroup } from './networkSecurityGroup/client.ts';
import { observeKind } from './observe/observe.ts';
import { privateDnsRecord } from './privateDnsRecord/client.ts';
import { privateDnsZone } from './privateDnsZone/client.ts';
import { privateDnsZoneGroup } from './privateDnsZoneGroup/client.ts';
import { privateDnsZoneLink } from './privateDnsZoneLink/client.ts';
import { privateEndpoint } from './privateEndpoint/client.ts';
import { publicIPAddress } from './publicIPAddress/client.ts';
import { compareKind, firstParameters } from './resource/compare.ts';
import { ensureKind } from './resource/ensure.ts';
import type { KindDefinition, Ownership } from './resource/kind.ts';
import { removeKind } from './resource/remove.ts';
import { roleAssignment } from './roleAssignment/client.ts';
import { routeTable } from './routeTable/client.ts';
import { storageAccount } from './storageAccount/client.ts';
import { storageClosure } from './storageClosure/client.ts';
import type {
  CompareRequest,
  Comparison,
  EnsureOutcome,
  EnsureRequest,
  ObservedResource,
  RemoveOutcome,
  RemoveRequest,
} from './types.ts';
import { userAssignedIdentity } from './userAssignedIdentity/client.ts';
import { virtualMachine } from './virtualMachine/client.ts';
import { ensureMachine } from './virtualMachine/zones.ts';
import { virtualNetwork } from './virtualNetwork/client.ts';

/** A kind with its body type closed over. */
export interface KindAdapter {
  readonly ownership: Ownership;
  ensure(connection: Connection, request: EnsureRequest): Promise<EnsureOutcome>;
  compare(connection: Connection, request: CompareRequest): Promise<Comparison>;
  /** Parameters of the first write; undefined when they cannot be told before. */
  parameters(connection: Connection, request: CompareRequest): unknown;
  remove(connection: Connection, request: RemoveRequest): Promise<RemoveOutcome>;
  observe(connection: Connection, plan: ClusterPlan, resource: PlannedResource): Promise<ObservedResource>;
}

function adapter<Body>(definition: KindDefinition<Body>): KindAdapter {
  return {
    ownership: definition.ownership,
    ensure: (connection, request) => ensureKind(connection, definition, request),
    compare: (connection, request) => compareKind(connection, definition, request),
    parameters: (connection, request) => firstParameters(connection, definition, request),
    remove: (connection, request) => removeKind(connection, definition, request),
    observe: (connection, plan, resource) => observeKind(connection, definition, plan, resource),
  };
}

/** Every kind of resource that a plan can hold. */
export const kinds: Readonly<Record<ResourceKind, KindAdapter>> = {
  virtualNetwork: adapter(virtualNetwork),
  networkSecurityGroup: adapter(networkSecurityGroup),
  routeTable: adapter(routeTable),
  publicIPAddress: adapter(publicIPAddress),
  natGateway: adapter(natGateway),
  loadBalancer: adapter(loadBalancer),
  inboundNatRule: adapter(inboundNatRule),
  networkInterface: adapter(networkInterface),
  virtualMachine: { ...adapter(virtualMachine), ensure: ensureMachine },
  availabilitySet: adapter(availabilitySet),
  disk: adapter(disk),
  userAssignedIdentity: adapter(userAssignedIdentity),
  roleAssignment: adapter(roleAssignment),
  storageAccount: adapter(storageAccount),
  blobContainer: adapter(blobContainer),
  storageClosure: adapter(storageClosure),
  privateEndpoint: adapter(privateEndpoint),
  privateDnsZone: adapter(privateDnsZone),
  privateDnsZoneLink: adapter(privateDnsZoneLink),
  privateDnsRecord: adapter(privateDnsRecord),
  relayContainer: adapter(relayContainer),
  privateDnsZoneGroup: adapter(privateDnsZoneGroup),
  imageDisk: adapter(imageDisk),
  image: adapter(image),
  gallery: adapter(gallery),
  galleryImage: adapter(galleryImage),
  galleryImageVersion: adapter(galleryImageVersion),
};
