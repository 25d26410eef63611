import type { AuthorizationManagementClient } from '@azure/arm-authorization';
import type { ComputeManagementClient } from '@azure/arm-compute';
import type { ContainerServiceClient } from '@azure/arm-containerservice';
import type { ManagedServiceIdentityClient } from '@azure/arm-msi';
import type { NetworkManagementClient } from '@azure/arm-network';
import type { ResourceManagementClient } from '@azure/arm-resources';
import type { StorageManagementClient } from '@azure/arm-storage';
import type { TokenCredential } from '@azure/core-auth';
import type { HttpClient } from '@azure/core-rest-pipeline';
import type { AzureSettings } from '../types.ts';
import { type Budget, budgetPolicy, createBudget } from './budget.ts';
import { capturePolicy } from './capture.ts';
import { type Cloud, cloudOf } from './cloud.ts';
import { createCredential } from './credential.ts';
import { checkGateway, createHttpClient } from './http-client.ts';
import { load, once } from './lazy.ts';

/** The management clients of one subscription; each is loaded when it is first asked for. */
export interface Clients {
  readonly subscriptionId: string;
  network(): Promise<NetworkManagementClient>;
  compute(): Promise<ComputeManagementClient>;
  storage(): Promise<StorageManagementClient>;
  identities(): Promise<ManagedServiceIdentityClient>;
  authorization(): Promise<AuthorizationManagementClient>;
  resources(): Promise<ResourceManagementClient>;
  containerService(): Promise<ContainerServiceClient>;
}

/** What every part of this room shares: cloud addresses, credential, HTTP client and the clients per subscription. */
export interface Connection {
  readonly settings: AzureSettings;
  readonly cloud: Cloud;
  /** Gateway that stands in for Azure, or undefined. */
  readonly gateway: URL | undefined;
  credential(): Promise<TokenCredential>;
  httpClient(): Promise<HttpClient>;
  clients(subscriptionId: string): Clients;
  /**
   * Runs a sequence of reads for which the budget has room from its first call on; a sequence that is stopped in its
   * middle would start over and never end among a hundred others.
   *
   * @throws BudgetDeferral when there is no room now
   */
  withReads<Value>(subscriptionId: string, reads: number, run: () => Promise<Value>): Promise<Value>;
}

/**
 * Connects lazily: nothing is loaded or asked before the first call. The SDKs' own retries are off; waiting is the
 * orchestrator's business (architecture.md, rules of the house).
 *
 * @throws Error when the gateway setting is not a loopback address
 */
export function connect(settings: AzureSettings): Connection {
  const cloud = cloudOf(settings.environment);
  const gateway = settings.gatewayUrl === undefined ? undefined : checkGateway(settings.gatewayUrl);
  const credential = once(() => createCredential(settings, cloud));
  const httpClient = once(() => createHttpClient(gateway));
  const budget = settings.budget === undefined && gateway !== undefined ? undefined : createBudget(settings.budget);
  const bySubscription = new Map<string, Clients>();
  return {
    settings,
    cloud,
    gateway,
    credential,
    httpClient,
    withReads: (subscriptionId, reads, run) =>
      budget === undefined ? run() : budget.reserve(subscriptionId, { reads }, run),
    clients(subscriptionId) {
      const key = subscriptionId.toLowerCase();
      const known = bySubscription.get(key) ?? createClients(subscriptionId, cloud, credential, httpClient, budget);
      bySubscription.set(key, known);
      return known;
    },
  };
}

function createClients(
  subscriptionId: string,
  cloud: Cloud,
  credential: () => Promise<TokenCredential>,
  httpClient: () => Promise<HttpClient>,
  budget: Budget | undefined,
): Clients {
  const policies = [capturePolicy, ...(budget === undefined ? [] : [budgetPolicy(budget)])];
  const options = async () => ({
    httpClient: await httpClient(),
    retryOptions: { maxRetries: 0 },
    additionalPolicies: policies.map((policy) => ({ policy, position: 'perRetry' as const })),
    endpoint: cloud.resourceManager,
    credentialScopes: [`${cloud.resourceManager}/.default`],
    credentials: { scopes: [`${cloud.resourceManager}/.default`] },
  });
  return {
    subscriptionId,
    network: once(async () => {
      const { NetworkManagementClient } = await load(() => import('@azure/arm-network'));
      return new NetworkManagementClient(await credential(), subscriptionId, await options());
    }),
    compute: once(async () => {
      const { ComputeManagementClient } = await load(() => import('@azure/arm-compute'));
      return new ComputeManagementClient(await credential(), subscriptionId, await options());
    }),
    storage: once(async () => {
      const { StorageManagementClient } = await load(() => import('@azure/arm-storage'));
      return new StorageManagementClient(await credential(), subscriptionId, await options());
    }),
    identities: once(async () => {
      const { ManagedServiceIdentityClient } = await load(() => import('@azure/arm-msi'));
      return new ManagedServiceIdentityClient(await credential(), subscriptionId, await options());
    }),
    authorization: once(async () => {
      const { AuthorizationManagementClient } = await load(() => import('@azure/arm-authorization'));
      return new AuthorizationManagementClient(await credential(), subscriptionId, await options());
    }),
    containerService: once(async () => {
      const { ContainerServiceClient } = await load(() => import('@azure/arm-containerservice'));
      return new ContainerServiceClient(await credential(), subscriptionId, await options());
    }),
    resources: once(async () => {
      const { ResourceManagementClient } = await load(() => import('@azure/arm-resources'));
      return new ResourceManagementClient(await credential(), subscriptionId, await options());
    }),
  };
}
