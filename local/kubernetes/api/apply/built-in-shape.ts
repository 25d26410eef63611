import { DEDUCED, OBJECT_META, type Shape } from './shape.ts';

/** A list of the built-in kinds that merges by key. */
interface MergeList {
  /** Keys of server-side apply. */
  readonly keys: readonly string[];
  /** Key of strategic merge patch, when it is not the first of `keys`. */
  readonly patchKey?: string;
  /** Only below these members; everywhere when absent. */
  readonly under?: readonly string[];
}

/*
 * Merge keys of the built-in kinds (Kubernetes API reference: x-kubernetes-list-map-keys and
 * x-kubernetes-patch-merge-key of each field), by the name of the list.
 */
const MERGE_LISTS: Readonly<Record<string, readonly MergeList[]>> = {
  containers: [{ keys: ['name'] }],
  initContainers: [{ keys: ['name'] }],
  ephemeralContainers: [{ keys: ['name'] }],
  volumes: [{ keys: ['name'] }],
  env: [{ keys: ['name'] }],
  volumeMounts: [{ keys: ['mountPath'] }],
  volumeDevices: [{ keys: ['devicePath'] }],
  imagePullSecrets: [{ keys: ['name'] }],
  secrets: [{ keys: ['name'] }],
  claims: [{ keys: ['name'] }],
  hostAliases: [{ keys: ['ip'] }],
  podIPs: [{ keys: ['ip'] }],
  hostIPs: [{ keys: ['ip'] }],
  topologySpreadConstraints: [{ keys: ['topologyKey', 'whenUnsatisfiable'] }],
  conditions: [{ keys: ['type'] }],
  webhooks: [{ keys: ['name'] }],
  matchConditions: [{ keys: ['name'] }],
  ownerReferences: [{ keys: ['uid'] }],
  ports: [
    { keys: ['containerPort', 'protocol'], under: ['containers', 'initContainers', 'ephemeralContainers'] },
    { keys: ['port', 'protocol'], under: ['spec'] },
  ],
  addresses: [{ keys: ['type'], under: ['status'] }],
};

/** Lists that only strategic merge patch merges by key; server-side apply takes them as atomic. */
const PATCH_ONLY: Readonly<Record<string, string>> = { taints: 'key' };

const ATOMIC_MAPS: ReadonlySet<string> = new Set([
  'selector',
  'nodeSelector',
  'fieldRef',
  'secretKeyRef',
  'configMapKeyRef',
  'resourceFieldRef',
  'roleRef',
  'podSelector',
  'namespaceSelector',
  'objectSelector',
  'labelSelector',
  'secretRef',
  'configMapRef',
  'involvedObject',
]);

const FREE_MAPS: ReadonlySet<string> = new Set(['labels', 'annotations', 'data', 'stringData', 'binaryData']);

const shapes = new Map<string, Shape>();

/** Shape of a whole object of a built-in kind; knows the lists that merge by key. */
export function builtInShape(): Shape {
  return { ...named('', ''), member: (name) => (name === 'metadata' ? OBJECT_META : named(name, '')) };
}

function named(name: string, parent: string): Shape {
  const key = `${parent}>${name}`;
  let shape = shapes.get(key);
  if (shape === undefined) shapes.set(key, (shape = build(name, parent)));
  return shape;
}

function build(name: string, parent: string): Shape {
  if (FREE_MAPS.has(name)) return DEDUCED;
  const list = mergeList(name, parent);
  return {
    atomicMap: ATOMIC_MAPS.has(name),
    listType: name === 'finalizers' ? 'set' : list === undefined ? 'atomic' : 'map',
    listKeys: list?.keys ?? [],
    member: (child) => (child === 'metadata' ? OBJECT_META : named(child, name)),
    items: () => itemShape(name, parent),
    defaultOf: () => undefined,
  };
}

function itemShape(name: string, parent: string): Shape {
  const plain = build(name, parent);
  return {
    ...plain,
    atomicMap: false,
    listType: 'atomic',
    defaultOf: (key) => (name === 'ports' && key === 'protocol' ? 'TCP' : undefined),
  };
}

function mergeList(name: string, parent: string): MergeList | undefined {
  return MERGE_LISTS[name]?.find((list) => list.under === undefined || list.under.includes(parent));
}

/** Merge key of strategic merge patch for a list of a built-in kind; `undefined` when the list is replaced. */
export function patchMergeKey(name: string, parent: string): string | undefined {
  const list = mergeList(name, parent);
  return list?.patchKey ?? list?.keys[0] ?? PATCH_ONLY[name];
}

/** Whether strategic merge patch unites the values of this list of strings. */
export function isPatchMergeSet(name: string): boolean {
  return name === 'finalizers';
}
