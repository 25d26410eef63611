import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWallClock } from '#local/azure/clock.ts';
import { createMachineHost } from '#local/kubernetes/machines.ts';
import { CPA } from './bundle.ts';
import { until } from './world.ts';

/** One machine without any Azure around it. */
export function createVirtualMachine(customData: string, machine: Record<string, unknown>) {
  const directory = mkdtempSync(join(tmpdir(), 'capstan-boot-'));
  const azure = {
    gatewayUrl: 'http://127.0.0.1:1',
    resolveLoadBalancer: () => undefined,
    clock: createWallClock(5000),
  };
  const host = createMachineHost(azure, { directory });
  const id = `/subscriptions/s/resourceGroups/platform/providers/Microsoft.Compute/virtualMachines/${CPA}`;
  host.start(
    {
      id,
      name: CPA,
      computerName: CPA,
      subscriptionId: 's',
      resourceGroup: 'platform',
      location: 'westeurope',
      zone: '1',
      vmSize: 'Standard_D2s_v5',
      cores: 2,
      memoryGiB: 8,
      customData,
      imageReference: 'image',
      identityIds: [],
      privateIp: '10.0.0.4',
      backendPoolIds: [],
      dataDisks: [],
      tags: {},
      ...machine,
    },
    { resumed: false },
  );
  return {
    host,
    id,
    finished: async (): Promise<string> => {
      await until(
        'the end of cloud-init',
        () => /finished/.test(host.serialConsole(id)),
        () => host.serialConsole(id),
      );
      return host.serialConsole(id);
    },
    close: (): Promise<void> => {
      host.close();
      rmSync(directory, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}
