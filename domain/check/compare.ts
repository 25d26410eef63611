import { azureClusterDocument } from '../cluster-api/cluster.ts';
import type { ObservedAzure } from '../cluster-api/cluster.ts';
import { controlPlaneDocument, controlPlaneTemplateDocument } from '../cluster-api/control-plane.ts';
import { documentNames, wellKnown } from '../cluster-api/names.ts';
import { field, numberField, textField } from '../cluster-api/object.ts';
import type { KubernetesObject } from '../cluster-api/object.ts';
import {
  controlPlaneHealthCheck,
  machineDeployment,
  shardBounds,
  shardHealthCheck,
  shardTemplates,
} from '../cluster-api/pools.ts';
import { fingerprintOf } from '../cluster-api/templates.ts';
import type { ClusterPlan, PlannedPool, PlannedShard } from '../plan/types.ts';
import type { Finding } from './types.ts';

/** The cluster's own documents as they are now, by kind; whole lists of the cluster's namespace. */
export type LiveDocuments = Readonly<Record<string, readonly KubernetesObject[]>>;

/**
 * Compares the documents that the plan stands for with the live ones. Only fields that the plan sets count: what
 * controllers and webhooks fill in, and what people add beside it, is theirs. Pure.
 */
export function compareDocuments(plan: ClusterPlan, observed: ObservedAzure, live: LiveDocuments): readonly Finding[] {
  return [
    ...pauses(plan, live),
    ...controlPlaneFindings(plan, live),
    ...settingFindings(plan, observed, live),
    ...plan.pools.flatMap((pool) => pool.shards.flatMap((shard) => shardFindings(plan, pool, shard, live))),
    ...foreignPools(plan, live),
    ...machineFindings(plan, live),
  ];
}

/** Fields of `wanted` that `live` has otherwise, as paths with both values. Lists are one value. */
export function differences(live: unknown, wanted: unknown, path = ''): readonly Difference[] {
  if (wanted === undefined) return [];
  if (isObject(wanted)) {
    return Object.entries(wanted).flatMap(([key, value]) =>
      differences(isObject(live) ? live[key] : undefined, value, path === '' ? key : `${path}.${key}`),
    );
  }
  if (Array.isArray(wanted)) {
    const list: readonly unknown[] = Array.isArray(live) ? live : [];
    const same =
      list.length === wanted.length && wanted.every((item, index) => differences(list[index], item).length === 0);
    return same ? [] : [{ path, live, wanted }];
  }
  return live === wanted ? [] : [{ path, live, wanted }];
}

interface Difference {
  readonly path: string;
  readonly live: unknown;
  readonly wanted: unknown;
}

function find(live: LiveDocuments, kind: string, name: string): KubernetesObject | undefined {
  return live[kind]?.find((object) => object.metadata.name === name);
}

function driftOf(
  kind: string,
  name: string,
  live: KubernetesObject | undefined,
  wanted: KubernetesObject,
  except: RegExp,
): Finding[] {
  if (live === undefined) return [missing(kind, name)];
  return differences(live['spec'], wanted['spec'], 'spec')
    .filter(({ path }) => !except.test(path))
    .map((difference) => drift(kind, name, difference));
}

function drift(kind: string, name: string, { path, live, wanted }: Difference): Finding {
  return {
    kind: 'drift',
    where: `${kind} ${name} ${path}`,
    sentence: `${kind} ${name}: ${path} is ${shown(live)}, the document says ${shown(wanted)}`,
    repairable: true,
  };
}

function missing(kind: string, name: string): Finding {
  return { kind: 'missing', where: `${kind} ${name}`, sentence: `${kind} ${name} is gone`, repairable: true };
}

function shown(value: unknown): string {
  if (value === undefined) return 'absent';
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
    return String(value).slice(0, 80);
  return 'something else';
}

function pauses(plan: ClusterPlan, live: LiveDocuments): Finding[] {
  const cluster = find(live, 'Cluster', plan.name);
  if (cluster === undefined)
    return [
      { kind: 'missing', where: `Cluster ${plan.name}`, sentence: `Cluster ${plan.name} is gone`, repairable: false },
    ];
  const objects = [cluster, ...(live['KubeadmControlPlane'] ?? []), ...(live['MachineDeployment'] ?? [])];
  return objects
    .filter(
      (object) =>
        field(object, 'spec', 'paused') === true || object.metadata.annotations?.[wellKnown.paused] !== undefined,
    )
    .map(({ kind, metadata }) => ({
      kind: 'paused' as const,
      where: `${kind} ${metadata.name}`,
      sentence: `${kind} ${metadata.name} is paused: its controllers change and heal nothing`,
      repairable: false,
    }));
}

function controlPlaneFindings(plan: ClusterPlan, live: LiveDocuments): Finding[] {
  const { controlPlane: name } = documentNames(plan);
  const found = find(live, 'KubeadmControlPlane', name);
  const template = textField(found, 'spec', 'machineTemplate', 'spec', 'infrastructureRef', 'name') ?? '';
  const wanted = controlPlaneDocument(plan, { replicas: plan.controlPlane.replicas, template });
  return [
    ...driftOf('KubeadmControlPlane', name, found, wanted, /infrastructureRef|^spec\.rollout\.after/),
    ...(found === undefined ? [] : templateFindings(live, template, controlPlaneTemplateDocument(plan))),
    ...driftOf('MachineHealthCheck', name, find(live, 'MachineHealthCheck', name), controlPlaneHealthCheck(plan), /^$/),
  ];
}

/** A template in use whose content is not what the plan would make. */
function templateFindings(live: LiveDocuments, name: string, wanted: KubernetesObject): Finding[] {
  const found = find(live, wanted.kind, name);
  if (found === undefined) return [missing(wanted.kind, name)];
  const stored = { ...wanted, metadata: { ...wanted.metadata, name }, spec: found['spec'] };
  const own = found.metadata.annotations?.[wellKnown.fingerprint] ?? fingerprintOf(stored);
  return own === fingerprintOf(wanted)
    ? []
    : [
        {
          kind: 'drift',
          where: `${wanted.kind} ${name}`,
          sentence: `${wanted.kind} ${name} makes other machines than the document says`,
          repairable: true,
        },
      ];
}

function shardFindings(plan: ClusterPlan, pool: PlannedPool, shard: PlannedShard, live: LiveDocuments): Finding[] {
  const name = shard.machineDeployment;
  const found = find(live, 'MachineDeployment', name);
  if (found === undefined) return [missing('MachineDeployment', name)];
  const templates = {
    machine: textField(found, 'spec', 'template', 'spec', 'infrastructureRef', 'name') ?? '',
    bootstrap: textField(found, 'spec', 'template', 'spec', 'bootstrap', 'configRef', 'name') ?? '',
  };
  const [machine, bootstrap] = shardTemplates(plan, pool, shard);
  // The autoscaler owns the size of a pool that has bounds.
  const scaled = shardBounds(plan, pool, shard) !== undefined;
  const replicas = scaled ? (numberField(found, 'spec', 'replicas') ?? shard.replicas) : shard.replicas;
  return [
    ...driftOf('MachineDeployment', name, found, machineDeployment(plan, pool, shard, templates, replicas), /^$/),
    ...templateFindings(live, templates.machine, machine),
    ...templateFindings(live, templates.bootstrap, bootstrap),
    ...driftOf(
      'MachineHealthCheck',
      name,
      find(live, 'MachineHealthCheck', name),
      shardHealthCheck(plan, pool, shard),
      /^$/,
    ),
  ];
}

function settingFindings(plan: ClusterPlan, observed: ObservedAzure, live: LiveDocuments): Finding[] {
  const found = find(live, 'AzureCluster', plan.name);
  const wanted = azureClusterDocument(plan, observed);
  const tags = { ...wanted, spec: { additionalTags: field(wanted, 'spec', 'additionalTags') } };
  return driftOf('AzureCluster', plan.name, found, tags, /^$/);
}

function foreignPools(plan: ClusterPlan, live: LiveDocuments): Finding[] {
  const wanted = new Set(plan.pools.flatMap((pool) => pool.shards.map((shard) => shard.machineDeployment)));
  return (live['MachineDeployment'] ?? [])
    .filter(({ metadata }) => !wanted.has(metadata.name))
    .map(({ metadata }) => {
      const ours = metadata.labels?.[wellKnown.pool] !== undefined;
      return {
        kind: 'foreign' as const,
        where: `MachineDeployment ${metadata.name}`,
        sentence: ours
          ? `MachineDeployment ${metadata.name} belongs to a pool or zone that the document does not have`
          : `MachineDeployment ${metadata.name} was made by somebody else; it is left alone`,
        repairable: ours,
      };
    });
}

/** Machines that are not ready: the cluster heals them itself; said, so that nobody has to guess. */
function machineFindings(plan: ClusterPlan, live: LiveDocuments): Finding[] {
  const replicated = [...(live['KubeadmControlPlane'] ?? []), ...(live['MachineDeployment'] ?? [])];
  return replicated.flatMap((object) => {
    const [wanted = 0, ready = 0] = [
      numberField(object, 'spec', 'replicas'),
      numberField(object, 'status', 'readyReplicas'),
    ];
    return ready >= wanted
      ? []
      : [
          {
            kind: 'unhealthy' as const,
            where: `${object.kind} ${object.metadata.name}`,
            sentence: `${object.kind} ${object.metadata.name}: ${ready} of ${wanted} machines ready; the cluster of ${plan.name} replaces them itself`,
            repairable: false,
          },
        ];
  });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
