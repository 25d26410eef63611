import { createArm } from '#local/azure/azure.ts';
import { createMachineHost } from '#local/kubernetes/machines.ts';
import { composeSimulator } from './compose.ts';
import type { Simulator, SimulatorOptions } from './compose.ts';

/**
 * Starts the whole simulated Azure with the simulated Kubernetes in its virtual machines, in this process.
 *
 * @throws Error with an explanation when the port is in use
 */
export async function createSimulator(options: SimulatorOptions): Promise<Simulator> {
  return composeSimulator(options, {
    createControlPlane: (arm) => createArm(arm),
    createMachines: (azure, host) => createMachineHost(azure, host),
  });
}
