import type { GenericResource } from '@azure/arm-resources';
import { describeGeneric, genericCalls, privateDnsVersion } from '../resource/generic.ts';
import type { KindDefinition } from '../resource/kind.ts';
import { privateDnsZoneLinkSpec } from './spec.ts';

export const privateDnsZoneLink: KindDefinition<GenericResource> = {
  kind: 'privateDnsZoneLink',
  title: 'link of the private DNS zone',
  ownership: 'cluster',
  desired: privateDnsZoneLinkSpec,
  describe: describeGeneric,
  ...genericCalls(privateDnsVersion),
};
