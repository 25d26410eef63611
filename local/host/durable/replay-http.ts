/** `callHttp` in the replay: an activity of the engine, and per poll one timer and one more activity (durable-recordings, 20). */
import { HTTP_ACTIVITY, type Action, type DurableHttpRequest, type HistoryEvent } from './events.ts';

/** The part of a replay that `callHttp` needs. */
export interface HttpReplay {
  readonly now: number;
  issue(
    action: { kind: 'activity'; name: string; input: unknown },
    listener: (ok: boolean, event?: HistoryEvent) => void,
  ): number;
  timer(fireAt: number, listener: (ok: boolean) => void): number;
  trap(name: string, message: string): void;
}

/** Answer of the built-in HTTP activity. */
interface DurableHttpResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly content: string | null;
}

function header(response: DurableHttpResponse, name: string): string | undefined {
  const found = Object.entries(response.headers).find(([key]) => key.toLowerCase() === name);
  const value = found?.[1];
  return typeof value === 'string' ? value : value?.join(',');
}

/** Milliseconds until the next poll; undefined for a Retry-After that is no whole number, e.g. a date. */
function pollDelay(response: DurableHttpResponse, pollMs: number): number | undefined {
  const asked = header(response, 'retry-after');
  if (asked === undefined) return pollMs;
  return /^\s*[-+]?\d+\s*$/.test(asked) ? Number(asked) * 1000 : undefined;
}

/** A poll asks with the headers of the first request, but not with its function key: that opens one function, not the status. */
function pollHeaders(request: DurableHttpRequest): Record<string, string> {
  const kept = Object.entries(request.headers ?? {}).filter(([name]) => name.toLowerCase() !== 'x-functions-key');
  return Object.fromEntries(kept);
}

/**
 * Issues the request and, while the answer is 202, a timer and another request. `pollMs` is the wait when the answer has no
 * Retry-After (seconds). The SDK looks at a 202 in its own way: where the two sides disagree (no Location, a date as
 * Retry-After) results go to the wrong calls, or the instance waits for ever.
 */
export function awaitHttp(replay: HttpReplay, action: Action, pollMs: number, settle: (ok: boolean) => void): void {
  const first = action.httpRequest;
  if (!first) throw new Error('The orchestrator returned callHttp without a request.');
  const send = (request: DurableHttpRequest): void => {
    replay.issue({ kind: 'activity', name: HTTP_ACTIVITY, input: request }, (ok, event) => {
      if (!ok) return settle(false);
      const response: DurableHttpResponse = JSON.parse(event?.Result ?? '{"statusCode":0,"headers":{},"content":null}');
      if (response.statusCode !== 202 || first.asynchronousPatternEnabled === false) return settle(true);
      const location = header(response, 'location');
      const delay = pollDelay(response, pollMs);
      if (location === undefined || delay === undefined)
        replay.trap(
          'http-poll',
          `${request.uri} answered 202 ${location === undefined ? 'without a Location' : 'with a Retry-After that is no whole number'}: the engine and the SDK go on differently`,
        );
      if (delay === undefined) return settle(false);
      replay.timer(replay.now + delay, () => {
        if (location === undefined) return settle(false);
        const uri = new URL(location, request.uri).href;
        send({ ...first, method: 'GET', uri, content: undefined, headers: pollHeaders(request) });
      });
    });
  };
  send(first);
}
