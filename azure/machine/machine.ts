import { call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { AzureFailure } from '../errors/failure.ts';
import { terminalError } from '../errors/terminal.ts';
import { parseArmId } from '../resource/arm-id.ts';
import type { MachineView } from '../types.ts';

/** Longest console text that is kept: its end is what tells why a boot failed. */
const consoleLimit = 256 * 1024;

function fail(failure: AzureFailure, id: string, doing: string): never {
  throw new CapstanFailure(terminalError(failure, { key: id, attempt: 0, where: id, doing }));
}

/** Host names that boot diagnostics may be read from: managed ones live in Azure's own storage accounts. */
function isBlobHost(host: string, suffix: string): boolean {
  return host.endsWith(`.${suffix}`) || host.endsWith('.storage.azure.net');
}

/**
 * The serial console of a machine, by way of managed boot diagnostics: ARM gives an address with a SAS, which is read
 * without any other credential.
 *
 * @returns '' while there is no text yet, at most the last 256 KiB
 * @throws CapstanFailure when the machine does not exist or may not be read
 */
export async function serialConsole(connection: Connection, vmId: string): Promise<string> {
  const { subscriptionId, resourceGroup, names } = parseArmId(vmId);
  const { virtualMachines } = await connection.clients(subscriptionId).compute();
  const asked = await call(() => virtualMachines.retrieveBootDiagnosticsData(resourceGroup, names[0] ?? ''));
  if (!asked.ok) {
    if (asked.failure.status === 404 || asked.failure.status === 409) return '';
    return fail(asked.failure, vmId, 'read the serial console');
  }
  const address = asked.value.serialConsoleLogBlobUri;
  if (address === undefined || address === '') return '';
  const { host, protocol } = new URL(address);
  if (protocol !== 'https:' || !isBlobHost(host, connection.cloud.blobSuffix)) {
    throw new CapstanFailure(
      capstanError('CAP-3012', 'Azure named an unexpected place for the serial console.', { where: vmId, cause: host }),
    );
  }
  const { createPipelineRequest } = await import('@azure/core-rest-pipeline');
  const client = await connection.httpClient();
  const read = await call(() => client.sendRequest(createPipelineRequest({ url: address, method: 'GET' })));
  if (!read.ok || read.value.status !== 200) return '';
  return (read.value.bodyAsText ?? '').slice(-consoleLimit);
}

/** What Azure knows of a machine at this moment. A machine that does not exist is an answer, not an error. */
export async function instanceView(connection: Connection, vmId: string): Promise<MachineView> {
  const { subscriptionId, resourceGroup, names } = parseArmId(vmId);
  const { virtualMachines } = await connection.clients(subscriptionId).compute();
  const read = await call(() => virtualMachines.instanceView(resourceGroup, names[0] ?? ''));
  if (!read.ok) {
    if (read.failure.status === 404) return { exists: false, problems: [] };
    return fail(read.failure, vmId, 'read the state of the machine');
  }
  const statuses = read.value.statuses ?? [];
  const state = (prefix: string) =>
    statuses.find((entry) => entry.code?.startsWith(prefix))?.code?.slice(prefix.length);
  const powerState = state('PowerState/');
  const provisioningState = state('ProvisioningState/');
  return {
    exists: true,
    ...(powerState === undefined ? {} : { powerState }),
    ...(provisioningState === undefined ? {} : { provisioningState }),
    problems: statuses
      .filter((entry) => entry.level === 'Error')
      .map((entry) => `${entry.code ?? ''}: ${entry.message ?? entry.displayStatus ?? ''}`),
  };
}
