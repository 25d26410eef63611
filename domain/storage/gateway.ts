import { z } from 'zod';
import type { ClusterSpec } from '../spec/types.ts';

const frame = /-----(?:BEGIN|END) CERTIFICATE-----/g;
/** A certificate is a long ASN.1 sequence, whose Base64 begins with `MI`. */
const body = /^MI[A-Za-z0-9+/]{100,}={0,2}$/;

/** PEM certificates and white space, nothing else. */
function isCertificateBundle(text: string): boolean {
  const frames = text.match(frame) ?? [];
  const parts = text.split(frame);
  const paired = frames.every((line, index) => line.includes(index % 2 === 0 ? 'BEGIN' : 'END'));
  const fits = parts.every((part, index) =>
    index % 2 === 0 ? part.trim() === '' : body.test(part.replaceAll(/\s/g, '')),
  );
  return frames.length > 0 && frames.length % 2 === 0 && paired && fits;
}

const proxyUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL' })
  .refine((text) => new URL(text).username === '' && new URL(text).password === '', 'must not carry a user name');

/** A private gateway as `PUT /api/gateways/{name}` stores it: the way out of a network that clusters can inherit. */
export const gatewayDocument = z.strictObject({
  virtualNetwork: z.strictObject({
    resourceGroup: z.string().min(1).max(90),
    name: z.string().min(1).max(64),
  }),
  httpProxy: proxyUrl.optional(),
  httpsProxy: proxyUrl.optional(),
  noProxy: z.array(z.string().min(1)).max(200).default([]),
  trustedCa: z
    .string()
    .max(65_536)
    .refine(isCertificateBundle, 'must be PEM certificates and nothing else')
    .optional()
    .describe('Certificates that nodes trust besides the public ones.'),
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

/** The request with what it inherits; what it says itself stays. */
export function inheritGateway(spec: ClusterSpec, gateway: Gateway): ClusterSpec {
  const { virtualNetwork, httpProxy, httpsProxy, noProxy } = gateway;
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
  };
}
