import { managedDocument } from '../managed/schema.ts';
import type { ManagedDocument } from '../managed/types.ts';
import { clusterDocument } from './schema.ts';
import type { ClusterDocument } from './types.ts';

type Issue = {
  readonly path: readonly PropertyKey[];
  readonly code?: string | undefined;
  readonly keys?: readonly string[];
};

/** Values that stand in for required fields that are missing or wrong. */
const standIn: unknown = {
  apiVersion: 'capstan.dev/v1',
  kind: 'Cluster',
  metadata: { name: 'stand-in' },
  spec: {
    azure: {
      subscriptionId: '00000000-0000-0000-0000-000000000000',
      location: 'westeurope',
      resourceGroup: 'stand-in',
    },
    kubernetes: { version: 'v1.33.0' },
    image: { vhd: 'https://stand-in.example/image.vhd' },
    controlPlane: {},
  },
};

/** The same for AKS clusters. */
const managedStandIn: unknown = {
  ...(standIn as object),
  kind: 'ManagedCluster',
  spec: {
    azure: (standIn as { spec: { azure: object } }).spec.azure,
    kubernetes: { version: 'v1.33.0' },
    nodePools: [],
  },
};

/**
 * The document with what breaks the schema taken out or replaced, so that the rules between fields can be checked in
 * the same answer. Undefined when nothing sensible is left.
 */
export function lenientDocument(value: unknown, issues: readonly Issue[]): ClusterDocument | undefined {
  const parsed = clusterDocument.safeParse(mended(value, issues, standIn));
  return parsed.success ? parsed.data : undefined;
}

/** The same for AKS clusters. */
export function lenientManagedDocument(value: unknown, issues: readonly Issue[]): ManagedDocument | undefined {
  const parsed = managedDocument.safeParse(mended(value, issues, managedStandIn));
  return parsed.success ? parsed.data : undefined;
}

function mended(value: unknown, issues: readonly Issue[], replacement: unknown): unknown {
  const copy: unknown = structuredClone(value);
  for (const issue of issues) {
    const removed =
      issue.code === 'unrecognized_keys' ? (issue.keys ?? []).map((key) => [...issue.path, key]) : [issue.path];
    for (const path of removed)
      replaceAt(copy, path, issue.code === 'unrecognized_keys' ? undefined : at(replacement, path));
  }
  return copy;
}

/** Whether one path lies in the other: what was replaced must not be judged. */
export function touches(path: readonly PropertyKey[], issues: readonly Issue[]): boolean {
  return issues.some((issue) => {
    const shared = Math.min(path.length, issue.path.length);
    return (
      issue.code !== 'unrecognized_keys' && path.slice(0, shared).every((part, index) => part === issue.path[index])
    );
  });
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, part) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  );
}

function replaceAt(root: unknown, path: readonly PropertyKey[], value: unknown): void {
  const last = path.at(-1);
  const parent = at(root, path.slice(0, -1));
  if (last === undefined || typeof parent !== 'object' || parent === null) return;
  const record = parent as Record<PropertyKey, unknown>;
  if (value === undefined) delete record[last];
  else record[last] = structuredClone(value);
}
