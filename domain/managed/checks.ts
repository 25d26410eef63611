import { contains, overlaps, parseCidr, type Range } from '../network/cidr.ts';
import type { Broken } from '../spec/checks.ts';
import { isOlder } from '../spec/diff.ts';
import { reservedWordProblems, takenNameProblems } from '../spec/checks.ts';
import type { ManagedDocument, NodePoolSpec } from './types.ts';

/** Minor versions that a pool may be behind its control plane (AKS, supported version policy). */
const poolSkew = 3;

/** Rules between the fields of an AKS document that the schema cannot say. All broken ones are returned. */
export function checkManagedDocument(document: ManagedDocument): readonly Broken[] {
  return [
    ...takenNameProblems(document.metadata),
    ...reservedWordProblems(document.metadata),
    ...controlPlaneProblems(document),
    ...sshProblems(document),
    ...poolListProblems(document),
    ...document.spec.nodePools.flatMap((pool, index) => poolProblems(document, pool, index)),
    ...placementProblems(document),
    ...rangeProblems(document),
    ...addOnProblems(document),
  ];
}

function controlPlaneProblems({ spec }: ManagedDocument): Broken[] {
  const problems: Broken[] = [];
  const { aadProfile, disableLocalAccounts, autoUpgradeProfile, addonProfiles } = spec.managedControlPlane;
  const at = (...path: readonly PropertyKey[]) => ['spec', 'managedControlPlane', ...path];
  if (aadProfile?.managed === false)
    problems.push({
      path: at('aadProfile', 'managed'),
      message: 'must be true: AKS offers no other integration with Entra ID any more',
      code: 'CAP-1105',
    });
  if (disableLocalAccounts && aadProfile === undefined)
    problems.push({
      path: at('disableLocalAccounts'),
      message: 'needs aadProfile: without Entra ID nobody could sign in',
      code: 'CAP-1105',
    });
  const { upgradeChannel, nodeOSUpgradeChannel } = autoUpgradeProfile;
  if (upgradeChannel === 'node-image' && nodeOSUpgradeChannel !== undefined && nodeOSUpgradeChannel !== 'NodeImage')
    problems.push({
      path: at('autoUpgradeProfile', 'nodeOSUpgradeChannel'),
      message: `is ${nodeOSUpgradeChannel}, but upgradeChannel node-image needs NodeImage`,
      code: 'CAP-1106',
    });
  const { omsagent } = addonProfiles;
  if (omsagent?.enabled === true && omsagent.config === undefined)
    problems.push({
      path: at('addonProfiles', 'omsagent', 'config'),
      message: 'is needed: name the workspace in logAnalyticsWorkspaceResourceID',
      code: 'CAP-1001',
    });
  return problems;
}

function sshProblems({ spec }: ManagedDocument): Broken[] {
  return spec.sshKeys.flatMap((key, index) =>
    /^ssh-rsa [A-Za-z0-9+/]+=*(?: .*)?$/.test(key)
      ? []
      : [{ path: ['spec', 'sshKeys', index], message: 'must be an RSA key: AKS takes no other', code: 'CAP-1103' }],
  );
}

function poolListProblems({ spec }: ManagedDocument): Broken[] {
  const problems: Broken[] = [];
  if (!spec.nodePools.some((pool) => pool.mode === 'System'))
    problems.push({
      path: ['spec', 'nodePools'],
      message: 'needs at least one pool with mode System',
      code: 'CAP-1101',
    });
  const seen = new Set<string>();
  for (const [index, { name }] of spec.nodePools.entries()) {
    const path = ['spec', 'nodePools', index, 'name'];
    if (seen.has(name)) problems.push({ path, message: `there are two pools named ${name}`, code: 'CAP-1001' });
    seen.add(name);
  }
  return problems;
}

function poolProblems(document: ManagedDocument, pool: NodePoolSpec, index: number): Broken[] {
  const problems: Broken[] = [];
  const broken = (field: string, code: Broken['code'], message: string) =>
    problems.push({ path: ['spec', 'nodePools', index, field], message, code });
  if (pool.mode === 'System') {
    if (pool.osType !== 'Linux') broken('osType', 'CAP-1101', 'a System pool runs Linux');
    if (pool.taints.length > 0)
      broken('taints', 'CAP-1101', 'a System pool has no taints: it holds what AKS itself needs');
    if (pool.replicas < 1 || (pool.autoscaling !== undefined && pool.autoscaling.min < 1))
      broken('replicas', 'CAP-1101', 'a System pool has at least one node');
  }
  if (pool.osType === 'Windows') {
    if (pool.name.length > 6)
      broken('name', 'CAP-1102', `has ${pool.name.length} characters: a Windows pool has at most 6`);
    if (document.spec.network.plugin !== 'azure')
      broken('osType', 'CAP-1102', 'Windows pools need the network plugin azure');
  }
  if (pool.osSku !== undefined && pool.osSku.startsWith('Windows') !== (pool.osType === 'Windows'))
    broken('osSku', 'CAP-1102', `${pool.osSku} does not fit ${pool.osType}`);
  const { autoscaling, replicas, version } = pool;
  if (autoscaling !== undefined && autoscaling.min > autoscaling.max)
    broken('autoscaling', 'CAP-1104', `min ${autoscaling.min} is above max ${autoscaling.max}`);
  else if (autoscaling !== undefined && (replicas < autoscaling.min || replicas > autoscaling.max))
    broken('replicas', 'CAP-1104', `is ${replicas}: must lie between autoscaling.min and autoscaling.max`);
  const { version: controlPlane } = document.spec.kubernetes;
  if (version !== undefined && isOlder(controlPlane, version))
    broken('version', 'CAP-1107', `${version} is newer than the control plane (${controlPlane})`);
  else if (version !== undefined && minorOf(controlPlane) - minorOf(version) > poolSkew)
    broken('version', 'CAP-1107', `${version} is more than ${poolSkew} minor versions behind ${controlPlane}`);
  return problems;
}

function minorOf(version: string): number {
  return Number(version.split('.')[1]);
}

const staticFields = ['resourceGroup', 'virtualNetwork', 'subnet'] as const;

function placementProblems({ spec }: ManagedDocument): Broken[] {
  const { network } = spec;
  const problems: Broken[] = [];
  const broken = (path: readonly PropertyKey[], message: string) => problems.push({ path, message, code: 'CAP-1006' });
  for (const field of staticFields) {
    const given = network[field] !== undefined;
    if (network.placement === 'static' && !given) broken(['spec', 'network', field], 'is needed with static placement');
    if (network.placement === 'dynamic' && given) broken(['spec', 'network', field], 'belongs to static placement');
  }
  if (network.placement === 'static') return problems;
  if (spec.proxy !== undefined) broken(['spec', 'proxy'], 'needs static placement');
  if (network.outbound === 'userDefinedRouting')
    broken(
      ['spec', 'network', 'outbound'],
      'userDefinedRouting needs static placement: the routes are those of your subnet',
    );
  return problems;
}

/** Ranges that must be apart, and the combination of plugin, mode and pod range. */
function rangeProblems({ spec }: ManagedDocument): Broken[] {
  const { network } = spec;
  const problems: Broken[] = [];
  const broken = (field: string, message: string, code: Broken['code'] = 'CAP-1004') =>
    problems.push({ path: ['spec', 'network', ...field.split('.')], message, code });
  const flat = network.plugin === 'azure' && network.pluginMode === 'nodeSubnet';
  if (network.plugin === 'kubenet' && network.pluginMode !== undefined)
    broken('pluginMode', 'belongs to the plugin azure', 'CAP-1108');
  if (network.plugin === 'kubenet' && network.policy === 'azure')
    broken('policy', 'azure needs the plugin azure; kubenet takes calico', 'CAP-1108');
  if (flat && network.podCidr !== undefined)
    broken('podCidr', 'pods have addresses of the subnet with pluginMode nodeSubnet', 'CAP-1108');
  const ranges: [string, Range][] = [];
  const add = (field: string, cidr: string | undefined) => {
    if (cidr === undefined) return;
    const range = parseCidr(cidr);
    if (range === undefined) broken(field, `${cidr} is not a range`);
    else ranges.push([field, range]);
  };
  add('serviceCidr', network.serviceCidr);
  if (!flat) add('podCidr', network.podCidr ?? defaultPodCidr);
  if (network.placement === 'dynamic') {
    const outer = parseCidr(network.cidrs.virtualNetwork);
    add('cidrs.subnet', network.cidrs.subnet);
    const inner = ranges.find(([field]) => field === 'cidrs.subnet')?.[1];
    if (outer === undefined) broken('cidrs.virtualNetwork', `${network.cidrs.virtualNetwork} is not a range`);
    else if (inner !== undefined && !contains(outer, inner))
      broken('cidrs.subnet', `${network.cidrs.subnet} lies outside of ${network.cidrs.virtualNetwork}`);
  }
  for (const [index, [field, range]] of ranges.entries())
    for (const [other, taken] of ranges.slice(0, index))
      if (overlaps(range, taken)) broken(field, `${range.cidr} overlaps ${taken.cidr} (${other})`);
  const services = parseCidr(network.serviceCidr);
  if (services !== undefined && (services.prefix < 12 || services.prefix > 28))
    broken('serviceCidr', `${network.serviceCidr}: AKS takes ranges from /12 to /28`);
  if (network.api.exposure === 'private' && network.api.allowedCidrs.length > 0)
    broken('api.allowedCidrs', 'belongs to a public API server', 'CAP-1108');
  return problems;
}

/** Addresses of pods when the document names none (what AKS takes, too). */
export const defaultPodCidr = '10.244.0.0/16';

/** Capstan installs add-ons with the administrator's credentials, over the public name of the API server. */
function addOnProblems({ spec }: ManagedDocument): Broken[] {
  if (spec.addOns.length === 0) return [];
  const problems: Broken[] = [];
  const refuse = (message: string) => problems.push({ path: ['spec', 'addOns'], message, code: 'CAP-1011' });
  if (spec.managedControlPlane.disableLocalAccounts)
    refuse('cannot be installed by this version where local accounts are disabled');
  if (spec.network.api.exposure === 'private') refuse('cannot be installed by this version into a private cluster');
  if (spec.addOns.some(({ chart }) => chart !== undefined))
    refuse('of an AKS cluster are manifests: charts need the Cluster API controllers, which AKS clusters do not run');
  return problems;
}
