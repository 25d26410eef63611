import { pivotDocuments } from '#domain/cluster-api/bundle.ts';
import { firstKubeadmConfigDocument } from '#domain/cluster-api/control-plane.ts';
import { wellKnown } from '#domain/cluster-api/names.ts';
import { field, ownerReference, referenceKey, referenceOf } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { ownerReferences, ownershipOf } from '#domain/cluster-api/owners.ts';
import { kubeconfigSecret, relayedKubeconfigSecret } from '#domain/cluster-api/secrets.ts';
import { Secret } from '#domain/secret.ts';
import { failed } from '#domain/outcome.ts';
import type { Wait } from '#domain/outcome.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import { errorOutcome, registered } from '../client/errors.ts';
import { controllerKubeconfigSeconds, createKubeconfig } from '../pki/kubeconfig.ts';
import type { PivotContext } from './context.ts';
import { withEntry } from './journal.ts';
import type { JournalState } from './journal.ts';

/** What a phase ends in: the journal as it stands, or why it stopped. */
export type PhaseResult =
  | { readonly status: 'next'; readonly journal: JournalState }
  | Wait
  | { readonly status: 'failed'; readonly error: CapstanError };

const codes = { refused: 'CAP-5101', conflict: 'CAP-5102' } as const;

/** The documents of the hand-over. The kubeconfig is still empty: it is made when its secret is. */
export function bundleOf(context: PivotContext): readonly KubernetesObject[] {
  const { plan, observed, keys } = context;
  return pivotDocuments({ plan, observed, keys, kubeconfig: new Secret('') });
}

/**
 * Creates the bundle, owners first, with the uids that the API server assigned, and saves the journal after every
 * object, so that an interruption continues at the next one (cluster-api-pivot.md §2d.6). The Cluster is paused.
 */
export async function createBundle(
  context: PivotContext,
  documents: readonly KubernetesObject[],
  journal: JournalState,
): Promise<PhaseResult> {
  let current = journal;
  for (const document of documents) {
    const key = referenceKey(referenceOf(document));
    if ((current.objects[key]?.state ?? 'planned') !== 'planned') {
      continue;
    }
    try {
      const created = await createOne(context, document, current);
      if ('refused' in created) {
        return failed(created.refused);
      }
      const { uid = '', resourceVersion = '' } = created.stored.metadata;
      current = withEntry(current, key, { state: 'created', uid, resourceVersion });
      await context.journal.save(current);
    } catch (error) {
      return errorOutcome(error, key, codes);
    }
  }
  const refused = await adoptLateOwners(context, documents, current);
  return refused ?? { status: 'next', journal: { ...current, phase: 'gate' } };
}

type Created = { readonly stored: KubernetesObject } | { readonly refused: CapstanError };

async function createOne(context: PivotContext, document: KubernetesObject, journal: JournalState): Promise<Created> {
  const { plan, client } = context;
  const reference = referenceOf(document);
  const existing = await client.get(reference);
  if (
    existing !== undefined &&
    ['Namespace', 'Cluster'].includes(document.kind) &&
    existing.metadata.labels?.[wellKnown.uid] !== plan.uid
  ) {
    return {
      refused: registered(
        'CAP-5102',
        referenceKey(reference),
        `it does not carry the label ${wellKnown.uid}: ${plan.uid}`,
      ),
    };
  }
  if (existing !== undefined && document.kind === 'Cluster' && field(existing, 'spec', 'paused') !== true) {
    return {
      refused: registered('CAP-5102', referenceKey(reference), 'it is not paused although nothing was handed over'),
    };
  }
  if (existing !== undefined && document.metadata.name === `${plan.name}-kubeconfig`) {
    // Another client certificate would be as good: the one that is there stays.
    return { stored: existing };
  }
  const complete = await completeDocument(context, document);
  const owners = owner(context, document, journal);
  const body =
    owners === undefined ? complete : { ...complete, metadata: { ...complete.metadata, ownerReferences: [owners] } };
  return { stored: await client.apply(body, { force: true }) };
}

/** What could not be known before: the KubeadmConfig as the server has defaulted it, the controllers' kubeconfig. */
async function completeDocument(context: PivotContext, document: KubernetesObject): Promise<KubernetesObject> {
  const { plan, keys } = context;
  if (document.kind === 'KubeadmConfig') {
    return deriveKubeadmConfig(context);
  }
  if (document.metadata.name !== `${plan.name}-kubeconfig`) {
    return document;
  }
  if (plan.network.api.private !== undefined) {
    return relayedKubeconfigSecret(plan);
  }
  const kubeconfig = await createKubeconfig({
    cluster: plan.name,
    host: plan.network.api.host,
    authority: keys.certificateAuthority,
    now: context.now(),
    validForSeconds: controllerKubeconfigSeconds,
  });
  return kubeconfigSecret(plan, kubeconfig);
}

/** KubeadmConfig from the KubeadmControlPlane that is stored, with everything webhooks have filled in. */
async function deriveKubeadmConfig(context: PivotContext): Promise<KubernetesObject> {
  const reference = ownerReferences(context.plan).controlPlane;
  const stored = await context.client.get(reference);
  const spec = field(stored, 'spec', 'kubeadmConfigSpec');
  if (typeof spec !== 'object' || spec === null) {
    throw new TypeError(`${referenceKey(reference)} has no kubeadmConfigSpec`);
  }
  return firstKubeadmConfigDocument(context.plan, spec);
}

/** Secrets are created before their owners exist: their owner references follow now. */
async function adoptLateOwners(
  context: PivotContext,
  documents: readonly KubernetesObject[],
  journal: JournalState,
): Promise<PhaseResult | undefined> {
  for (const document of documents) {
    const owners = owner(context, document, journal);
    if (document.kind !== 'Secret' || owners === undefined) {
      continue;
    }
    const reference = referenceOf(document);
    try {
      await context.client.mergePatch(reference, { metadata: { ownerReferences: [owners] } });
    } catch (error) {
      return errorOutcome(error, referenceKey(reference), codes);
    }
  }
  return undefined;
}

function owner(context: PivotContext, document: KubernetesObject, journal: JournalState) {
  const ownership = ownershipOf(context.plan, referenceOf(document));
  const uid = ownership === undefined ? undefined : journal.objects[referenceKey(ownership.owner)]?.uid;
  return ownership === undefined || uid === undefined
    ? undefined
    : ownerReference(ownership.owner, uid, { controller: ownership.controller });
}
