import { z } from 'zod';
import { trustedCa } from '../kubeadm/trusted-ca.ts';
import type { ClusterSpec } from '../spec/types.ts';

const proxyUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .refine((text) => new URL(text).username === '' && new URL(text).password === '', 'must not carry a user name');

/** Name of a gateway: a DNS label of at most 44 characters, as names of clusters are. */
export const gatewayName = z
  .string()
  .max(44)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be a DNS label: lower-case letters, digits and hyphens');

/** A private gateway as `PUT /api/gateways/{name}` stores it: the way out of a network that clusters can inherit. */
export const gatewayDocument = z.strictObject({
  virtualNetwork: z.strictObject({
    resourceGroup: z.string().min(1).max(90),
    name: z.string().min(1).max(64),
  }),
  httpProxy: proxyUrl.optional(),
  httpsProxy: proxyUrl.optional(),
  noProxy: z.array(z.string().min(1)).max(200).default([]),
  trustedCa: trustedCa.optional(),
});

export type Gateway = z.infer<typeof gatewayDocument>;

/** What does not fit together, as a path into the request and a sentence. */
export interface GatewayProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * Whether a cluster may use a gateway: static placement in the gateway's virtual network, and a storage account of the
 * user's own that is reached through a private endpoint, since the nodes have no other way to it.
 *
 * @param spec the request before it inherits
 * @returns nothing when the combination holds
 */
export function gatewayProblems(spec: ClusterSpec, name: string, gateway: Gateway): readonly GatewayProblem[] {
  const problems: GatewayProblem[] = [];
  const broken = (path: readonly string[], message: string) => problems.push({ path: ['spec', ...path], message });
  const { network, storage, azure } = spec;
  const own = gateway.virtualNetwork;
  if (network.placement !== 'static') {
    broken(['network', 'placement'], `the gateway ${name} needs static placement in its virtual network ${own.name}`);
  } else {
    const group = network.resourceGroup ?? own.resourceGroup;
    const virtualNetwork = network.virtualNetwork ?? own.name;
    const same =
      virtualNetwork.toLowerCase() === own.name.toLowerCase() &&
      group.toLowerCase() === own.resourceGroup.toLowerCase();
    if (!same) {
      const there = `${own.name} in the group ${own.resourceGroup}`;
      broken(['network', 'virtualNetwork'], `the gateway ${name} is in the virtual network ${there}`);
    }
  }
  if (spec.image.vhd !== undefined && storage.account === undefined) {
    broken(['storage', 'account'], `the gateway ${name} needs a storage account of your own in ${azure.location}`);
  }
  if (spec.image.vhd !== undefined && storage.networkAccess !== 'private') {
    broken(['storage', 'networkAccess'], `the gateway ${name} needs an account with a private endpoint: private`);
  }
  return problems;
}

/**
 * What a running cluster inherited when it was made: a gateway that changes later changes no cluster.
 *
 * @returns undefined when the cluster used no gateway of this name
 */
export function inheritedGateway(recorded: ClusterSpec, name: string): Gateway | undefined {
  const { resourceGroup, virtualNetwork } = recorded.network;
  if (recorded.gateway !== name || resourceGroup === undefined || virtualNetwork === undefined) return undefined;
  const { httpProxy, httpsProxy, noProxy = [] } = recorded.proxy ?? {};
  return {
    virtualNetwork: { resourceGroup, name: virtualNetwork },
    ...(httpProxy === undefined ? {} : { httpProxy }),
    ...(httpsProxy === undefined ? {} : { httpsProxy }),
    noProxy,
    ...(recorded.trustedCa === undefined ? {} : { trustedCa: recorded.trustedCa }),
  };
}

/** The request with what it inherits; what it says itself stays. */
export function inheritGateway(spec: ClusterSpec, gateway: Gateway): ClusterSpec {
  const { virtualNetwork, httpProxy, httpsProxy, noProxy } = gateway;
  const certificates = spec.trustedCa ?? gateway.trustedCa;
  const inherited = {
    ...(httpProxy === undefined ? {} : { httpProxy }),
    ...(httpsProxy === undefined ? {} : { httpsProxy }),
    noProxy,
  };
  const hasProxy = httpProxy !== undefined || httpsProxy !== undefined;
  return {
    ...spec,
    network: {
      ...spec.network,
      resourceGroup: spec.network.resourceGroup ?? virtualNetwork.resourceGroup,
      virtualNetwork: spec.network.virtualNetwork ?? virtualNetwork.name,
    },
    ...(spec.proxy === undefined && hasProxy ? { proxy: inherited } : {}),
    ...(certificates === undefined ? {} : { trustedCa: certificates }),
  };
}
