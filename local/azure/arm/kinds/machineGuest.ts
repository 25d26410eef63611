import { requireGroup } from '../engine/conditions.ts';
import { requireResource } from '../engine/crud.ts';
import { ArmError, emptyReply } from '../engine/errors.ts';
import { parseResourceId } from '../engine/ids.ts';
import type { World } from '../engine/model.ts';
import { pageReply } from '../engine/paging.ts';
import type { Resource } from '../engine/store.ts';
import type { Address } from '../engine/routes.ts';
import type { Handlers } from './handlers.ts';
import { powerOf } from './machinePower.ts';

const MACHINE = '/subscriptions/{}/resourcegroups/{}/providers/microsoft.compute/virtualmachines/{}';

function machineAt(world: World, address: Address): Resource {
  const id = parseResourceId(address.path.split('/').slice(0, 9).join('/'));
  const kind = world.kinds.get('microsoft.compute/virtualmachines');
  if (id === undefined || kind === undefined) throw new Error(`no machine is named by ${address.path}`);
  requireGroup(world, id, false);
  return requireResource(world, kind, id);
}

/**
 * The simulated machines have no agent, so nothing can be run in them from outside: refused as Azure refuses a machine
 * whose agent is off, and counted.
 */
function withoutAgent(world: World, address: Address): never {
  if (powerOf(machineAt(world, address)) !== 'running')
    throw new ArmError(409, 'OperationNotAllowed', 'The operation requires the VM to be running (or set to run).');
  throw new ArmError(
    409,
    'OperationNotAllowed',
    'This operation cannot be performed when extension operations are disallowed. To allow, please ensure VM Agent is installed on the VM and the osProfile.allowExtensionOperations property is true.',
    { unmodelled: true },
  );
}

function absent(world: World, address: Address): never {
  machineAt(world, address);
  throw new ArmError(404, 'NotFound', 'The entity was not found in this Azure location.');
}

/** Run command and extensions of virtual machines. */
export const guestHandlers: Handlers = {
  [`POST ${MACHINE}/runcommand`]: (world, _call, address) => withoutAgent(world, address),
  [`PUT ${MACHINE}/extensions/{}`]: (world, _call, address) => withoutAgent(world, address),
  [`PATCH ${MACHINE}/extensions/{}`]: (world, _call, address) => absent(world, address),
  [`GET ${MACHINE}/extensions/{}`]: (world, _call, address) => absent(world, address),
  [`GET ${MACHINE}/extensions`](world, call, address) {
    machineAt(world, address);
    return pageReply(world, call.request, []);
  },
  [`DELETE ${MACHINE}/extensions/{}`](world, _call, address) {
    machineAt(world, address);
    return emptyReply(204);
  },
};
