import type { Identity } from '@azure/arm-msi';
import type { AnyPlan } from '#domain/managed/types.ts';
import type { SpecInput } from '../resource/kind.ts';
import { common, reconcile } from '../resource/reconcile.ts';
import type { ResourceOutputs } from '../types.ts';

/** The identity the control-plane machines act as. */
export function userAssignedIdentitySpec(
  input: SpecInput<AnyPlan>,
  existing: Identity | undefined,
): Identity | undefined {
  return reconcile(existing, common(input));
}

export function userAssignedIdentityOutputs(body: Identity): ResourceOutputs {
  const { principalId, clientId, tenantId } = body;
  return {
    ...(principalId === undefined ? {} : { principalId }),
    ...(clientId === undefined ? {} : { clientId }),
    ...(tenantId === undefined ? {} : { tenantId }),
  };
}
