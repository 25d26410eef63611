import type { z } from 'zod';
import type { addOn, controlPlane, taint, workerPool } from './parts.ts';
import type { clusterDocument } from './schema.ts';

/** A validated cluster document with every default filled in. */
export type ClusterDocument = z.output<typeof clusterDocument>;
export type ClusterSpec = ClusterDocument['spec'];
export type WorkerPoolSpec = z.output<typeof workerPool>;
export type AddOnSpec = z.output<typeof addOn>;
export type TaintSpec = z.output<typeof taint>;
export type HealthCheckSpec = z.output<typeof controlPlane>['healthCheck'];
export type RolloutSpec = WorkerPoolSpec['rollout'];
