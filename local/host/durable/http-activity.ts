import type { ActivityOutcome } from './contracts.ts';
import type { DurableHttpRequest } from './events.ts';

const CONTENT_HEADERS = new Set(['content-type', 'content-length', 'content-encoding', 'transfer-encoding']);

function headersOf(response: Response): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of response.headers) {
    if (CONTENT_HEADERS.has(name)) continue;
    headers[name] = name === 'set-cookie' ? response.headers.getSetCookie() : value;
  }
  return headers;
}

/**
 * The activity behind `callHttp`. Content headers are not among the returned ones, a body without a content type goes out as
 * text/plain (durable-recordings, 20). Managed-identity token sources are not supported and fail with a clear text.
 */
export async function runHttpActivity(inputJson: string | null): Promise<ActivityOutcome> {
  try {
    const request: DurableHttpRequest = JSON.parse(inputJson ?? '{}');
    if (request.tokenSource !== undefined && request.tokenSource !== null) {
      throw new Error(
        'callHttp with a token source (managed identity) is not supported by this host. Fetch the token in an activity.',
      );
    }
    const headers = new Headers(request.headers ?? {});
    const content = request.content;
    const body =
      content === undefined || content === null
        ? undefined
        : typeof content === 'string'
          ? content
          : JSON.stringify(content);
    if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'text/plain; charset=utf-8');
    const response = await fetch(request.uri, {
      method: request.method,
      headers,
      redirect: 'manual',
      ...(body === undefined ? {} : { body }),
    });
    const result = { statusCode: response.status, headers: headersOf(response), content: await response.text() };
    return { ok: true, resultJson: JSON.stringify(result) };
  } catch (error) {
    const failure = error instanceof Error ? error : new Error(String(error));
    return { ok: false, message: failure.message, stack: failure.stack ?? '' };
  }
}
