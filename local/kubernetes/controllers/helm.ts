import type { KubeObject } from '../contract.ts';
import { parse } from 'yaml';
import { setLegacyConditions } from './conditions.ts';
import type { ConditionUpdate } from './conditions.ts';
import type { ControllerContext } from './context.ts';
import type { ClusterObject } from './cluster-api/kinds.ts';
import { reachWorkload } from './cluster-api/common.ts';
import { CLUSTER } from './cluster-api/kinds.ts';
import type { Condition } from './kinds.ts';
import { DEPLOYMENT, NAMESPACE } from './kinds.ts';
import type { HostedControllers } from './manager.ts';
import type { Kind, Kube } from './objects.ts';
import { keyOf, ownerReference, shortHash } from './objects.ts';
import type { Reconciler } from './runtime.ts';

interface HelmChartProxy extends KubeObject {
  spec?: {
    clusterSelector?: { matchLabels?: Record<string, string> };
    repoURL: string;
    chartName: string;
    version?: string;
    releaseName?: string;
    namespace?: string;
    valuesTemplate?: string;
    options?: { install?: { createNamespace?: boolean } };
  };
  status?: { conditions?: Condition[] };
}

const PROXY: Kind<HelmChartProxy> = { apiVersion: 'addons.cluster.x-k8s.io/v1alpha1', kind: 'HelmChartProxy' };
const RELEASE: Kind = { apiVersion: 'addons.cluster.x-k8s.io/v1alpha1', kind: 'HelmReleaseProxy' };

/**
 * The add-on provider for Helm: a HelmReleaseProxy for every Cluster that a HelmChartProxy selects, and one Deployment
 * in place of the chart's content (charts are not downloaded here). Errs as the real one: no such repository, values
 * that are no YAML, a namespace that nobody made, a cluster that is not reached.
 */
export function helmControllers(context: ControllerContext): HostedControllers {
  return {
    namespace: 'caaph-system',
    deployment: 'caaph-controller-manager',
    create: (kube) => [charts(context, kube)],
  };
}

function charts(context: ControllerContext, kube: Kube): Reconciler {
  const ofNamespace = (object: KubeObject) => kube.list(PROXY, object.metadata.namespace ?? '').map(keyOf);
  const everyProxy = () => kube.list(PROXY).map(keyOf);
  return {
    name: 'helmchartproxy',
    watches: [
      { kind: PROXY },
      { kind: CLUSTER, map: ofNamespace },
      { kind: DEPLOYMENT, map: everyProxy },
      { kind: NAMESPACE, map: everyProxy },
    ],
    reconcile: (key) => {
      const proxy = kube.get(PROXY, key.namespace, key.name);
      if (proxy?.spec === undefined || proxy.metadata.deletionTimestamp !== undefined) return undefined;
      const wanted = Object.entries(proxy.spec.clusterSelector?.matchLabels ?? {});
      const clusters = kube
        .list(CLUSTER, key.namespace)
        .filter(({ metadata }) => wanted.every(([name, value]) => metadata.labels?.[name] === value));
      const problems = clusters.flatMap((cluster) => release(context, kube, proxy, cluster) ?? []);
      const [problem] = problems;
      const now = context.azure.clock.now();
      const specs: ConditionUpdate = { type: 'HelmReleaseProxySpecsUpToDate', status: true, reason: '' };
      kube.patchStatus(proxy, {
        observedGeneration: proxy.metadata.generation ?? 1,
        matchingClusters: clusters.map(({ kind, apiVersion, metadata }) => ({
          kind,
          apiVersion,
          name: metadata.name,
          namespace: metadata.namespace,
        })),
        conditions: setLegacyConditions(proxy.status?.conditions, [specs, ...readiness(problem)], now),
      });
      return problem === undefined ? undefined : { requeueAfter: 10 };
    },
  };
}

interface Problem {
  readonly message: string;
  /** Not an error: it is on its way. */
  readonly pending?: true;
}

function readiness(problem: Problem | undefined): readonly ConditionUpdate[] {
  return ['HelmReleaseProxiesReady', 'Ready'].map((type) =>
    problem === undefined
      ? { type, status: true, reason: '' }
      : {
          type,
          status: false,
          reason: problem.pending === true ? 'HelmReleasePending' : 'HelmInstallOrUpgradeFailed',
          message: problem.message,
          severity: problem.pending === true ? 'Info' : 'Error',
        },
  );
}

/** Helm's work for one cluster: undefined when the release is deployed and its workload available. */
function release(
  context: ControllerContext,
  kube: Kube,
  proxy: HelmChartProxy,
  cluster: ClusterObject,
): Problem | undefined {
  const { spec } = proxy;
  if (spec === undefined) return undefined;
  const name = spec.releaseName ?? proxy.metadata.name;
  const namespace = spec.namespace ?? 'default';
  const label = { 'helmreleaseproxy.addons.cluster.x-k8s.io/helmchartproxy-name': proxy.metadata.name };
  const id = `${spec.chartName}-${cluster.metadata.name}-${shortHash(`${proxy.metadata.name}/${cluster.metadata.name}`)}`;
  if (kube.get(RELEASE, proxy.metadata.namespace ?? '', id) === undefined)
    kube.create({
      ...RELEASE,
      metadata: {
        name: id,
        namespace: proxy.metadata.namespace ?? '',
        labels: { ...label, 'cluster.x-k8s.io/cluster-name': cluster.metadata.name },
        ownerReferences: [ownerReference(proxy, true)],
      },
      spec: { ...spec, releaseName: name, releaseNamespace: namespace, values: spec.valuesTemplate ?? '' },
    });
  const remote = reachWorkload(context, kube, cluster);
  if (!remote.ok) return { message: `failed to get kubeconfig for cluster: ${remote.message}` };
  if (new URL(spec.repoURL).hostname.endsWith('.invalid'))
    return {
      message: `failed to fetch ${spec.repoURL}: dial tcp: lookup ${new URL(spec.repoURL).hostname}: no such host`,
    };
  const broken = yamlProblem(spec.valuesTemplate ?? '');
  if (broken !== undefined) return { message: `failed to parse values on cluster ${cluster.metadata.name}: ${broken}` };
  if (kube.get(NAMESPACE, '', namespace) === undefined && spec.options?.install?.createNamespace === false)
    return { message: `create: failed to create: namespaces "${namespace}" not found` };
  const deployed = kube.get(DEPLOYMENT, namespace, name);
  if (deployed === undefined) {
    kube.create(workload(name, namespace, `${spec.chartName}:${spec.version ?? 'latest'}`));
    return { message: 'Helm release is pending', pending: true };
  }
  return deployed.status?.conditions?.some(({ type, status }) => type === 'Available' && status === 'True') === true
    ? undefined
    : { message: 'Helm release is pending', pending: true };
}

function yamlProblem(text: string): string | undefined {
  try {
    parse(text.replaceAll('{{ "{{" }}', '{{'));
    return undefined;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}

function workload(name: string, namespace: string, image: string): KubeObject {
  const labels = { 'app.kubernetes.io/instance': name, 'app.kubernetes.io/managed-by': 'Helm' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace, labels },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'chart', image }] } },
    },
  };
}
