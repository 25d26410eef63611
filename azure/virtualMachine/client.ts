import type { VirtualMachine } from '@azure/arm-compute';
import type { KindDefinition } from '../resource/kind.ts';
import { virtualMachineSpec } from './spec.ts';

export const virtualMachine: KindDefinition<VirtualMachine> = {
  kind: 'virtualMachine',
  title: 'virtual machine',
  ownership: 'cluster',
  family: 'compute',
  desired: virtualMachineSpec,
  describe: ({ id, tags, provisioningState }) => ({ id, tags, provisioningState }),
  outputs: ({ vmId, zones }) => ({
    ...(vmId === undefined ? {} : { vmId }),
    ...(zones?.[0] === undefined ? {} : { zone: zones[0] }),
  }),
  read: async (clients, { resourceGroup, names: [name = ''] }) =>
    (await clients.compute()).virtualMachines.get(resourceGroup, name),
  write: async (clients, { resourceGroup, names: [name = ''] }, body) => ({
    poller: (await clients.compute()).virtualMachines.createOrUpdate(resourceGroup, name, body),
  }),
  erase: async (clients, { resourceGroup, names: [name = ''] }) => ({
    poller: (await clients.compute()).virtualMachines.delete(resourceGroup, name),
  }),
};
