import type { AnyPlan, ManagedPlan } from '#domain/managed/types.ts';
import type { ClusterPlan, PlannedResource, ResourceKind } from '#domain/plan/types.ts';
import { agentPool } from './agentPool/client.ts';
import { availabilitySet } from './availabilitySet/client.ts';
import { blobContainer, relayContainer } from './blobContainer/client.ts';
import type { Clients, Connection } from './clients/clients.ts';
import { disk } from './disk/client.ts';
import { gallery } from './gallery/client.ts';
import { galleryImage } from './galleryImage/client.ts';
import { galleryImageVersion } from './galleryImageVersion/client.ts';
import { image } from './image/client.ts';
import { imageDisk } from './imageDisk/client.ts';
import { inboundNatRule } from './inboundNatRule/client.ts';
import { loadBalancer } from './loadBalancer/client.ts';
import { managedCluster } from './managedCluster/client.ts';
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
import { compareKind, firstParameters, readTags } from './resource/compare.ts';
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
  /** Tags of a resource by its id; undefined when it does not exist. A failure halts the sequence. */
  tags(clients: Clients, id: string): Promise<Readonly<Record<string, string>> | undefined>;
}

/** A kind that plans of self-managed clusters hold. */
function adapter<Body>(definition: KindDefinition<Body>): KindAdapter {
  return closed(definition, (request) => {
    if (request.plan.managed === undefined) return { ...request, plan: request.plan };
    throw new Error(`the plan of an AKS cluster holds no ${definition.kind}`);
  });
}

/** A kind that plans of AKS clusters hold. */
function managedAdapter<Body>(definition: KindDefinition<Body, ManagedPlan>): KindAdapter {
  return closed(definition, (request) => {
    if (request.plan.managed !== undefined) return { ...request, plan: request.plan };
    throw new Error(`the plan of a self-managed cluster holds no ${definition.kind}`);
  });
}

/** A kind that both hold. */
function commonAdapter<Body>(definition: KindDefinition<Body, AnyPlan>): KindAdapter {
  return closed(definition, (request) => request);
}

function closed<Body, Plan extends AnyPlan>(
  definition: KindDefinition<Body, Plan>,
  narrow: <Request extends { readonly plan: AnyPlan }>(request: Request) => Omit<Request, 'plan'> & { plan: Plan },
): KindAdapter {
  return {
    ownership: definition.ownership,
    ensure: (connection, request) => ensureKind(connection, definition, narrow(request)),
    compare: (connection, request) => compareKind(connection, definition, narrow(request)),
    parameters: (connection, request) => firstParameters(connection, definition, narrow(request)),
    remove: (connection, request) => removeKind(connection, definition, request),
    observe: (connection, plan, resource) => observeKind(connection, definition, plan, resource),
    tags: (clients, id) => readTags(clients, definition, id),
  };
}

/** A machine moves to another zone when the planned one is full. */
function virtualMachineAdapter(): KindAdapter {
  return {
    ...adapter(virtualMachine),
    ensure(connection, request) {
      const { plan } = request;
      if (plan.managed !== undefined) throw new Error('the plan of an AKS cluster holds no machines');
      return ensureMachine(connection, { ...request, plan });
    },
  };
}

/** Every kind of resource that a plan can hold. */
export const kinds: Readonly<Record<ResourceKind, KindAdapter>> = {
  virtualNetwork: commonAdapter(virtualNetwork),
  networkSecurityGroup: adapter(networkSecurityGroup),
  routeTable: adapter(routeTable),
  publicIPAddress: adapter(publicIPAddress),
  natGateway: adapter(natGateway),
  loadBalancer: adapter(loadBalancer),
  inboundNatRule: adapter(inboundNatRule),
  networkInterface: adapter(networkInterface),
  virtualMachine: virtualMachineAdapter(),
  availabilitySet: adapter(availabilitySet),
  disk: adapter(disk),
  userAssignedIdentity: commonAdapter(userAssignedIdentity),
  roleAssignment: commonAdapter(roleAssignment),
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
  managedCluster: managedAdapter(managedCluster),
  agentPool: managedAdapter(agentPool),
};
