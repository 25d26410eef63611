import type { BootedMachine } from '../../machines.ts';
import { findSize } from '../catalogue/sizes.ts';
import { emptyReply, jsonReply } from '../engine/errors.ts';
import { checkBusy } from '../engine/conditions.ts';
import { at, idOf, type JsonObject, number, object, objects, strings, text } from '../engine/json.ts';
import type { Action, World } from '../engine/model.ts';
import { operationHeaders, startOperation } from '../engine/operations.ts';
import type { Operation, Resource } from '../engine/store.ts';
import { locationOf } from '../engine/view.ts';

/** Power state of a machine. */
export type Power = 'creating' | 'running' | 'stopped' | 'deallocated';

/** Host of the boot diagnostics storage that Azure manages itself. */
export const DIAGNOSTICS_HOST = 'md-diagnostics.z6.blob.storage.azure.net';

export function powerOf(machine: Resource): Power {
  return (text(machine.hidden['power']) ?? 'creating') as Power;
}

/** The network interfaces of a machine, primary first. */
export function interfacesOf(world: World, machine: Resource): Resource[] {
  const entries = objects(at(machine.body, 'properties', 'networkProfile', 'networkInterfaces'));
  const primary = entries.find((entry) => at(entry, 'properties', 'primary') === true) ?? entries[0];
  return [primary, ...entries.filter((entry) => entry !== primary)].flatMap(
    (entry) => world.store.get(idOf(entry)?.toLowerCase() ?? '') ?? [],
  );
}

/** A machine as the hypervisor boots it. */
export function bootedMachine(world: World, machine: Resource): BootedMachine {
  const properties = object(machine.body['properties']);
  const size = findSize(text(at(properties, 'hardwareProfile', 'vmSize')) ?? '');
  const interfaces = interfacesOf(world, machine).flatMap((nic) =>
    objects(at(nic.body, 'properties', 'ipConfigurations')),
  );
  const reference = object(at(properties, 'storageProfile', 'imageReference'));
  const published = ['publisher', 'offer', 'sku', 'version'].map((name) => text(reference[name]) ?? '').join(':');
  const [, , subscriptionId = '', , resourceGroup = ''] = machine.id.split('/');
  return {
    id: machine.id,
    name: machine.name,
    computerName: text(at(properties, 'osProfile', 'computerName')) ?? machine.name,
    subscriptionId,
    resourceGroup,
    location: locationOf(machine),
    zone: strings(machine.body['zones'])[0],
    vmSize: size?.name ?? '',
    cores: size?.cores ?? 0,
    memoryGiB: size?.memoryGiB ?? 0,
    customData: Buffer.from(text(machine.hidden['customData']) ?? '', 'base64').toString('utf8'),
    imageReference: text(reference['id']) ?? text(reference['communityGalleryImageId']) ?? published,
    identityIds: Object.keys(object(at(machine.body, 'identity', 'userAssignedIdentities'))),
    privateIp: text(at(interfaces[0], 'properties', 'privateIPAddress')) ?? '',
    backendPoolIds: interfaces.flatMap((item) =>
      objects(at(item, 'properties', 'loadBalancerBackendAddressPools')).flatMap((pool) => idOf(pool) ?? []),
    ),
    dataDisks: objects(at(properties, 'storageProfile', 'dataDisks')).map((disk) => ({
      lun: number(disk['lun']) ?? 0,
      name: text(disk['name']) ?? '',
      sizeGiB: number(disk['diskSizeGB']) ?? 0,
    })),
    tags: Object.fromEntries(
      Object.entries(object(machine.body['tags'])).map(([name, value]) => [name, text(value) ?? '']),
    ),
  };
}

const POWER_TEXT: Readonly<Record<Power, string>> = {
  creating: 'VM starting',
  running: 'VM running',
  stopped: 'VM stopped',
  deallocated: 'VM deallocated',
};

/** Instance view: provisioning and power statuses, agent, disks. */
export function instanceView(world: World, machine: Resource): JsonObject {
  const power = powerOf(machine);
  const time = new Date(world.clock.now()).toISOString();
  const status = (code: string, displayStatus: string): JsonObject => ({ code, level: 'Info', displayStatus, time });
  const state = machine.state.toLowerCase();
  const profile = object(at(machine.body, 'properties', 'storageProfile'));
  const provisioned = machine.state === 'Succeeded' ? 'Provisioning succeeded' : machine.state;
  const powerCode = power === 'creating' ? 'starting' : power;
  return {
    ...(power === 'running'
      ? {
          computerName: text(at(machine.body, 'properties', 'osProfile', 'computerName')) ?? machine.name,
          osName: 'ubuntu',
          osVersion: '24.04',
          vmAgent: {
            vmAgentVersion: '2.11.1.12',
            statuses: [{ ...status('ProvisioningState/succeeded', 'Ready'), message: 'Guest Agent is running' }],
            extensionHandlers: [],
          },
        }
      : {}),
    disks: [object(profile['osDisk']), ...objects(profile['dataDisks'])].map((disk) => ({
      name: text(disk['name']) ?? '',
      statuses: [status('ProvisioningState/succeeded', 'Provisioning succeeded')],
    })),
    bootDiagnostics: {},
    statuses: [
      { ...status(`ProvisioningState/${state}`, provisioned) },
      { code: `PowerState/${powerCode}`, level: 'Info', displayStatus: POWER_TEXT[power] },
    ],
  };
}

interface PowerAction {
  readonly seconds: number;
  readonly label: string;
}

const ACTIONS: Readonly<Record<string, PowerAction>> = {
  poweroff: { seconds: 20, label: 'PowerOffVirtualMachineOperation' },
  deallocate: { seconds: 30, label: 'DeallocateVirtualMachineOperation' },
  start: { seconds: 30, label: 'StartVirtualMachineOperation' },
  restart: { seconds: 30, label: 'RestartVirtualMachineOperation' },
};

function powerAction(name: string, { seconds, label }: PowerAction): Action {
  return (world, machine, call) => {
    checkBusy(world, machine);
    if (name !== 'start') world.machines.stop(machine.id, 'deallocated');
    const operation = startOperation(world, call, machine, {
      kind: 'action',
      label,
      seconds,
      pollRetryAfter: 10,
      detail: { action: name },
    });
    world.store.put({
      ...machine,
      state: 'Updating',
      busy: operation.id,
      hidden: { ...machine.hidden, power: name === 'start' ? powerOf(machine) : 'stopped' },
    });
    return emptyReply(
      202,
      operationHeaders(world, operation, {
        status: 202,
        headers: 'async+location',
        retryAfter: 10,
        seconds,
        body: 'empty',
      }),
    );
  };
}

/** The machine after a power action: its disk keeps what it had, so it does not boot as a new one. */
export function finishPowerAction(world: World, machine: Resource, operation: Operation): void {
  const action = text(operation.detail['action']) ?? '';
  const power: Power = action === 'deallocate' ? 'deallocated' : action === 'poweroff' ? 'stopped' : 'running';
  const next = { ...machine, hidden: { ...machine.hidden, power } };
  world.store.put(next);
  if (power === 'running') world.machines.start(bootedMachine(world, next), { resumed: true });
}

const retrieveBootDiagnosticsData: Action = (world, machine) => {
  const expiry = new Date(world.clock.now() + 2 * 3600 * 1000).toISOString();
  const signature = world.random.filler(43, 'boot diagnostics', machine.key);
  const url = (file: string) =>
    `https://${DIAGNOSTICS_HOST}/bootdiagnostics${machine.id}/${file}?se=${encodeURIComponent(expiry)}&sig=${signature}`;
  return jsonReply(200, {
    consoleScreenshotBlobUri: url('screenshot.bmp'),
    serialConsoleLogBlobUri: url('serialconsole.log'),
  });
};

export const machineActions: Readonly<Record<string, Action>> = {
  ...Object.fromEntries(Object.entries(ACTIONS).map(([name, action]) => [name, powerAction(name, action)])),
  retrievebootdiagnosticsdata: retrieveBootDiagnosticsData,
};
