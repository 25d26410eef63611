import { type CapstanError, CapstanFailure } from '#domain/errors/error.ts';
import { checkDocument } from '#domain/spec/checks.ts';
import { pathText, requestError } from '#domain/spec/parse.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { type Gateway, gatewayProblems, inheritedGateway, inheritGateway } from '#domain/storage/gateway.ts';
import type { StoredGateway } from '#store/gateways.ts';
import type { Store } from '#store/store.ts';

/** @throws CapstanFailure CAP-1013 when there is no such gateway */
export async function readGateway(store: Store, name: string): Promise<StoredGateway> {
  const stored = await store.gateways.get(name);
  if (stored === undefined) throw missing(name);
  return stored;
}

/** Stores a gateway, new or changed. Clusters that are made later inherit it; running ones keep what they have. */
export async function saveGateway(store: Store, name: string, gateway: Gateway): Promise<StoredGateway> {
  const stored = { name, gateway, updatedAt: new Date().toISOString() };
  await store.gateways.put(stored);
  return stored;
}

/**
 * Deletes a gateway that no cluster names.
 *
 * @throws CapstanFailure CAP-1013 when there is no such gateway, CAP-1022 with the clusters that name it
 */
export async function removeGateway(store: Store, name: string): Promise<void> {
  await readGateway(store, name);
  const users: string[] = [];
  for await (const { value: head } of store.clusters.heads()) {
    if (head.phase === 'Deleted') continue;
    const { spec } = await store.documents.getContent<ClusterDocument>(head.documentSha);
    if (spec.gateway === name) users.push(head.name);
  }
  if (users.length > 0) {
    const message = `The gateway ${name} is used by ${users.join(', ')}`;
    throw new CapstanFailure({ code: 'CAP-1022', message, where: `gateway ${name}` });
  }
  await store.gateways.delete(name);
}

/**
 * The request with what its private gateway lends it.
 *
 * @returns the request as it is without a gateway; CAP-1021 or what else is wrong with the combination
 */
export async function withGateway(
  store: Store,
  document: ClusterDocument,
): Promise<{ readonly document: ClusterDocument } | { readonly error: CapstanError }> {
  const { gateway: name } = document.spec;
  if (name === undefined) return { document };
  const gateway = (await recordedGateway(store, document, name)) ?? (await store.gateways.get(name))?.gateway;
  const refuse = (problems: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[]) => ({
    error: requestError(
      problems.map(({ path, message }) => ({ path: pathText(path), message, code: 'CAP-1021' as const })),
    ),
  });
  if (gateway === undefined) {
    const message = `there is no gateway ${name}: store it with PUT /api/gateways/${name}`;
    return refuse([{ path: ['spec', 'gateway'], message }]);
  }
  const problems = gatewayProblems(document.spec, name, gateway);
  if (problems.length > 0) return refuse(problems);
  const inherited = { ...document, spec: inheritGateway(document.spec, gateway) };
  const broken = checkDocument(inherited);
  if (broken.length === 0) return { document: inherited };
  return { error: requestError(broken.map(({ path, ...rest }) => ({ path: pathText(path), ...rest }))) };
}

/** What the cluster inherited already, once it has been Ready. */
async function recordedGateway(store: Store, document: ClusterDocument, name: string): Promise<Gateway | undefined> {
  const head = (await store.clusters.head(document.metadata.name))?.value;
  if (head === undefined || head.phase === 'Deleted' || head.observedGeneration === 0) return undefined;
  const recorded = await store.documents.getContent<ClusterDocument>(head.documentSha);
  return inheritedGateway(recorded.spec, name);
}

function missing(name: string): CapstanFailure {
  return new CapstanFailure({
    code: 'CAP-1013',
    message: `There is no gateway ${name}`,
    remedy: 'List the gateways with GET /api/gateways.',
  });
}
