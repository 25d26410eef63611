import { CapstanFailure } from '#domain/errors/error.ts';
import { asBuilt } from '#domain/plan/observed.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import type { JournalState } from '#kubernetes/pivot/journal.ts';
import { journalDocument } from '#domain/record.ts';
import type { Store } from '#store/store.ts';

/** The exported bundle with its media type. */
export interface ExportedBundle {
  readonly contentType: string;
  readonly text: string;
}

/**
 * The Cluster API documents of a cluster and the journal of its hand-over, for support; every secret value is
 * `REDACTED`, and no key is read for it.
 *
 * @param accept Accept header: JSON unless it names YAML
 * @throws CapstanFailure CAP-1013 when there is no such cluster, CAP-1017 before it has a plan and an identity
 */
export async function exportClusterBundle(
  store: Store,
  name: string,
  accept: string | undefined,
): Promise<ExportedBundle> {
  const rows = await store.clusters.rows(name);
  if (rows === undefined) throw new CapstanFailure({ code: 'CAP-1013', message: `There is no cluster ${name}` });
  if (rows.head.kind === 'ManagedCluster')
    throw new CapstanFailure({
      code: 'CAP-1110',
      message: `${name} is an AKS cluster, which has no bundle of Cluster API documents`,
      remedy: `GET /api/clusters/${name} has its document and what was made of it; az aks show has what AKS knows.`,
    });
  const clientId = rows.items.find((item) => item.key === 'identity')?.outputs['clientId'];
  if (rows.head.planSha === undefined || clientId === undefined) {
    throw new CapstanFailure({
      code: 'CAP-1017',
      message: `Cluster ${name} has no bundle yet`,
      where: `phase ${rows.head.phase}`,
    });
  }
  const machine = rows.items.find((item) => item.key === 'virtualMachine');
  const plan = asBuilt(await store.documents.getContent<ClusterPlan>(rows.head.planSha), machine?.outputs['zone']);
  const journal = await store.documents.get(journalDocument(rows.head.uid));
  const { bundleForm, exportBundle, renderBundle } = await import('#kubernetes/pivot/export.ts');
  const form = bundleForm(accept);
  const documents = exportBundle(
    plan,
    { identityClientId: clientId },
    journal === undefined ? undefined : (JSON.parse(journal) as JournalState),
  );
  return {
    contentType: form === 'json' ? 'application/json' : 'application/yaml',
    text: renderBundle(documents, form),
  };
}
