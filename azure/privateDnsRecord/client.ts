import type { GenericResource } from '@azure/arm-resources';
import { describeGeneric, genericCalls, privateDnsVersion } from '../resource/generic.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { privateDnsRecordSpec } from './spec.ts';

/** Records have no tags; they live and die with their zone. */
export const privateDnsRecord: KindDefinition<GenericResource> = {
  kind: 'privateDnsRecord',
  title: 'DNS record',
  ownership: 'parent',
  desired: privateDnsRecordSpec,
  describe: describeGeneric,
  ...genericCalls(privateDnsVersion),
};
