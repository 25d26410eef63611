import { stringify } from 'yaml';
import { pivotDocuments, workloadDocuments } from '#domain/cluster-api/bundle.ts';
import { clusterLabels } from '#domain/cluster-api/cluster.ts';
import type { ObservedAzure } from '#domain/cluster-api/cluster.ts';
import { namespaceOf } from '#domain/cluster-api/names.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import { redactSecrets } from '#domain/cluster-api/secrets.ts';
import type { ClusterKeys } from '#domain/kubeadm/keys.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { Secret } from '#domain/secret.ts';
import type { JournalState } from './journal.ts';

/** Forms in which a bundle can be asked for. */
export type BundleForm = 'json' | 'yaml';

const redacted = new Secret('REDACTED');
const pair = { certificate: 'REDACTED', key: redacted };

/** Stands in for the keys, which an export never reads: the documents are made without them and redacted besides. */
const noKeys: ClusterKeys = {
  certificateAuthority: pair,
  etcd: pair,
  frontProxy: pair,
  serviceAccount: { publicKey: 'REDACTED', key: redacted },
};

/**
 * The bundle for people who help: every document of the hand-over and of the pools, each value of a Secret replaced by
 * `REDACTED` (base64-encoded under `data`), public certificates too, and the journal as a ConfigMap. Takes no key, so
 * none can leak. The objects are what Capstan sends: without uids and owner references, which the journal and
 * `ownershipOf` tell.
 */
export function exportBundle(
  plan: ClusterPlan,
  observed: ObservedAzure,
  journal: JournalState | undefined,
): readonly KubernetesObject[] {
  const documents = [
    ...pivotDocuments({ plan, observed, keys: noKeys, kubeconfig: redacted }),
    ...workloadDocuments(plan, observed),
  ].map((document) => redactSecrets(document));
  return journal === undefined ? documents : [...documents, journalDocument(plan, journal)];
}

/**
 * The text of an exported bundle: one JSON `List`, or a stream of YAML documents. `kubectl apply --server-side
 * --dry-run=server` takes both.
 */
export function renderBundle(documents: readonly KubernetesObject[], form: BundleForm): string {
  return form === 'json'
    ? `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: documents }, null, 2)}\n`
    : documents
        .map((document) => `---\n${stringify(document, { lineWidth: 0, aliasDuplicateObjects: false })}`)
        .join('');
}

/** The form that an HTTP `Accept` header asks for; JSON unless YAML is named and JSON is not named before it. */
export function bundleForm(accept: string | undefined): BundleForm {
  const wanted = (accept ?? '')
    .split(',')
    .map((entry) => entry.split(';')[0]?.trim().toLowerCase() ?? '')
    .find((type) => /^(application\/(x-)?yaml|text\/(x-)?yaml|application\/json|\*\/\*)$/.test(type));
  return wanted?.includes('yaml') === true ? 'yaml' : 'json';
}

function journalDocument(plan: ClusterPlan, journal: JournalState): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `${plan.name}-pivot-journal`, namespace: namespaceOf(plan), labels: clusterLabels(plan) },
    data: { 'journal.json': JSON.stringify(journal, null, 2) },
  };
}
