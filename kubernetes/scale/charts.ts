import { stringify } from 'yaml';
import { clusterLabels } from '#domain/cluster-api/cluster.ts';
import { apiVersions, namespaceOf, wellKnown } from '#domain/cluster-api/names.ts';
import { listField, numberField, referenceOf, textField } from '#domain/cluster-api/object.ts';
import type { KubernetesObject } from '#domain/cluster-api/object.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { done, failed, wait } from '#domain/outcome.ts';
import type { Outcome } from '#domain/outcome.ts';
import type { AddOnSpec } from '#domain/spec/types.ts';
import type { KubernetesClient } from '../client/client.ts';
import { errorOutcome, registered } from '../client/errors.ts';

const codes = { refused: 'CAP-6102', conflict: 'CAP-6104' } as const;

/** Looks in a row after which a release that keeps failing is the end: Helm itself is tried again and again. */
const patience = 24;

/** What installing a chart hands to its next call. */
export interface ChartState {
  /** Looks in a row at which the release had failed. */
  readonly failing?: number;
}

/** The HelmChartProxy of an add-on: selects the one cluster whose namespace it is in. */
export function helmChartProxy(plan: ClusterPlan, addOn: AddOnSpec): KubernetesObject | undefined {
  const { chart, values = {} } = addOn;
  if (chart === undefined) return undefined;
  return {
    apiVersion: apiVersions.helm,
    kind: 'HelmChartProxy',
    metadata: { name: addOn.name, namespace: namespaceOf(plan), labels: clusterLabels(plan) },
    spec: {
      clusterSelector: { matchLabels: { [wellKnown.clusterName]: plan.name } },
      // With oci the provider wants the repository alone and the chart's name beside it, as with https.
      repoURL: chart.repository,
      chartName: chart.name,
      version: chart.version,
      releaseName: chart.releaseName ?? addOn.name,
      namespace: addOn.namespace,
      // The text is a Go template: values with its delimiters stay what they are.
      valuesTemplate: stringify(values, { lineWidth: 0 }).replaceAll('{{', '{{ "{{" }}'),
      reconcileStrategy: 'Continuous',
      options: { wait: true, timeout: '10m', atomic: false, install: { createNamespace: false } },
    },
  };
}

/** One bounded step of installing an add-on's chart: the HelmChartProxy, then one look at how its release stands. */
export async function installChart(
  client: KubernetesClient,
  plan: ClusterPlan,
  addOn: AddOnSpec,
  state: ChartState = {},
): Promise<Outcome<{ readonly objects: number }>> {
  const proxy = helmChartProxy(plan, addOn);
  if (proxy === undefined) return done({ objects: 0 });
  const where = `add-on ${addOn.name}: chart ${addOn.chart?.name ?? ''} ${addOn.chart?.version ?? ''}`;
  try {
    const applied = await client.apply(proxy);
    const stored = (await client.get(referenceOf(proxy))) ?? applied;
    const ready = condition(stored, 'Ready');
    const current =
      (numberField(stored, 'status', 'observedGeneration') ?? 0) >= (stored.metadata.generation ?? 1) &&
      listField(stored, 'status', 'matchingClusters').length > 0;
    if (current && ready?.status === 'True') return done({ objects: 1 }, addOn.name);
    if (current && ready?.status === 'False' && ready.severity === 'Error') {
      const failing = (state.failing ?? 0) + 1;
      if (failing >= patience) return failed(registered('CAP-6105', where, ready.message));
      return wait(10, { state: { failing }, sentence: `${addOn.name}: ${ready.message}` });
    }
    return wait(5, { sentence: `${addOn.name}: the chart is being installed` });
  } catch (error) {
    return errorOutcome(error, where, codes);
  }
}

function condition(object: KubernetesObject, type: string) {
  const found = listField(object, 'status', 'conditions').find((entry) => textField(entry, 'type') === type);
  return found === undefined
    ? undefined
    : {
        status: textField(found, 'status') ?? '',
        severity: textField(found, 'severity') ?? '',
        message: textField(found, 'message') ?? textField(found, 'reason') ?? 'no reason given',
      };
}
