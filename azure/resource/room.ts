import type { CapstanError } from '#domain/errors/error.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { AzureFailure } from '../errors/failure.ts';
import { usersOf } from './ownership.ts';

/**
 * Tags that a resource can have, the user's own included (Azure Resource Manager, "Use tags to organize your Azure
 * resources and management hierarchy", Limitations: 50 tag name-value pairs for each resource).
 */
export const mostTags = 50;

/** Whether a shared resource with these tags can take the tag of the cluster, or has it already. Pure. */
export function hasRoom(tags: Readonly<Record<string, string>> | undefined, cluster: string): boolean {
  return Object.keys(tags ?? {}).length < mostTags || usersOf(tags).includes(cluster);
}

/** Whether Azure refused a tag because there are too many: another user was faster, or the kind takes fewer. */
export function refusesMoreTags({ code, innerCodes }: Pick<AzureFailure, 'code' | 'innerCodes'>): boolean {
  return code === tooMany || innerCodes.includes(tooMany);
}

const tooMany = 'TooManyTags';

/** The error of a shared resource that cannot take another user. */
export function fullError(title: string, id: string, users: number): CapstanError {
  return capstanError('CAP-3019', `The ${title} has no room for another cluster.`, {
    where: id,
    cause: `${users} clusters use it, and each of them is one of its ${mostTags} tags`,
  });
}
