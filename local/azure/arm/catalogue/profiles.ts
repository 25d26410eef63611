import type { Profile } from '../engine/model.ts';

/**
 * Answers and median durations per kind, from azure-recordings/statistics.json (2,347 recorded writes). A first answer that
 * says Succeeded already although it carries an Azure-AsyncOperation header has `seconds: 0`.
 */

/** A write that is finished with its answer and has no asynchronous header. */
export function immediate(status: 200 | 201): Profile {
  return { status, headers: 'none', seconds: 0, body: 'resource' };
}

/** DELETE that is finished with its answer. */
export const DELETED: Profile = { status: 200, headers: 'none', seconds: 0, body: 'empty' };

/** Create of a network resource. */
export function networkCreate(retryAfter: number, seconds: number): Profile {
  return {
    status: 201,
    headers: 'async',
    retryAfter,
    pollRetryAfter: 10,
    seconds,
    state: 'Updating',
    body: 'resource',
  };
}

/** Update of a network resource that takes time. */
export function networkUpdate(retryAfter: number, seconds: number): Profile {
  return { ...networkCreate(retryAfter, seconds), status: 200 };
}

/** Update of a network resource whose first answer is Succeeded already. */
export const NETWORK_UPDATE_AT_ONCE: Profile = { status: 200, headers: 'async', seconds: 0, body: 'resource' };

/** Create of a network resource whose first answer is Succeeded already. */
export const NETWORK_CREATE_AT_ONCE: Profile = { status: 201, headers: 'async', seconds: 0, body: 'resource' };

/** Deletion of a network resource. */
export function networkDelete(retryAfter: number, seconds: number): Profile {
  return {
    status: 202,
    headers: 'async+location',
    retryAfter,
    pollRetryAfter: 10,
    seconds,
    state: 'Deleting',
    body: 'empty',
  };
}
