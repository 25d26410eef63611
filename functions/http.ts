import type { HttpRequest, HttpResponseInit, InvocationContext } from '@azure/functions';
import type { CapstanError } from '#domain/errors/error.ts';
import { CapstanFailure } from '#domain/errors/error.ts';
import { explained } from '#domain/errors/explain.ts';
import { errorEntry } from '#domain/errors/registry.ts';

/** A JSON answer. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): HttpResponseInit {
  return { status, headers: { 'cache-control': 'no-store', ...headers }, jsonBody: body };
}

/** An error as an RFC 9457 problem document with its registry code. */
export function problem(error: CapstanError, status = errorEntry(error.code).httpStatus): HttpResponseInit {
  const entry = errorEntry(error.code);
  const full = explained(error);
  const body = {
    type: `https://capstan.dev/errors/${error.code}`,
    title: entry.title,
    status,
    detail: error.message,
    code: error.code,
    cause: full.cause,
    remedy: full.remedy,
    ...(error.where === undefined ? {} : { where: error.where }),
    ...(error.correlationId === undefined ? {} : { correlationId: error.correlationId }),
    ...(error.problems === undefined ? {} : { problems: error.problems }),
  };
  return {
    status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    body: JSON.stringify(body),
  };
}

/** Not found, in a caller's words. */
export function notFound(what: string): HttpResponseInit {
  return problem({ code: 'CAP-1013', message: `There is no ${what}` });
}

/** Wraps a handler: whatever is thrown becomes a problem document, never a stack. */
export function guarded(
  handler: (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>,
): (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit> {
  return async (request, context) => {
    try {
      return await handler(request, context);
    } catch (error) {
      if (error instanceof CapstanFailure) return problem(error.error);
      context.error(`${context.functionName} failed`, error);
      const storage =
        typeof error === 'object' &&
        error !== null &&
        'code' in error &&
        /^(ECONN|ENOTFOUND|REQUEST_SEND_ERROR)/.test(String(error.code));
      return problem({
        code: storage ? 'CAP-9007' : 'CAP-9001',
        message: storage ? 'The storage of Capstan does not answer' : 'Capstan failed unexpectedly',
      });
    }
  };
}

/** Reads a body; the real host drops chunked ones, which would look like an empty request (host-recordings/README.md §3). */
export async function bodyText(request: HttpRequest): Promise<string> {
  const text = await request.text();
  if (text === '' && request.headers.get('transfer-encoding') !== null) {
    throw new CapstanFailure({
      code: 'CAP-1016',
      message: 'The body has no Content-Length, so the Functions host dropped it',
    });
  }
  return text;
}

/** Whether the caller may operate: always when platform authentication is off, else by the role `capstan.operator`. */
export function requireOperator(request: HttpRequest, platformAuthentication: boolean): void {
  if (!platformAuthentication) return;
  const header = request.headers.get('x-ms-client-principal');
  const roles = header === null ? [] : rolesOf(header);
  if (!roles.includes('capstan.operator')) {
    throw new CapstanFailure({ code: 'CAP-1018', message: 'This needs the role capstan.operator' });
  }
}

function rolesOf(header: string): readonly string[] {
  try {
    const principal = JSON.parse(Buffer.from(header, 'base64').toString('utf8')) as {
      claims?: { typ?: string; val?: string }[];
    };
    return (principal.claims ?? [])
      .filter((claim) => claim.typ === 'roles' || claim.typ?.endsWith('/role') === true)
      .map((claim) => claim.val ?? '');
  } catch {
    return [];
  }
}
