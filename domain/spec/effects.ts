import type { ErrorCode } from '../errors/registry.ts';
import type { Change, ChangeEffect, RawChange } from './diff.ts';
import type { AddOnSpec, ClusterDocument } from './types.ts';

/** Parts of a cluster that an update brings about, each by a step of its own. */
export type Part = 'network' | 'image' | 'tags' | 'settings' | 'controlPlane' | 'pools' | 'addOns' | 'record';

/** What a difference comes to. */
export interface Effect {
  readonly effect: ChangeEffect;
  readonly parts: readonly Part[];
  readonly reason?: string;
  readonly code?: ErrorCode;
}

type Judge = (raw: RawChange, kind: Change['kind'], before: ClusterDocument, after: ClusterDocument) => Effect;

const every: readonly Part[] = ['controlPlane', 'pools'];

const inPlace =
  (...parts: Part[]): Judge =>
  () => ({ effect: 'in place', parts });
const rollout =
  (...parts: Part[]): Judge =>
  () => ({ effect: 'rollout', parts });
const refuse =
  (reason: string): Judge =>
  () => ({ effect: 'refused', parts: [], reason, code: 'CAP-1010' });

/**
 * What may change in a running cluster and how, by path; the first row that fits counts. A field that no row names is
 * refused, so that a new field cannot be changed before somebody has thought about it.
 */
const rules: readonly (readonly [RegExp, Judge])[] = [
  [/^metadata\.tags/, () => ({ effect: 'azure tags', parts: ['tags', 'settings'] })],
  [/^spec\.azure\.identity$/, refuse('CAPZ compares the identity of every machine with the one it was made with')],
  [/^spec\.azure\./, refuse('a cluster stays in the cloud, subscription, region and group it was built in')],
  [/^spec\.kubernetes\.version$/, version],
  [/^spec\.sshKeys$/, rollout(...every)],
  [/^spec\.nodes\./, rollout(...every)],
  [/^spec\.(proxy|trustedCa)/, rollout(...every, 'addOns')],
  [/^spec\.gateway$/, refuse('the gateway decides about the network that the machines stand in')],
  [/^spec\.image\./, rollout('image', ...every)],
  [/^spec\.storage\.authentication$/, inPlace('record')],
  [/^spec\.storage/, refuse('the account holds the images that running machines were made from')],
  [/^spec\.network\.(api|ssh)\.allowedCidrs$/, callers],
  [/^spec\.network\.(podCidr|serviceCidr)$/, refuse('pods and services have addresses of this range')],
  [/^spec\.network\.api\./, refuse('every node and kubeconfig knows the API server by its address')],
  [/^spec\.network/, refuse('machines stand in this network; it is chosen once')],
  [/^spec\.controlPlane\.replicas$/, inPlace('controlPlane')],
  [/^spec\.controlPlane\.healthCheck/, inPlace('controlPlane')],
  [/^spec\.controlPlane\.zones$/, rollout('settings', 'controlPlane')],
  [/^spec\.controlPlane\.(vmSize|osDisk|etcdDisk)/, rollout('controlPlane')],
  [/^spec\.workerPools\[[^\]]+\]$/, wholePool],
  [/^spec\.workerPools\[[^\]]+\]\.zones$/, zones],
  [/^spec\.workerPools\[[^\]]+\]\.(replicas|autoscaling|rollout|healthCheck)/, inPlace('pools')],
  [/^spec\.workerPools\[[^\]]+\]\.labels/, inPlace('pools')],
  [/^spec\.workerPools\[[^\]]+\]\.taints$/, taints],
  [/^spec\.workerPools\[[^\]]+\]\.(vmSize|osDisk)/, rollout('pools')],
  [/^spec\.addOns\[[^\]]+\]$/, wholeAddOn],
  [/^spec\.addOns\[[^\]]+\]\.namespace$/, moveAddOn],
  [/^spec\.addOns\[/, inPlace('addOns')],
  [/^spec\.reconcile$/, inPlace('record')],
];

/** Judges one difference. */
export const effectOf: Judge = (raw, kind, before, after) => {
  const rule = rules.find(([pattern]) => pattern.test(raw.path));
  return rule === undefined
    ? { effect: 'refused', parts: [], reason: 'it is chosen once, when the cluster is built', code: 'CAP-1010' }
    : rule[1](raw, kind, before, after);
};

/** One minor version at a time, never back: kubeadm and the control plane's webhook know no other way. */
function version({ from, to }: RawChange): Effect {
  const numbers = (text: unknown) => String(text).replace(/^v/, '').split('.').map(Number);
  const [, oldMinor = 0, oldPatch = 0] = numbers(from);
  const [, minor = 0, patch = 0] = numbers(to);
  if (minor < oldMinor || (minor === oldMinor && patch < oldPatch))
    return {
      effect: 'refused',
      parts: [],
      reason: `the cluster runs ${String(from)}, and etcd and the API server cannot go back`,
      code: 'CAP-1008',
    };
  if (minor > oldMinor + 1)
    return {
      effect: 'refused',
      parts: [],
      reason: `the next step from ${String(from)} is v1.${oldMinor + 1}: one minor version at a time`,
      code: 'CAP-1023',
    };
  return { effect: 'rollout', parts: every, reason: 'the control plane goes first, then the pools' };
}

function callers(_raw: RawChange, _kind: Change['kind'], _before: ClusterDocument, after: ClusterDocument): Effect {
  return after.spec.network.placement === 'static'
    ? refuse('the security group of a static placement is yours: change its rules yourself')(
        _raw,
        _kind,
        _before,
        after,
      )
    : { effect: 'in place', parts: ['network', 'settings'] };
}

function wholePool(_raw: RawChange, kind: Change['kind']): Effect {
  return {
    effect: 'in place',
    parts: ['pools'],
    ...(kind === 'removed'
      ? { reason: 'its machines are drained and deleted, after everything else has been brought about' }
      : {}),
  };
}

/** A zone that is added gets a MachineDeployment of its own; one that is left loses it when the others are complete. */
function zones({ from, to }: RawChange): Effect {
  const list = (value: unknown) => (Array.isArray(value) ? value.map(String) : undefined);
  const [old, wanted] = [list(from), list(to)];
  const disjoint = old !== undefined && wanted !== undefined && !wanted.some((zone) => old.includes(zone));
  return {
    effect: disjoint ? 'replace pool' : 'in place',
    parts: ['pools'],
    reason: disjoint
      ? 'every machine is made anew in the other zones before the old ones go'
      : 'machines move between zones: new ones first',
  };
}

function taints({ to }: RawChange): Effect {
  const evicts = Array.isArray(to) && to.some((taint: { effect?: string }) => taint.effect === 'NoExecute');
  return {
    effect: 'in place',
    parts: ['pools'],
    ...(evicts ? { reason: 'NoExecute evicts running pods that do not tolerate the taint' } : {}),
  };
}

function wholeAddOn(raw: RawChange, kind: Change['kind'], _before: ClusterDocument, after: ClusterDocument): Effect {
  if (kind !== 'removed') return { effect: 'in place', parts: ['addOns'] };
  return { effect: 'in place', parts: ['addOns'], reason: namespaceRule(raw.from as AddOnSpec, after) };
}

function moveAddOn(
  { path, from }: RawChange,
  _kind: Change['kind'],
  _before: ClusterDocument,
  after: ClusterDocument,
): Effect {
  return {
    effect: 'in place',
    parts: ['addOns'],
    reason: `its objects are made in the new namespace, then removed from the old one; ${namespaceRule({ name: path, namespace: String(from) }, after)}`,
  };
}

/** What becomes of the namespace of an add-on that goes. */
function namespaceRule({ namespace }: Pick<AddOnSpec, 'name' | 'namespace'>, after: ClusterDocument): string {
  const shared = after.spec.addOns.some((other) => other.namespace === namespace);
  return shared
    ? `its objects are deleted; namespace ${namespace} stays, another add-on uses it`
    : `its objects are deleted, and namespace ${namespace} with everything in it if the add-on brought it along`;
}
