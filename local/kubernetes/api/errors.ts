import type { ApiFailure } from '../contract.ts';

/** One cause of a 409 or 422 answer. */
export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** The kind that an error names, e.g. group `apps`, resource `deployments`, kind `Deployment`. */
export interface KindName {
  readonly group: string;
  readonly plural: string;
  readonly kind: string;
}

interface StatusFields {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: unknown;
}

/** A refusal by the API server, with the fields of a Kubernetes `Status`. */
export class ApiError extends Error implements ApiFailure {
  readonly status: StatusFields;

  constructor(status: StatusFields) {
    super(status.message);
    this.name = 'ApiError';
    this.status = status;
  }
}

/** The body of an error answer (Kubernetes API concepts, "Status"). Unknown errors become 500 InternalError. */
export function statusBody(error: unknown): { code: number; body: Record<string, unknown> } {
  const status = error instanceof ApiError ? error.status : internalError(String(error)).status;
  const { code, reason, message, details } = status;
  const body = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  };
  return { code, body };
}

function qualified(kind: KindName): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

function failure(code: number, reason: string, message: string, details?: unknown): ApiError {
  return new ApiError(details === undefined ? { code, reason, message } : { code, reason, message, details });
}

function detailsOf(kind: KindName, name: string, causes?: readonly Cause[]): Record<string, unknown> {
  return {
    name,
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.plural,
    ...(causes === undefined ? {} : { causes }),
  };
}

/** 404 for an object. */
export function notFound(kind: KindName, name: string): ApiError {
  return failure(404, 'NotFound', `${qualified(kind)} "${name}" not found`, detailsOf(kind, name));
}

/** 404 for a path that the server does not serve. */
export function unknownPath(): ApiError {
  return failure(404, 'NotFound', 'the server could not find the requested resource', {});
}

/** 409 for a create of something that exists. */
export function alreadyExists(kind: KindName, name: string): ApiError {
  return failure(409, 'AlreadyExists', `${qualified(kind)} "${name}" already exists`, detailsOf(kind, name));
}

/** 409 for a write whose precondition does not hold. */
export function conflict(kind: KindName, name: string, why: string): ApiError {
  const message = `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${why}`;
  return failure(409, 'Conflict', message, detailsOf(kind, name));
}

/** 409 of server-side apply, one cause per field that another manager owns. */
export function applyConflict(causes: readonly Cause[]): ApiError {
  const [first] = causes;
  if (causes.length === 1 && first !== undefined) {
    return failure(409, 'Conflict', `Apply failed with 1 conflict: ${first.message}: ${first.field}`, { causes });
  }
  const lines = [...new Set(causes.map((cause) => cause.message))].sort().flatMap((message) => {
    const fields = causes.filter((cause) => cause.message === message).map((cause) => `- ${cause.field}`);
    return [`${message.replace('conflict with', 'conflicts with')}:`, ...fields];
  });
  return failure(409, 'Conflict', `Apply failed with ${causes.length} conflicts: ${lines.join('\n')}`, { causes });
}

/** 422 with one cause per wrong field. */
export function invalid(kind: KindName, name: string, causes: readonly Cause[]): ApiError {
  const parts = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const text = parts.length === 1 ? parts[0] : `[${parts.join(', ')}]`;
  const subject = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  const details = { name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.kind, causes };
  return failure(422, 'Invalid', `${subject} "${name}" is invalid: ${text}`, details);
}

/** 403 for an object. */
export function forbidden(kind: KindName, name: string, why: string): ApiError {
  const message = `${qualified(kind)} "${name}" is forbidden: ${why}`;
  return failure(403, 'Forbidden', message, detailsOf(kind, name));
}

/** 403 of the authorizer; the message is complete. */
export function notAuthorized(message: string, details: unknown): ApiError {
  return failure(403, 'Forbidden', message, details);
}

/** 401. */
export function unauthorized(): ApiError {
  return failure(401, 'Unauthorized', 'Unauthorized');
}

/** 400. */
export function badRequest(message: string): ApiError {
  return failure(400, 'BadRequest', message);
}

/** 405. */
export function methodNotAllowed(): ApiError {
  return failure(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {});
}

/** 415. */
export function unsupportedMediaType(message: string): ApiError {
  return failure(415, 'UnsupportedMediaType', message);
}

/** 410 for a resourceVersion or continue token that is too old. */
export function expired(message: string): ApiError {
  return failure(410, 'Expired', message);
}

/** 500 InternalError. */
export function internalError(message: string): ApiError {
  return failure(500, 'InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] });
}

/** Any other status, e.g. one that a test asks for. */
export function plainFailure(code: number, reason: string, message: string): ApiError {
  return failure(code, reason, message);
}
