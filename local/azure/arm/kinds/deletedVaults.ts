import { ArmError, emptyReply, jsonReply } from '../engine/errors.ts';
import { type JsonObject, object, text } from '../engine/json.ts';
import type { World } from '../engine/model.ts';
import { pageReply } from '../engine/paging.ts';
import type { Address } from '../engine/routes.ts';
import type { Resource } from '../engine/store.ts';
import { locationOf, normalLocation } from '../engine/view.ts';
import { type Handlers, subscriptionIn } from './handlers.ts';

const SETTING = 'deletedVaults';
const DAY = 86_400_000;

function deletedVaults(world: World): JsonObject {
  return object(world.store.setting(SETTING));
}

/** Remembers a vault for the days of its soft delete; its name stays taken meanwhile. */
export function keepDeleted(world: World, vault: Resource): void {
  const properties = object(vault.body['properties']);
  const days = Number(properties['softDeleteRetentionInDays'] ?? 90);
  const now = world.clock.now();
  world.store.putSetting(SETTING, {
    ...deletedVaults(world),
    [vault.name.toLowerCase()]: {
      name: vault.name,
      vaultId: vault.id,
      location: locationOf(vault),
      tags: object(vault.body['tags']),
      deletionDate: new Date(now).toISOString(),
      scheduledPurgeDate: new Date(now + (days * DAY) / world.clock.timeScale).toISOString(),
      purgeProtectionEnabled: properties['enablePurgeProtection'] === true,
    },
  });
}

/** The deleted vault of a name, undefined when there is none or its time is over. */
export function deletedVault(world: World, name: string): JsonObject | undefined {
  const found = deletedVaults(world)[name.toLowerCase()];
  const until = Date.parse(text(object(found)['scheduledPurgeDate']) ?? '');
  return found === undefined || until <= world.clock.now() ? undefined : object(found);
}

export function forgetDeleted(world: World, name: string): void {
  const { [name.toLowerCase()]: _gone, ...rest } = deletedVaults(world);
  world.store.putSetting(SETTING, rest);
}

function wireOf(vault: JsonObject, subscription: string): JsonObject {
  const { name, ...properties } = vault;
  const id = `/subscriptions/${subscription}/providers/Microsoft.KeyVault/locations/${text(vault['location']) ?? ''}/deletedVaults/${text(name) ?? ''}`;
  return { id, name, type: 'Microsoft.KeyVault/deletedVaults', properties };
}

function require(world: World, address: Address): JsonObject {
  const [location = '', name = ''] = address.names;
  const found = deletedVault(world, name);
  if (found !== undefined && text(found['location']) === normalLocation(location)) return found;
  throw new ArmError(
    404,
    'DeletedVaultNotFound',
    `The specified deleted vault '${name}' does not exist in the location '${location}'.`,
  );
}

function nameAvailability(world: World, name: string): JsonObject {
  if (!/^[A-Za-z](?!.*--)[A-Za-z0-9-]{1,22}[A-Za-z0-9]$/u.test(name)) {
    const message = `The vault name '${name}' is invalid.`;
    return { nameAvailable: false, reason: 'AccountNameInvalid', message };
  }
  const vaults = [...world.store.ofType('Microsoft.KeyVault/vaults')];
  const taken = vaults.some((vault) => vault.name.toLowerCase() === name.toLowerCase());
  if (!taken && deletedVault(world, name) === undefined) return { nameAvailable: true };
  const message = `The vault name '${name}' is already in use. Vault names are globaly unique so it is possible that the name is already taken.`;
  return { nameAvailable: false, reason: 'AlreadyExists', message };
}

const AT = '/subscriptions/{}/providers/microsoft.keyvault';
const ONE = `${AT}/locations/{}/deletedvaults/{}`;

/** Vaults in their soft-deleted state. */
export const deletedVaultHandlers: Handlers = {
  [`GET ${AT}/deletedvaults`]: (world, call, address) =>
    pageReply(
      world,
      call.request,
      Object.keys(deletedVaults(world)).flatMap((name) => {
        const vault = deletedVault(world, name);
        return vault === undefined ? [] : [wireOf(vault, subscriptionIn(address))];
      }),
    ),
  [`GET ${ONE}`]: (world, _call, address) => jsonReply(200, wireOf(require(world, address), subscriptionIn(address))),
  [`POST ${ONE}/purge`](world, _call, address) {
    const vault = require(world, address);
    if (vault['purgeProtectionEnabled'] === true)
      throw new ArmError(403, 'OperationNotAllowed', `The vault '${text(vault['name']) ?? ''}' has purge protection.`);
    forgetDeleted(world, address.names[1] ?? '');
    return emptyReply(200);
  },
  [`POST ${AT}/checknameavailability`]: (world, call) =>
    jsonReply(200, nameAvailability(world, text(call.body['name']) ?? '')),
};
