import type { GenericResource } from '@azure/arm-resources';
import { describeGeneric, genericCalls, privateDnsVersion } from '../resource/generic.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { privateDnsZoneSpec } from './spec.ts';

export const privateDnsZone: KindDefinition<GenericResource> = {
  kind: 'privateDnsZone',
  title: 'private DNS zone',
  ownership: 'shared',
  desired: privateDnsZoneSpec,
  describe: describeGeneric,
  ...genericCalls(privateDnsVersion),
};
