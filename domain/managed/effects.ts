import type { Change, RawChange } from '../spec/diff.ts';
import type { Effect, Part } from '../spec/effects.ts';
import type { ManagedDocument } from './types.ts';

type Judge = (raw: RawChange, kind: Change['kind'], before: ManagedDocument, after: ManagedDocument) => Effect;

const inPlace =
  (part: Part, reason?: string): Judge =>
  () => ({ effect: 'in place', parts: [part], ...(reason === undefined ? {} : { reason }) });
const refuse =
  (reason: string): Judge =>
  () => ({ effect: 'refused', parts: [], reason, code: 'CAP-1010' });

const pool = (rest: string) => new RegExp(`^spec\\.nodePools\\[[^\\]]+\\]${rest}`);

/**
 * What may change in a running AKS cluster and how, by path; the first row that fits counts, and a field that no row
 * names is refused. What AKS refuses to change is listed in azure-recordings/managedClusters.json and the REST reference.
 */
const rules: readonly (readonly [RegExp, Judge])[] = [
  [/^metadata\.tags/, () => ({ effect: 'azure tags', parts: ['tags'] })],
  [/^spec\.azure\.identity$/, refuse('the identity of the control plane is chosen once')],
  [/^spec\.azure\./, refuse('a cluster stays in the cloud, subscription, region and group it was built in')],
  [/^spec\.kubernetes\.version$/, version],
  [
    /^spec\.sshKeys$/,
    refuse('Capstan sets the key when the cluster is built; az aks update --ssh-key-value changes it'),
  ],
  [/^spec\.network\.api\.allowedCidrs$/, inPlace('controlPlane')],
  [/^spec\.network/, refuse('AKS chooses network, ranges and exposure once, when the cluster is built')],
  [/^spec\.managedControlPlane\.aadProfile$/, signIn],
  [/^spec\.managedControlPlane\./, inPlace('controlPlane')],
  [pool('$'), wholePool],
  [pool('\\.(replicas|autoscaling|labels|maxSurge|mode)'), inPlace('pools')],
  [pool('\\.taints$'), inPlace('pools', 'NoExecute evicts running pods that do not tolerate the taint')],
  [pool('\\.version$'), version],
  [pool('\\.'), refuse('AKS chooses it once: add another pool, then remove this one')],
  [/^spec\.(proxy|trustedCa)/, refuse('AKS would make every node anew; build the cluster with it')],
  [/^spec\.addOns\[[^\]]+\]$/, wholeAddOn],
  [/^spec\.addOns\[[^\]]+\]\.namespace$/, refuse('add it under another name in the new namespace')],
  [/^spec\.addOns\[/, inPlace('addOns')],
  [/^spec\.reconcile$/, inPlace('record')],
];

/** Judges one difference of two documents of an AKS cluster. */
export const managedEffectOf: Judge = (raw, kind, before, after) => {
  const rule = rules.find(([pattern]) => pattern.test(raw.path));
  return (rule?.[1] ?? refuse('it is chosen once, when the cluster is built'))(raw, kind, before, after);
};

/** One minor version at a time, never back; the pools follow the control plane. */
function version(raw: RawChange, _kind: Change['kind'], before: ManagedDocument, after: ManagedDocument): Effect {
  const from = textOr(raw.from, before.spec.kubernetes.version);
  const to = textOr(raw.to, after.spec.kubernetes.version);
  const [oldMinor = 0, oldPatch = 0] = numbers(from);
  const [minor = 0, patch = 0] = numbers(to);
  const refused = { effect: 'refused', parts: [] } as const;
  if (minor < oldMinor || (minor === oldMinor && patch < oldPatch))
    return { ...refused, reason: `it runs ${from}, and AKS cannot go back`, code: 'CAP-1008' };
  if (minor > oldMinor + 1)
    return {
      ...refused,
      reason: `the next step from ${from} is v1.${oldMinor + 1}: one minor version at a time`,
      code: 'CAP-1023',
    };
  return {
    effect: 'rollout',
    parts: ['controlPlane', 'pools'],
    reason: 'the control plane goes first, then the pools',
  };
}

/** A pool without a version of its own follows the control plane. */
function textOr(value: unknown, other: string): string {
  return typeof value === 'string' ? value : other;
}

/** Minor and patch of `v1.33.4`. */
function numbers(text: string): readonly number[] {
  return text.split('.').slice(1).map(Number);
}

function signIn(_raw: RawChange, kind: Change['kind'], before: ManagedDocument, after: ManagedDocument): Effect {
  const judge = kind === 'removed' ? refuse('AKS cannot take Entra ID back') : inPlace('controlPlane');
  return judge(_raw, kind, before, after);
}

function wholePool(_raw: RawChange, kind: Change['kind']): Effect {
  const reason = 'its nodes are drained and deleted, after everything else has been brought about';
  return { effect: 'in place', parts: ['pools'], ...(kind === 'removed' ? { reason } : {}) };
}

/** Nobody writes down in an AKS cluster what an add-on brought, so nothing could be taken away again. */
function wholeAddOn(raw: RawChange, kind: Change['kind'], before: ManagedDocument, after: ManagedDocument): Effect {
  const judge =
    kind === 'removed' ? refuse('delete its objects with kubectl, and keep it in the document') : inPlace('addOns');
  return judge(raw, kind, before, after);
}
