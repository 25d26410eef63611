import type { KubeObject } from '../contract.ts';
import type { AdmissionChain } from './admission.ts';
import { builtInShape } from './apply/built-in-shape.ts';
import { resourceShape, type Shape } from './apply/shape.ts';
import { apiVersionOf, bucketOf, type ResourceKind } from './kinds.ts';
import type { KindRegistry } from './registry.ts';
import type { ObjectStore } from './store.ts';

/** The parts of one cluster that every operation needs. */
export interface Core {
  readonly store: ObjectStore;
  readonly registry: KindRegistry;
  readonly admission: AdmissionChain;
  /** Wall-clock milliseconds. */
  readonly now: () => number;
}

/** Who writes, and how. */
export interface WriteContext {
  readonly fieldManager: string;
  readonly dryRun: boolean;
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  /** Collects the texts of `Warning` headers. */
  readonly warnings: string[];
}

/** Time of a write as Kubernetes writes it: RFC 3339 with seconds. */
export function timestamp(core: Core): string {
  return new Date(core.now()).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** A stored object in the version of the request. The versions of a custom resource differ in name only (conversion None). */
export function present(kind: ResourceKind, stored: KubeObject): KubeObject {
  const apiVersion = apiVersionOf(kind);
  return stored.apiVersion === apiVersion ? stored : { ...stored, apiVersion };
}

/** Looks up an object in the version of the request. */
export function find(core: Core, kind: ResourceKind, namespace: string, name: string): KubeObject | undefined {
  const stored = core.store.get(bucketOf(kind), kind.namespaced ? namespace : '', name);
  return stored === undefined ? undefined : present(kind, stored);
}

const builtIn = builtInShape();

/** How the fields of a kind merge in server-side apply. */
export function shapeOf(kind: ResourceKind): Shape {
  return kind.custom === undefined ? builtIn : resourceShape(kind.custom.schema);
}
