import { armId, storageAccountCandidates } from '#domain/names/names.ts';
import { sharedImageResources } from '#domain/plan/image.ts';
import { needsAccount } from '#domain/plan/storage-network.ts';
import type { AzureFacts, Shares } from '#domain/plan/types.ts';
import type { ClusterDocument } from '#domain/spec/types.ts';
import { call } from '../clients/capture.ts';
import type { Clients, Connection } from '../clients/clients.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { found, halt, need } from '../halt.ts';
import { kinds } from '../kinds.ts';
import { isOurs } from '../resource/ownership.ts';
import { hasRoom } from '../resource/room.ts';

/** Accounts, or images, of a group that are looked at for one with room. */
const mostShares = 100;

/** What of a cluster's facts says where its image lies. */
export type SetChoice = Pick<AzureFacts, 'storageAccountName' | 'storageAccountExists' | 'shares'>;

const nothing: SetChoice = { storageAccountName: '', storageAccountExists: false };

/**
 * The account and the image that a cluster shares with others: the first ones, by their numbers, that have room for it or
 * that it uses already. An image is looked for from the account's number on, so that those who share an account share
 * the image made from its copy.
 *
 * @param from numbers of the first ones that come into question; what the cluster uses already must not be below
 */
export async function chooseSet(
  connection: Connection,
  document: ClusterDocument,
  imageSource: AzureFacts['imageSource'],
  from: Shares,
): Promise<SetChoice> {
  if (!needsAccount(document)) return nothing;
  const clients = connection.clients(document.spec.azure.subscriptionId);
  const { share: account, room: _room, ...chosen } = await chooseAccount(clients, document, from.account);
  const isCopied = document.spec.image.vhd !== undefined;
  const first = Math.max(account, from.image ?? 0);
  const image = isCopied ? await chooseImage(clients, document, imageSource, first) : 0;
  const { copy = 0 } = from;
  const shares = Object.fromEntries(Object.entries({ account, image, copy }).filter(([, number]) => number > 0));
  return { ...chosen, ...(Object.keys(shares).length === 0 ? {} : { shares }) };
}

/**
 * The account of the base image: the user's own, or the first candidate that is ours already or free. Names are shared
 * by all of Azure, so a candidate may belong to somebody else (azure-behaviour.md §6, Storage account names). One without
 * room for another user is left to its users.
 *
 * @param from number of the first shared account that comes into question
 */
async function chooseAccount(clients: Clients, document: ClusterDocument, from = 0): Promise<Candidate> {
  const { storage } = document.spec;
  // Only an open account of Capstan's has users.
  if (storage.account !== undefined || storage.networkAccess !== 'open')
    return firstOf(clients, document, { cluster: document.metadata.name });
  for (let share = from; share < from + mostShares; share++) {
    const choice = await firstOf(clients, document, { share });
    if (choice.room) return choice;
  }
  return noneLeft('storage account', 'spec.storage');
}

/** Number of the first image, from `from` on, that has room or that the cluster uses already. */
async function chooseImage(
  clients: Clients,
  document: ClusterDocument,
  imageSource: AzureFacts['imageSource'],
  from: number,
): Promise<number> {
  for (let share = from; share < from + mostShares; share++) {
    const facts = { shares: { image: share }, ...(imageSource === undefined ? {} : { imageSource }) };
    const shared = await Promise.all(
      sharedImageResources(document, facts).map(async ({ id, kind }) => kinds[kind].tags(clients, id)),
    );
    if (shared.every((tags) => hasRoom(tags, document.metadata.name))) return share;
  }
  return noneLeft('image', 'spec.image');
}

function noneLeft(what: string, where: string): never {
  const message = `No ${what} has room for another cluster.`;
  const cause = `${mostShares} of them are full in this resource group`;
  return halt(capstanError('CAP-3019', message, { where, cause, remedy: 'Use another resource group.' }));
}

interface Candidate {
  readonly storageAccountName: string;
  readonly storageAccountExists: boolean;
  /** Its number among the accounts that clusters share. */
  readonly share: number;
  readonly room: boolean;
}

async function firstOf(
  clients: Clients,
  document: ClusterDocument,
  of: { readonly cluster?: string; readonly share?: number },
): Promise<Candidate> {
  const { storage, azure } = document.spec;
  const share = of.share ?? 0;
  const { storageAccounts } = await clients.storage();
  const id = (group: string, name: string) =>
    armId(azure.subscriptionId, group, 'Microsoft.Storage/storageAccounts', name);
  const read = async (group: string, name: string) =>
    found(await call(() => storageAccounts.getProperties(group, name)), id(group, name), 'read the storage account');
  if (storage.account !== undefined) {
    const group = storage.resourceGroup ?? azure.resourceGroup;
    const own = await read(group, storage.account);
    if (own !== undefined)
      return { storageAccountName: storage.account, storageAccountExists: true, share, room: true };
    return halt(
      capstanError('CAP-2010', `The storage account ${storage.account} does not exist in the group ${group}.`, {
        where: 'spec.storage.account',
      }),
    );
  }
  const candidates = storageAccountCandidates(azure.subscriptionId, azure.resourceGroup, azure.location, of);
  for (const name of candidates) {
    const existing = await read(azure.resourceGroup, name);
    if (existing !== undefined && isOurs('shared', existing.tags, document.metadata.name)) {
      const room = hasRoom(existing.tags, document.metadata.name);
      return { storageAccountName: name, storageAccountExists: true, share, room };
    }
    if (existing !== undefined) continue;
    const answer = await call(() =>
      storageAccounts.checkNameAvailability({ name, type: 'Microsoft.Storage/storageAccounts' }),
    );
    if (need(answer, name, 'check the name of the storage account').nameAvailable === true) {
      return { storageAccountName: name, storageAccountExists: false, share, room: true };
    }
  }
  return halt(
    capstanError('CAP-2011', 'No storage account name is free.', {
      where: 'spec.storage',
      cause: `tried ${candidates.join(', ')}`,
    }),
  );
}
