import { compareAzure } from '#domain/check/azure.ts';
import { compareDocuments } from '#domain/check/compare.ts';
import { compareCertificates } from '#domain/check/credentials.ts';
import type { CertificateView, CheckReport, Finding } from '#domain/check/types.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { asBuilt } from '#domain/plan/observed.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { type ClusterHead, type NodeRecord, nodesDocument } from '#domain/record.ts';
import type { ClusterRows } from '#store/clusters.ts';
import type { AnyDocument } from '#domain/managed/types.ts';
import { startAction } from './actions.ts';
import { azureOf } from './azure.ts';
import type { ServiceDependencies } from './dependencies.ts';
import { lookAtManaged } from './managed-check.ts';

/** What a check came to. */
export interface CheckAnswer extends CheckReport {
  /** Operation that repairs what was found, when the document asks for repairs. */
  readonly repair?: string;
}

/** Findings that a report keeps: a table property ends at 64 KiB. */
const mostFindings = 100;

/**
 * Compares record, Azure and cluster, and records what differs as the cluster's check: conditions of the status, and
 * events for what is new and what is gone. Nothing is written to Azure or the cluster; with `reconcile: repair` in the
 * document an operation that repairs is started, when something repairable was found.
 *
 * @throws CapstanFailure CAP-1013 when there is no such cluster, CAP-1017 when it was never Ready, CAP-1009 while an
 *   operation changes it
 */
export async function checkCluster(dependencies: ServiceDependencies, name: string): Promise<CheckAnswer> {
  const { store } = dependencies;
  const rows = await store.clusters.rows(name);
  if (rows === undefined) throw new CapstanFailure({ code: 'CAP-1013', message: `There is no cluster ${name}` });
  const obstacle = whyNot(rows.head);
  if (obstacle !== undefined) throw new CapstanFailure(obstacle);
  const report =
    rows.head.kind === 'ManagedCluster'
      ? await lookAtManaged(dependencies.config, store, rows)
      : await look(dependencies, rows);
  // An operation that began meanwhile is the reason for what was seen: its end brings a better look.
  const current = (await store.clusters.head(name))?.value;
  if (current?.operation.id !== rows.head.operation.id) return report;
  await store.clusters.putCheck(name, report);
  await tell(dependencies, rows, report);
  const document = await store.documents.getContent<AnyDocument>(rows.head.documentSha);
  if (document.spec.reconcile !== 'repair' || !report.findings.some((finding) => finding.repairable)) return report;
  const started = await startAction(
    dependencies,
    `repair-${rows.head.operation.id}-${report.checkedAt}`,
    name,
    'repair',
  );
  return { ...report, ...(started.operationId === undefined ? {} : { repair: started.operationId }) };
}

/** Why a cluster cannot be checked now. */
export function whyNot(head: ClusterHead): CapstanFailure['error'] | undefined {
  if (head.phase === 'Deleted' || head.operation.kind === 'delete')
    return { code: 'CAP-1017', message: `Cluster ${head.name} is ${head.phase}` };
  if (head.observedGeneration === 0 || head.planSha === undefined)
    return { code: 'CAP-1017', message: `Cluster ${head.name} has never been Ready`, where: `phase ${head.phase}` };
  return head.operation.state === 'finished'
    ? undefined
    : {
        code: 'CAP-1009',
        message: `Cluster ${head.name} is being changed; what differs now is on its way`,
        where: `operation ${head.operation.id}`,
      };
}

async function look(dependencies: ServiceDependencies, rows: ClusterRows): Promise<CheckReport> {
  const { config, store } = dependencies;
  const { head } = rows;
  const zone = rows.items.find((item) => item.key === 'virtualMachine')?.outputs['zone'];
  const plan = asBuilt(await store.documents.getContent<ClusterPlan>(head.planSha ?? ''), zone);
  const now = new Date().toISOString();
  const azure = await azureOf(config);
  const inside = await lookInside(dependencies, rows, plan);
  const found = await azure.findOwned(plan);
  const reachable = inside.problem === undefined;
  const before = rows.check?.api;
  const findings = [
    ...(reachable ? inside.findings : [unreachable(plan, inside.problem)]),
    ...compareAzure(plan, found, inside.machines),
    ...compareCertificates(inside.certificates, Date.parse(now)),
  ];
  return {
    checkedAt: now,
    api: {
      reachable,
      since: before?.reachable === reachable ? before.since : now,
      ...(inside.problem === undefined ? {} : { problem: inside.problem }),
    },
    findings: findings.slice(0, mostFindings),
    certificates: inside.certificates,
    ...(findings.length > mostFindings ? { more: findings.length - mostFindings } : {}),
  };
}

interface Inside {
  readonly findings: readonly Finding[];
  readonly certificates: readonly CertificateView[];
  /** Names of the AzureMachines; undefined when the API server does not answer. */
  readonly machines?: readonly string[];
  readonly problem?: string;
}

async function lookInside(
  { config, store }: ServiceDependencies,
  rows: ClusterRows,
  plan: ClusterPlan,
): Promise<Inside> {
  const { loadClusterKeys } = await import('#kubernetes/pki/stored-keys.ts');
  const { connect } = await import('#kubernetes/client/connect.ts');
  const { certificateView, readCertificates, readControllers, readLiveDocuments } = await import(
    '#kubernetes/check/read.ts'
  );
  const { readNodes } = await import('#kubernetes/scale/nodes.ts');
  const { secrets } = await azureOf(config);
  const keys = await loadClusterKeys((secret) => secrets.get(secret), plan.secretPrefix);
  const authorities = [
    certificateView('cluster CA', keys.certificateAuthority.certificate, true),
    certificateView('etcd CA', keys.etcd.certificate, true),
    certificateView('front-proxy CA', keys.frontProxy.certificate, true),
  ];
  const client = await connect({
    host: plan.network.api.host,
    authority: keys.certificateAuthority,
    ...(config.gatewayUrl === undefined ? {} : { gatewayUrl: config.gatewayUrl }),
  });
  try {
    const live = await readLiveDocuments(client, plan);
    const outputs = Object.fromEntries(rows.items.map((item) => [item.key, item.outputs]));
    const observed = { identityClientId: outputs['identity']?.['clientId'] ?? '' };
    const nodes = await readNodes(client, plan);
    if (nodes.status === 'done') {
      const records = nodes.value.nodes.map(
        ({ role, machine, name, ...rest }): NodeRecord => ({
          ...rest,
          name,
          role: role === 'controlPlane' ? 'control-plane' : 'worker',
          machine: machine ?? name,
        }),
      );
      await store.documents.put(nodesDocument(rows.head.uid), JSON.stringify(records));
    }
    return {
      findings: [...compareDocuments(plan, observed, live), ...(await readControllers(client))],
      certificates: [...authorities, ...(await readCertificates(client, plan, live))],
      machines: (live['AzureMachine'] ?? []).map(({ metadata }) => metadata.name),
    };
  } catch (error) {
    const problem = error instanceof Error ? error.message.slice(0, 200) : 'no answer';
    return { findings: [], certificates: authorities, problem };
  } finally {
    client.close();
  }
}

function unreachable(plan: ClusterPlan, problem: string | undefined): Finding {
  return {
    kind: 'unreachable',
    where: plan.network.api.host,
    sentence: `the API server of ${plan.name} does not answer: ${problem ?? ''}`,
    repairable: false,
  };
}

/** One event per finding that is new, and one per finding that is gone. */
async function tell({ store }: ServiceDependencies, rows: ClusterRows, report: CheckReport): Promise<void> {
  const key = ({ kind, where }: Finding) => `${kind} ${where}`;
  const before = new Map((rows.check?.findings ?? []).map((finding) => [key(finding), finding]));
  const after = new Map(report.findings.map((finding) => [key(finding), finding]));
  const append = async (type: string, id: string, sentence: string) =>
    store.events.append(rows.head.name, {
      id: `check/${report.checkedAt}/${type}/${id}`,
      type,
      at: report.checkedAt,
      operationId: '',
      sentence,
    });
  for (const [id, { kind, sentence }] of after) if (!before.has(id)) await append(`check.${kind}`, id, sentence);
  for (const [id, { sentence }] of before)
    if (!after.has(id)) await append('check.resolved', id, `no longer: ${sentence}`);
}
