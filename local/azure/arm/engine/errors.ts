import type { AzureReply } from '../../service.ts';
import type { Json, JsonObject } from './json.ts';

export interface ArmErrorExtras {
  readonly details?: readonly JsonObject[];
  readonly target?: string;
  readonly additionalInfo?: readonly JsonObject[];
  /** Who refused, sent as `x-ms-failure-cause`: `gateway` = ARM itself, `service` = the resource provider is busy; absent = an ordinary answer of the provider. */
  readonly cause?: 'gateway' | 'service';
  /** Seconds, or any text for fault injection. */
  readonly retryAfter?: number | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Azure would have done it: the refusal is counted. */
  readonly unmodelled?: true;
  /** The answer has no `error` wrapper and a subcode, as AKS answers. */
  readonly bare?: { readonly subcode?: string };
}

/** A refusal in ARM's own form: HTTP status and `{ "error": { "code", "message", ... } }`. */
export class ArmError extends Error {
  override readonly name = 'ArmError';
  readonly status: number;
  readonly code: string;
  readonly extras: ArmErrorExtras;

  constructor(status: number, code: string, message: string, extras: ArmErrorExtras = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.extras = extras;
  }

  /** The content of `error`, as it also appears inside the status document of a failed operation. */
  body(): JsonObject {
    const { details, target, additionalInfo } = this.extras;
    return {
      code: this.code,
      ...(target === undefined ? {} : { target }),
      message: this.message,
      ...(details === undefined ? {} : { details }),
      ...(additionalInfo === undefined ? {} : { additionalInfo }),
    };
  }

  reply(): AzureReply {
    const { cause, retryAfter, headers, bare } = this.extras;
    return jsonReply(this.status, bare === undefined ? { error: this.body() } : { ...this.body(), ...bare }, {
      ...(cause === undefined ? {} : { 'x-ms-failure-cause': cause }),
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      ...headers,
    });
  }
}

/** An answer with a JSON body. */
export function jsonReply(status: number, body: Json, headers: Readonly<Record<string, string>> = {}): AzureReply {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(body),
  };
}

/** An answer without a body. */
export function emptyReply(status: number, headers: Readonly<Record<string, string>> = {}): AzureReply {
  return { status, headers: { 'content-length': '0', ...headers } };
}

/** 404 as ARM's front answers for a resource it has never seen (azure-recordings/README.md, Errors). */
export function resourceNotFound(type: string, names: readonly string[], group: string): ArmError {
  const path = `${type.split('/')[0] ?? ''}/${interleave(type.split('/').slice(1), names)}`;
  return new ArmError(
    404,
    'ResourceNotFound',
    `The Resource '${path}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    { cause: 'gateway' },
  );
}

export function groupNotFound(name: string): ArmError {
  return new ArmError(404, 'ResourceGroupNotFound', `Resource group '${name}' could not be found.`, {
    cause: 'gateway',
  });
}

/** 400 of a resource provider for a value it does not take. */
export function invalidParameter(name: string, message: string): ArmError {
  return new ArmError(400, 'InvalidParameter', message, { target: name });
}

function interleave(types: readonly string[], names: readonly string[]): string {
  return types.map((type, index) => (names[index] === undefined ? type : `${type}/${names[index]}`)).join('/');
}
