import { field, listField, numberField, textField } from '#domain/cluster-api/object.ts';
import type { CapstanError } from '#domain/errors/error.ts';
import { errorEntry } from '#domain/errors/registry.ts';
import type { ErrorCode } from '#domain/errors/registry.ts';
import { failed, wait } from '#domain/outcome.ts';
import type { Wait } from '#domain/outcome.ts';
import { KubernetesForeignCertificate, KubernetesUnreachable } from './transport.ts';
import type { TransportRequest, TransportResponse } from './transport.ts';

/** One reason inside a refusal: a field that is invalid, or a field another manager owns. */
export interface StatusCause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** The API server's refusal: its Status. */
export class KubernetesApiError extends Error {
  readonly status: number;
  /** e.g. NotFound, Conflict, AlreadyExists, Invalid, Forbidden, InternalError. */
  readonly reason: string;
  readonly causes: readonly StatusCause[];
  readonly retryAfter: number | undefined;

  constructor(refusal: {
    readonly status: number;
    readonly reason: string;
    readonly message: string;
    readonly causes?: readonly StatusCause[];
    readonly retryAfter?: number | undefined;
  }) {
    super(refusal.message);
    this.name = 'KubernetesApiError';
    this.status = refusal.status;
    this.reason = refusal.reason;
    this.causes = refusal.causes ?? [];
    this.retryAfter = refusal.retryAfter;
  }
}

/** Reads a Status body. Bodies that are none are not quoted: they may come from anything between us and the server. */
export function statusError(request: TransportRequest, response: TransportResponse): KubernetesApiError {
  let body: unknown;
  try {
    body = JSON.parse(response.body);
  } catch {
    body = undefined;
  }
  const path = request.path.split('?')[0] ?? request.path;
  return new KubernetesApiError({
    status: response.status,
    reason: textField(body, 'reason') ?? 'Unknown',
    message: textField(body, 'message') ?? `${request.method} ${path} was answered with ${response.status}`,
    causes: listField(body, 'details', 'causes').map((cause) => ({
      reason: textField(cause, 'reason') ?? '',
      message: textField(cause, 'message') ?? '',
      field: textField(cause, 'field') ?? '',
    })),
    retryAfter: response.retryAfter ?? numberField(field(body, 'details'), 'retryAfterSeconds'),
  });
}

/**
 * Whether an error passes by itself: no answer, too many requests, a server or webhook that is not there yet, a race
 * with another writer.
 */
export function isTransient(error: unknown): boolean {
  return (
    error instanceof KubernetesUnreachable ||
    (error instanceof KubernetesApiError &&
      (error.status === 429 ||
        error.status >= 500 ||
        error.reason === 'NoKindMatch' ||
        isLostRace(error) ||
        (error.status === 404 && error.message.includes('not found') && isNamespaceMissing(error))))
  );
}

/**
 * True when a webhook's server could not be reached, as kube-apiserver words it: no Service, no endpoints, refused,
 * timed out, or a certificate that is not there yet. A webhook that answers with an error of its own was reached.
 */
export function isWebhookUnreachable(error: unknown): boolean {
  return (
    error instanceof KubernetesApiError &&
    error.status >= 500 &&
    error.message.includes('failed calling webhook') &&
    /refused|no endpoints|not found|no service port|time(d )?out|deadline exceeded|x509|tls:|EOF|no route to host|reset by peer|dial tcp/i.test(
      error.message,
    )
  );
}

/** Codes that a caller gives to the kinds of refusal it can meet. */
export interface ErrorCodes {
  /** The object was refused (400, 404, 405, 409, 415, 422). */
  readonly refused: ErrorCode;
  /** Another manager owns a field (409 with FieldManagerConflict causes); `refused` when absent. */
  readonly conflict?: ErrorCode;
}

/**
 * An error of the client as an outcome: `wait` when it passes by itself, `failed` with a registered code otherwise.
 * Anything that is not an error of the client is thrown again.
 *
 * @param where the object or the host, for people
 */
export function errorOutcome(
  error: unknown,
  where: string,
  codes: ErrorCodes,
): Wait | { readonly status: 'failed'; readonly error: CapstanError } {
  if (isTransient(error)) {
    const retryAfter = error instanceof KubernetesApiError ? (error.retryAfter ?? 5) : 5;
    return wait(retryAfter, { sentence: `waiting for the API server: ${shorten((error as Error).message)}` });
  }
  if (error instanceof KubernetesForeignCertificate) {
    return failed(registered('CAP-4201', where, error.message));
  }
  if (!(error instanceof KubernetesApiError)) {
    throw error;
  }
  // A webhook's refusal comes as 403 too, and says nothing of Capstan's rights.
  const denied = error.message.includes('admission webhook "');
  if (error.status === 401 || (error.status === 403 && !denied)) {
    return failed(registered('CAP-4202', where, error.message));
  }
  const conflict = error.causes.some((cause) => cause.reason === 'FieldManagerConflict');
  return failed(registered(conflict ? (codes.conflict ?? codes.refused) : codes.refused, where, error.message));
}

/** A registered error with its title as message and its remedy. */
export function registered(code: ErrorCode, where: string, cause: string, message?: string): CapstanError {
  const entry = errorEntry(code);
  return { code, message: message ?? entry.title, where, cause: shorten(cause), remedy: entry.remedy };
}

/** Long server messages (schema errors list whole objects) are cut: they travel through the history. */
export function shorten(text: string, limit = 600): string {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

/** Someone else wrote between the server's read and its write; another manager's field is something else. */
function isLostRace(error: KubernetesApiError): boolean {
  return (
    error.status === 409 &&
    error.reason === 'Conflict' &&
    !error.causes.some((cause) => cause.reason === 'FieldManagerConflict')
  );
}

function isNamespaceMissing(error: KubernetesApiError): boolean {
  return error.message.startsWith('namespaces "');
}
