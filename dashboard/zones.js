import { byId, element, refresh } from './dom.js';

/** Zones of a cluster with their nodes, and with the nodes that are wanted but not there yet. */
export function zoneColumns({ nodes, pools }) {
  const zones = [
    ...pools.flatMap((pool) => pool.zones.map(({ zone }) => zone)),
    ...nodes.map((node) => node.zone ?? ''),
  ];
  return [...new Set(zones)]
    .sort((a, b) => a.localeCompare(b))
    .map((zone) => {
      const here = nodes.filter((node) => (node.zone ?? '') === zone);
      const missing = pools.flatMap((pool) => {
        const wanted = pool.zones.find((shard) => shard.zone === zone)?.replicas ?? 0;
        const present = here.filter((node) => node.pool === pool.name).length;
        return Array.from({ length: Math.max(0, wanted - present) }, () => ({ pool: pool.name }));
      });
      const order = [...here].sort((a, b) => a.role.localeCompare(b.role) || a.name.localeCompare(b.name));
      return { zone, nodes: order, missing };
    });
}

function nodeTile(node) {
  const role = node.role === 'control-plane' ? 'control plane' : `worker, pool ${node.pool ?? 'unknown'}`;
  const state = node.ready ? 'ready' : 'not ready';
  return element(
    `li.tile.${node.role}.${node.ready ? 'ready' : 'unready'}`,
    { title: `${node.name}: ${role}, ${state}` },
    element('span.name', {}, node.name),
    element('span.role', {}, `${role} · ${state}`),
  );
}

function missingTile({ pool }) {
  return element(
    'li.tile.missing',
    {},
    element('span.name', {}, `worker, pool ${pool}`),
    element('span.role', {}, 'wanted, not there yet'),
  );
}

/** Draws zones as columns and nodes as tiles. */
export function showZones(status) {
  refresh(byId('zones'), [status.nodes, status.pools], () => {
    const columns = zoneColumns(status);
    if (columns.length === 0) return [element('p.hint', {}, 'No nodes yet.')];
    return columns.map(({ zone, nodes, missing }) => {
      const title = zone === '' ? 'No zones in this region' : `Zone ${zone}`;
      const ready = nodes.filter((node) => node.ready).length;
      return element(
        'section.zone',
        { 'aria-label': title },
        element('h4', {}, title, element('span.hint', {}, ` ${ready} of ${nodes.length + missing.length} ready`)),
        element('ul', {}, ...nodes.map(nodeTile), ...missing.map(missingTile)),
      );
    });
  });
}
