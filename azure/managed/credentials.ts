import type { ManagedPlan } from '#domain/managed/types.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { Secret } from '#domain/secret.ts';
import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { unanswered } from '../clients/unanswered.ts';
import { terminalError } from '../errors/terminal.ts';

/**
 * The kubeconfig that AKS gives out for this call: of the static administrator, or of whoever signs in.
 *
 * @throws CapstanFailure when Azure refuses it
 */
export async function managedCredentials(
  connection: Connection,
  { azure, managed, name }: ManagedPlan,
  role: 'admin' | 'user',
): Promise<Secret> {
  const { managedClusters } = await connection.clients(azure.subscriptionId).containerService();
  const answer = await call(() =>
    role === 'admin'
      ? managedClusters.listClusterAdminCredentials(azure.resourceGroup, name)
      : managedClusters.listClusterUserCredentials(azure.resourceGroup, name),
  );
  const doing = `read the credentials of the AKS cluster ${name}`;
  if (!answer.ok)
    throw new CapstanFailure(terminalError(answer.failure, { key: managed.id, attempt: 0, where: managed.id, doing }));
  const bytes = answer.value.kubeconfigs?.[0]?.value;
  if (bytes === undefined)
    throw new CapstanFailure({ code: 'CAP-3011', message: `AKS gave no credentials of ${name}.`, where: managed.id });
  return new Secret(Buffer.from(bytes).toString('utf8'));
}

/** Whether a resource group is there. Throws for the caller's back-off when Azure cannot tell. */
export async function groupExists(connection: Connection, subscriptionId: string, name: string): Promise<boolean> {
  const { resourceGroups } = await connection.clients(subscriptionId).resources();
  const read = await call(() => resourceGroups.get(name));
  if (read.ok) return true;
  if (read.failure.status === 404) return false;
  throw unanswered(`the resource group ${name} cannot be read`, read.failure);
}
