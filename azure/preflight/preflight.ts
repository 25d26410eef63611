import type { Outcome } from '#domain/outcome.ts';
import { armCalls } from '#domain/plan/calls.ts';
import { criticalPath } from '#domain/plan/estimate.ts';
import { laterResources } from '#domain/plan/later.ts';
import { needsAccount } from '#domain/plan/storage-network.ts';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import type { Connection } from '../clients/clients.ts';
import { untilHalted } from '../halt.ts';
import type { ImageCopy } from '../storage/copy.ts';
import type { PlannedAction, PreflightCheck, PreflightReport, SecretVault } from '../types.ts';
import { addressCheck, coreChecks, nameCheck, roomChecks, sizeChecks, versionCheck } from './checks.ts';
import { type Existing, readExisting } from './existing.ts';
import { galleryCheck } from './gallery-check.ts';
import { dataRoleCheck, permissionCheck } from './permissions.ts';
import { policyCheck } from './policy.ts';
import { computeQuotas, networkQuotas } from './quota.ts';
import { foreignChecks, labelCheck, networkCheck, overlapCheck, providerChecks, vaultCheck } from './readings.ts';
import { reportOf } from './report.ts';
import { passed } from './rows.ts';
import { storageAccessCheck } from './storage-access.ts';

/** Providers, permissions, quotas, policies and lists of an ordinary cluster. */
const usualReads = 24;

/** The data planes that preflight asks. */
export interface DataPlanes {
  readonly copy: Pick<ImageCopy, 'probe'>;
  readonly secrets: SecretVault;
}

/**
 * Checks whether a plan can be carried out, and lists what it will create and change. Every check is a row, so that all
 * problems show together; nothing is written.
 */
export function preflight(
  connection: Connection,
  plan: ClusterPlan,
  facts: AzureFacts,
  planes: DataPlanes,
): Promise<Outcome<PreflightReport>> {
  const sequence = async (): Promise<PreflightReport> => {
    const clients = connection.clients(plan.azure.subscriptionId);
    const existing = await readExisting(connection, plan);
    const resources = actionsOn(plan, existing);
    const written = new Set(resources.filter(({ action }) => action !== '=').map(({ key }) => key));
    const { resourceGroup, location } = plan.azure;
    const checks: PreflightCheck[] = [
      passed('resourceGroup', 'Resource group', `${resourceGroup} exists in ${facts.resourceGroupLocation}`),
      ...(await providerChecks(clients, plan)),
      await permissionCheck(connection, plan),
      ...sizeChecks(plan, facts),
      ...coreChecks(plan, facts, existing, await computeQuotas(clients, location)),
      addressCheck(plan, existing, await networkQuotas(clients, location)),
      nameCheck(plan, existing),
      ...roomChecks(existing),
      await labelCheck(clients, plan, existing.found.has('apiPublicIp')),
      networkCheck(plan),
      overlapCheck(plan, facts.staticNetwork?.peerCidrs ?? []),
      await policyCheck(connection, plan, written),
      await vaultCheck(planes.secrets),
      ...(await foreignChecks(clients, plan)),
    ];
    checks.push(...(await imageChecks(connection, plan, facts, planes, checks)));
    return report(plan, existing, resources, checks);
  };
  return untilHalted(() => connection.withReads(plan.azure.subscriptionId, usualReads, sequence));
}

async function imageChecks(
  connection: Connection,
  plan: ClusterPlan,
  facts: AzureFacts,
  { copy }: DataPlanes,
  before: readonly PreflightCheck[],
): Promise<readonly PreflightCheck[]> {
  const withAccount = needsAccount(plan);
  const { account } = plan.storage;
  const state = facts.storageAccountExists ? 'there already' : 'free';
  // An account of the user's that does not fit is not asked, too.
  const fits = before.every((check) => check.ok || !/^own(Account|Container)$/.test(check.id));
  const access = withAccount && fits ? await storageAccessCheck(plan, facts, copy) : undefined;
  const storage = [
    ...(withAccount ? [passed('storageAccount', 'Storage account', `${account.name} is ${state}`)] : []),
    ...(withAccount && account.owned ? [await dataRoleCheck(connection, plan)] : []),
    ...(access === undefined ? [] : [access]),
  ];
  if (plan.image.sourceUrl === undefined) return [...storage, await galleryCheck(connection, plan)];
  const size = ((facts.imageSource?.sizeBytes ?? 0) / 1024 ** 3).toFixed(0);
  return [
    ...storage,
    passed('imageSource', 'Image source', `fixed VHD of ${size} GiB, readable`),
    versionCheck(plan, facts),
  ];
}

/** What happens to every resource: those of the plan, and those that come with and after them. */
function actionsOn(plan: ClusterPlan, existing: Existing): readonly PlannedAction[] {
  const critical = new Set(criticalPath(plan).resources);
  const planned = plan.resources.map(({ key, id, kind, name, step, seconds }): PlannedAction => {
    const differs = existing.found.get(key);
    const row = { key, id, kind, name, step, by: 'capstan' as const, critical: critical.has(key) };
    if (differs === undefined) return { ...row, action: '+', seconds };
    if (differs.length === 0) return { ...row, action: '=', seconds: 0 };
    return { ...row, action: '~', differs, seconds };
  });
  // Machines that run already are the controllers' business: they are not planned again.
  const later = existing.machineSizes.length === 0 ? laterResources(plan) : [];
  return [...planned, ...later.map((row): PlannedAction => ({ ...row, action: '+', critical: false }))];
}

function report(
  plan: ClusterPlan,
  existing: Existing,
  resources: readonly PlannedAction[],
  checks: readonly PreflightCheck[],
): PreflightReport {
  const kept = new Set(resources.filter(({ action }) => action === '=').map(({ key }) => key));
  return reportOf({ existing, resources, checks, path: criticalPath(plan), armCalls: armCalls(plan, kept) });
}
