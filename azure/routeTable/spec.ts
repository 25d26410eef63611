import type { RouteTable } from '@azure/arm-network';
import type { SpecInput } from '../resource/kind.ts';
import { common, reconcile } from '../resource/reconcile.ts';

/** Route table of both subnets, without routes: the cloud provider of the cluster writes routes when it needs them. */
export function routeTableSpec(input: SpecInput, existing: RouteTable | undefined): RouteTable | undefined {
  return reconcile(existing, common(input));
}
