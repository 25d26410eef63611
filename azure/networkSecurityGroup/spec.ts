import type { NetworkSecurityGroup, SecurityRule } from '@azure/arm-network';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { SpecInput } from '../resource/kind.ts';
import { common, reconcile } from '../resource/reconcile.ts';

function sources(cidrs: readonly string[]): Pick<SecurityRule, 'sourceAddressPrefix' | 'sourceAddressPrefixes'> {
  const [first, ...more] = cidrs;
  if (first === undefined) return { sourceAddressPrefix: '*' };
  return more.length === 0 ? { sourceAddressPrefix: first } : { sourceAddressPrefixes: [...cidrs] };
}

function inbound(
  name: string,
  priority: number,
  port: string,
  access: 'Allow' | 'Deny',
  cidrs: readonly string[],
  description: string,
): SecurityRule {
  return {
    name,
    description,
    priority,
    protocol: 'Tcp',
    direction: 'Inbound',
    access,
    sourcePortRange: '*',
    destinationPortRange: port,
    destinationAddressPrefix: '*',
    ...sources(cidrs),
  };
}

/**
 * Rules of the control plane: `allow_apiserver` as CAPZ names it, and a rule of our own for port 22. CAPZ adds an open
 * `allow_ssh` unless some rule of the spec names destination port 22; a Deny rule counts (cluster-api-pivot.md §2c).
 *
 * @param clusterAddresses public addresses the cluster itself calls its API server from; they count as allowed, since
 *   nodes reach the server through its public name
 */
export function controlPlaneRules(plan: ClusterPlan, clusterAddresses: readonly string[]): SecurityRule[] {
  const { api, sshAllowedCidrs } = plan.network;
  const allowed =
    api.allowedCidrs.length === 0 ? [] : [...api.allowedCidrs, ...clusterAddresses.map((ip) => `${ip}/32`)];
  const ssh =
    sshAllowedCidrs.length === 0
      ? inbound('deny_ssh', 2200, '22', 'Deny', [], 'SSH is closed; spec.network.ssh.allowedCidrs opens it')
      : inbound('allow_ssh', 2200, '22', 'Allow', sshAllowedCidrs, 'Allow SSH');
  return [ssh, inbound('allow_apiserver', 2201, String(api.port), 'Allow', allowed, 'Allow K8s API Server')];
}

/** Names of the rules that are ours alone: what a document no longer asks for must not stay open. */
const ownRules: ReadonlySet<string> = new Set(['allow_ssh', 'deny_ssh', 'allow_apiserver']);

/** Who a rule is for, as one text. */
function sourcesOf({ sourceAddressPrefix, sourceAddressPrefixes }: SecurityRule): string {
  const all = [sourceAddressPrefix ?? '', ...(sourceAddressPrefixes ?? [])].filter((source) => source !== '');
  return all.toSorted((a, b) => (a < b ? -1 : 1)).join();
}

/** What exists without the rules of ours that the document does not ask for, or asks for with other callers. */
function withoutStale(
  existing: NetworkSecurityGroup | undefined,
  wanted: readonly SecurityRule[],
): NetworkSecurityGroup | undefined {
  const isStale = (rule: SecurityRule): boolean => {
    if (!ownRules.has(rule.name ?? '')) return false;
    const counterpart = wanted.find(({ name }) => name === rule.name);
    return counterpart === undefined || sourcesOf(counterpart) !== sourcesOf(rule);
  };
  return wanted.length === 0 || existing?.securityRules === undefined
    ? existing
    : { ...existing, securityRules: existing.securityRules.filter((rule) => !isStale(rule)) };
}

/** Security group of the control plane or of the workers (which open nothing). Rules of others in it stay. */
export function networkSecurityGroupSpec(
  input: SpecInput,
  existing: NetworkSecurityGroup | undefined,
): NetworkSecurityGroup | undefined {
  const { plan, resource, outputs } = input;
  const own = [outputs['apiPublicIp']?.['ipAddress'], outputs['natGatewayPublicIp']?.['ipAddress']];
  const addresses = own.filter((ip) => ip !== undefined);
  const securityRules =
    resource.name === plan.network.controlPlaneSecurityGroup ? controlPlaneRules(plan, addresses) : [];
  const wanted = { ...common(input), ...(securityRules.length === 0 ? {} : { securityRules }) };
  return reconcile(withoutStale(existing, securityRules), wanted);
}
