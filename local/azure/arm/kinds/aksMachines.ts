import type { ManagedCluster, ManagedNode } from '../../machines.ts';
import { findSize } from '../catalogue/sizes.ts';
import { at, type JsonObject, number, object, strings, text } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import type { Resource } from '../engine/store.ts';
import { locationOf } from '../engine/view.ts';
import { scaleSetId } from './aksNodeGroup.ts';
import { toAddress, toNumber } from './addresses.ts';

function taintOf(taint: string): ManagedNode['taints'][number] {
  const {
    key = '',
    value,
    effect = '',
  } = /^(?<key>[^=:]+)(?:=(?<value>[^:]*))?:(?<effect>.+)$/u.exec(taint)?.groups ?? {};
  return value === undefined ? { key, effect } : { key, value, effect };
}

/** The machines of one pool as their scale set has them; `offset` counts the machines of the pools before. */
function nodesOf(world: World, cluster: Resource, pool: Resource, offset: number): ManagedNode[] {
  const properties = object(pool.body['properties']);
  const size = findSize(text(properties['vmSize']) ?? '');
  const zones = strings(properties['availabilityZones']);
  const set = scaleSetId(world, cluster, pool.name);
  const [, , subscriptionId = '', , resourceGroup = ''] = set.split('/');
  return Array.from({ length: number(properties['count']) ?? 0 }, (_, index) => {
    const name = `${set.split('/').at(-1) ?? ''}${index.toString(36).padStart(6, '0')}`;
    const machine = {
      id: `${set}/virtualMachines/${index}`,
      name,
      computerName: name,
      subscriptionId,
      resourceGroup,
      location: locationOf(cluster),
      zone: zones.length === 0 ? undefined : zones[index % zones.length],
      vmSize: size?.name ?? '',
      cores: size?.cores ?? 0,
      memoryGiB: size?.memoryGiB ?? 0,
      customData: '',
      imageReference: `${text(properties['nodeImageVersion']) ?? ''}/${text(properties['currentOrchestratorVersion']) ?? ''}`,
      identityIds: [],
      privateIp: toAddress(toNumber('10.224.0.4') + offset + index),
      backendPoolIds: [],
      dataDisks: [],
      tags: {},
    };
    const labels = {
      agentpool: pool.name,
      'kubernetes.azure.com/agentpool': pool.name,
      'kubernetes.azure.com/cluster': resourceGroup,
      'kubernetes.azure.com/mode': (text(properties['mode']) ?? 'User').toLowerCase(),
      'kubernetes.azure.com/os-sku': text(properties['osSKU']) ?? '',
      ...(object(properties['nodeLabels']) as Readonly<Record<string, string>>),
    };
    return { machine, labels, taints: strings(properties['nodeTaints']).map(taintOf) };
  });
}

/** A cluster and its pools in the form in which the Kubernetes side runs them. */
export function managedClusterOf(world: World, cluster: Resource, pools: readonly Resource[]): ManagedCluster {
  const properties: JsonObject = object(cluster.body['properties']);
  const nodes: ManagedNode[] = [];
  // Windows machines have no simulated kubelet.
  for (const pool of pools.filter(({ body }) => at(body, 'properties', 'osType') !== 'Windows'))
    nodes.push(...nodesOf(world, cluster, pool, nodes.length));
  const running = text(at(properties, 'powerState', 'code')) !== 'Stopped';
  return {
    id: cluster.id,
    name: cluster.name,
    running,
    host: text(properties['fqdn']) ?? text(properties['privateFQDN']) ?? '',
    kubernetesVersion: `v${text(properties['currentKubernetesVersion']) ?? ''}`,
    serviceCidr: text(at(properties, 'networkProfile', 'serviceCidr')) ?? '10.0.0.0/16',
    nodes: running ? nodes : [],
  };
}
