import type { KubeObject } from '../contract.ts';
import { humanDuration } from './duration.ts';
import { asArray, asObject, asString, at, isObject, type JsonObject, textOf, asNumber } from './json.ts';
import { evaluate } from './json-path.ts';
import type { ResourceKind } from './kinds.ts';

/** A column of a Table. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
  readonly cell: (object: KubeObject, now: number) => unknown;
}

type Cell = Column['cell'];

function column(name: string, cell: Cell, priority = 0, type = 'string', format = ''): Column {
  return { name, type, format, description: name, priority, cell };
}

const NAME = column('Name', (object) => object.metadata.name, 0, 'string', 'name');
const AGE = column('Age', (object, now) => ageOf(object.metadata.creationTimestamp, now));

function ageOf(time: unknown, now: number): string {
  return typeof time === 'string' ? humanDuration(now - Date.parse(time)) : '<unknown>';
}

function member(...path: readonly string[]): Cell {
  return (object) => at(object, ...path) ?? '';
}

function count(...path: readonly string[]): Cell {
  return (object) => asNumber(at(object, ...path));
}

function ratio(done: readonly string[], wanted: readonly string[]): Cell {
  return (object, now) => `${String(count(...done)(object, now))}/${String(count(...wanted)(object, now))}`;
}

function orNone(value: string): string {
  return value === '' ? '<none>' : value;
}

function nodeStatus(object: KubeObject): string {
  const ready = asArray(at(object, 'status', 'conditions')).find((condition) => at(condition, 'type') === 'Ready');
  const state = at(ready, 'status') === 'True' ? 'Ready' : ready === undefined ? 'Unknown' : 'NotReady';
  return at(object, 'spec', 'unschedulable') === true ? `${state},SchedulingDisabled` : state;
}

const ROLE_PREFIX = 'node-role.kubernetes.io/';

function nodeRoles(object: KubeObject): string {
  const roles = Object.keys(asObject(object.metadata.labels)).filter((label) => label.startsWith(ROLE_PREFIX));
  return orNone(
    roles
      .map((label) => label.slice(ROLE_PREFIX.length))
      .sort()
      .join(','),
  );
}

function address(type: string): Cell {
  return (object) => {
    const found = asArray(at(object, 'status', 'addresses')).find((candidate) => at(candidate, 'type') === type);
    return orNone(asString(at(found, 'address')) ?? '');
  };
}

function podStatus(object: KubeObject): string {
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating';
  const statuses = asArray(at(object, 'status', 'containerStatuses'));
  const waiting = statuses
    .map((status) => asString(at(status, 'state', 'waiting', 'reason')))
    .find((reason) => reason !== undefined);
  const phase = asString(at(object, 'status', 'phase')) ?? 'Unknown';
  return waiting ?? asString(at(object, 'status', 'reason')) ?? (phase === 'Succeeded' ? 'Completed' : phase);
}

function podReady(object: KubeObject): string {
  const ready = asArray(at(object, 'status', 'containerStatuses')).filter(
    (status) => at(status, 'ready') === true,
  ).length;
  return `${ready}/${asArray(at(object, 'spec', 'containers')).length}`;
}

function podRestarts(object: KubeObject): string {
  const statuses = asArray(at(object, 'status', 'containerStatuses'));
  return String(statuses.reduce<number>((sum, status) => sum + asNumber(at(status, 'restartCount')), 0));
}

function images(object: KubeObject): string {
  return asArray(at(object, 'spec', 'template', 'spec', 'containers'))
    .map((container) => asString(at(container, 'image')) ?? '')
    .join(',');
}

function servicePorts(object: KubeObject): string {
  const ports = asArray(at(object, 'spec', 'ports')).map((port) => {
    const node = at(port, 'nodePort');
    return `${textOf(at(port, 'port'))}${node === undefined ? '' : `:${textOf(node)}`}/${asString(at(port, 'protocol')) ?? 'TCP'}`;
  });
  return orNone(ports.join(','));
}

function jobStatus(object: KubeObject): string {
  const done = asArray(at(object, 'status', 'conditions')).filter((condition) => at(condition, 'status') === 'True');
  if (done.some((condition) => at(condition, 'type') === 'Complete')) return 'Complete';
  return done.some((condition) => at(condition, 'type') === 'Failed') ? 'Failed' : 'Running';
}

const dataCount: Cell = (object) => Object.keys(asObject(object['data'])).length;

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Node: [
    NAME,
    column('Status', nodeStatus),
    column('Roles', nodeRoles),
    AGE,
    column('Version', member('status', 'nodeInfo', 'kubeletVersion')),
    column('Internal-IP', address('InternalIP'), 1),
    column('External-IP', address('ExternalIP'), 1),
    column('OS-Image', member('status', 'nodeInfo', 'osImage'), 1),
    column('Kernel-Version', member('status', 'nodeInfo', 'kernelVersion'), 1),
    column('Container-Runtime', member('status', 'nodeInfo', 'containerRuntimeVersion'), 1),
  ],
  Pod: [
    NAME,
    column('Ready', podReady),
    column('Status', podStatus),
    column('Restarts', podRestarts),
    AGE,
    column('IP', (object) => orNone(asString(at(object, 'status', 'podIP')) ?? ''), 1),
    column('Node', (object) => orNone(asString(at(object, 'spec', 'nodeName')) ?? ''), 1),
  ],
  Deployment: [
    NAME,
    column('Ready', ratio(['status', 'readyReplicas'], ['spec', 'replicas'])),
    column('Up-to-date', count('status', 'updatedReplicas'), 0, 'integer'),
    column('Available', count('status', 'availableReplicas'), 0, 'integer'),
    AGE,
    column('Images', images, 1),
  ],
  DaemonSet: [
    NAME,
    column('Desired', count('status', 'desiredNumberScheduled'), 0, 'integer'),
    column('Current', count('status', 'currentNumberScheduled'), 0, 'integer'),
    column('Ready', count('status', 'numberReady'), 0, 'integer'),
    column('Up-to-date', count('status', 'updatedNumberScheduled'), 0, 'integer'),
    column('Available', count('status', 'numberAvailable'), 0, 'integer'),
    AGE,
  ],
  ReplicaSet: [
    NAME,
    column('Desired', count('spec', 'replicas'), 0, 'integer'),
    column('Current', count('status', 'replicas'), 0, 'integer'),
    column('Ready', count('status', 'readyReplicas'), 0, 'integer'),
    AGE,
  ],
  StatefulSet: [NAME, column('Ready', ratio(['status', 'readyReplicas'], ['spec', 'replicas'])), AGE],
  Job: [
    NAME,
    column('Status', jobStatus),
    column('Completions', ratio(['status', 'succeeded'], ['spec', 'completions'])),
    AGE,
  ],
  Event: [
    column('Last Seen', (object, now) =>
      ageOf(object['lastTimestamp'] ?? object['eventTime'] ?? object.metadata.creationTimestamp, now),
    ),
    column('Type', member('type')),
    column('Reason', member('reason')),
    column(
      'Object',
      (object) =>
        `${(asString(at(object, 'involvedObject', 'kind')) ?? '').toLowerCase()}/${asString(at(object, 'involvedObject', 'name')) ?? ''}`,
    ),
    column('Message', member('message')),
    column('Name', NAME.cell, 1, 'string', 'name'),
  ],
  Namespace: [NAME, column('Status', member('status', 'phase')), AGE],
  Secret: [NAME, column('Type', member('type')), column('Data', dataCount, 0, 'integer'), AGE],
  ConfigMap: [NAME, column('Data', dataCount, 0, 'integer'), AGE],
  Service: [
    NAME,
    column('Type', member('spec', 'type')),
    column('Cluster-IP', (object) => orNone(asString(at(object, 'spec', 'clusterIP')) ?? '')),
    column('External-IP', (object) =>
      orNone(asString(at(object, 'status', 'loadBalancer', 'ingress', '0', 'ip')) ?? ''),
    ),
    column('Port(s)', servicePorts),
    AGE,
  ],
  StorageClass: [
    NAME,
    column('Provisioner', member('provisioner')),
    column('ReclaimPolicy', member('reclaimPolicy')),
    column('VolumeBindingMode', member('volumeBindingMode')),
    AGE,
  ],
  Lease: [NAME, column('Holder', member('spec', 'holderIdentity')), AGE],
  CustomResourceDefinition: [NAME, column('Created At', (object) => object.metadata.creationTimestamp ?? '')],
  ClusterRoleBinding: [
    NAME,
    column(
      'Role',
      (object) => `${asString(at(object, 'roleRef', 'kind')) ?? ''}/${asString(at(object, 'roleRef', 'name')) ?? ''}`,
    ),
    AGE,
  ],
  RoleBinding: [
    NAME,
    column(
      'Role',
      (object) => `${asString(at(object, 'roleRef', 'kind')) ?? ''}/${asString(at(object, 'roleRef', 'name')) ?? ''}`,
    ),
    AGE,
  ],
};

/** Columns of a kind: its own, those that its CRD names, else name and age. */
export function columnsOf(kind: ResourceKind): readonly Column[] {
  if (kind.custom === undefined) return COLUMNS[kind.kind] ?? [NAME, AGE];
  const own = kind.custom.columns.filter(isObject).map(customColumn);
  return own.length === 0 ? [NAME, AGE] : [NAME, ...own];
}

function customColumn(definition: JsonObject): Column {
  const path = asString(definition['jsonPath']) ?? '';
  const type = asString(definition['type']) ?? 'string';
  const cell: Cell = (object, now) => {
    const [value] = evaluate(path, object);
    if (value === undefined || value === null) return null;
    if (type === 'date') return ageOf(value, now);
    return type === 'string' && typeof value !== 'string' ? JSON.stringify(value) : value;
  };
  return {
    name: asString(definition['name']) ?? '',
    type,
    format: asString(definition['format']) ?? '',
    description: asString(definition['description']) ?? '',
    priority: asNumber(definition['priority']),
    cell,
  };
}
