import type { Outcome } from '#domain/outcome.ts';
import { criticalPath } from '#domain/plan/estimate.ts';
import type { AzureFacts, ClusterPlan } from '#domain/plan/types.ts';
import type { Connection } from '../clients/clients.ts';
import { untilHalted } from '../halt.ts';
import type { PreflightCheck, PreflightReport } from '../types.ts';
import { addressCheck, coreChecks, nameCheck, passed, sizeChecks, versionCheck } from './checks.ts';
import { machineResourceCount } from './demand.ts';

import { type Existing, readExisting } from './existing.ts';
import { galleryCheck } from './gallery-check.ts';
import { computeQuotas, networkQuotas } from './quota.ts';
import type { ImageCopy } from '../storage/copy.ts';
import { storageAccessCheck } from './storage-access.ts';
import { foreignChecks, networkCheck, permissionCheck, providerChecks } from './readings.ts';

/** Providers, permissions, quotas and lists of an ordinary cluster. */
const usualReads = 20;

/**
 * Checks whether a plan can be carried out, and lists what it will create. Every check is a row, so that all problems
 * show together; nothing is written.
 */
export function preflight(
  connection: Connection,
  plan: ClusterPlan,
  facts: AzureFacts,
  copy: Pick<ImageCopy, 'probe'>,
): Promise<Outcome<PreflightReport>> {
  const sequence = async (): Promise<PreflightReport> => {
    const clients = connection.clients(plan.azure.subscriptionId);
    const existing = await readExisting(clients, plan);
    const { resourceGroup, location } = plan.azure;
    const checks: PreflightCheck[] = [
      passed('resourceGroup', 'Resource group', `${resourceGroup} exists in ${facts.resourceGroupLocation}`),
      ...(await providerChecks(clients, plan)),
      await permissionCheck(clients, plan),
      ...sizeChecks(plan, facts),
      ...coreChecks(plan, facts, existing, await computeQuotas(clients, location)),
      addressCheck(plan, existing, await networkQuotas(clients, location)),
      nameCheck(plan, existing),
      networkCheck(plan),
      ...(await foreignChecks(clients, plan)),
    ];
    if (plan.image.sourceUrl === undefined) {
      checks.push(await galleryCheck(connection, plan));
    } else {
      const size = ((facts.imageSource?.sizeBytes ?? 0) / 1024 ** 3).toFixed(0);
      const state = facts.storageAccountExists ? 'there already' : 'free';
      checks.push(
        passed('storageAccount', 'Storage account', `${plan.storage.account.name} is ${state}`),
        passed('imageSource', 'Image source', `fixed VHD of ${size} GiB, readable`),
        versionCheck(plan, facts),
      );
      // An account that does not fit is not asked, too.
      const fits = checks.every((check) => check.ok || !/^own(Account|Container)$/.test(check.id));
      const access = fits ? await storageAccessCheck(plan, facts, copy) : undefined;
      if (access !== undefined) checks.push(access);
    }
    return report(plan, existing, checks);
  };
  return untilHalted(() => connection.withReads(plan.azure.subscriptionId, usualReads, sequence));
}

function report(plan: ClusterPlan, existing: Existing, checks: readonly PreflightCheck[]): PreflightReport {
  const resources = plan.resources.map(({ key, id, kind }) => {
    const action: '+' | '=' = existing.keys.has(key) ? '=' : '+';
    return { key, id, kind, action };
  });
  const planned = resources.filter((resource) => resource.action === '+').length;
  const later = existing.machineSizes.length === 0 ? machineResourceCount(plan) : 0;
  const path = criticalPath(plan);
  const failed = checks.filter((check) => !check.ok).length;
  const total = planned + later;
  const sentence =
    failed === 0
      ? `${checks.length} checks · ${total} resources to create · about ${Math.max(1, Math.round(path.seconds / 60))} m on Azure`
      : `${failed} of ${checks.length} checks failed · nothing was created`;
  return {
    ok: failed === 0,
    checks,
    resources,
    create: total,
    exists: resources.length - planned,
    seconds: path.seconds,
    criticalPath: path.resources,
    sentence,
  };
}
