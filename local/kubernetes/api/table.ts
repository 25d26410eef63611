import type { KubeObject } from '../contract.ts';
import { at } from './json.ts';
import type { ResourceKind } from './kinds.ts';
import { columnsOf } from './table-columns.ts';

/** A Table of objects (`meta.k8s.io/v1`), the representation that `kubectl get` prints. */
export function tableOf(
  kind: ResourceKind,
  objects: readonly KubeObject[],
  metadata: Record<string, unknown>,
  now: number,
  include: string | null,
): Record<string, unknown> {
  const columns = columnsOf(kind);
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: columns.map(({ name, type, format, description, priority }) => ({
      name,
      type,
      format,
      description,
      priority,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, now)),
      ...(include === 'None' ? {} : { object: include === 'Object' ? object : partialMetadata(object) }),
    })),
  };
}

/** The metadata of an object alone. */
export function partialMetadata(object: KubeObject): Record<string, unknown> {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: at(object, 'metadata') };
}
