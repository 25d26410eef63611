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
  return typeof value === 'string' ? value : value?.[0];
}

/**
 * Issues the request and, while the answer is 202 with a Location, a timer and another request. `pollMs` is the wait when the
 * answer has no Retry-After (seconds).
 */
export function awaitHttp(replay: HttpReplay, action: Action, pollMs: number, settle: (ok: boolean) => void): void {
  const first = action.httpRequest;
  if (!first) throw new Error('The orchestrator returned callHttp without a request.');
  const send = (request: DurableHttpRequest): void => {
    replay.issue({ kind: 'activity', name: HTTP_ACTIVITY, input: request }, (ok, event) => {
      if (!ok) return settle(false);
      const response: DurableHttpResponse = JSON.parse(event?.Result ?? '{"statusCode":0,"headers":{},"content":null}');
      const location = header(response, 'location');
      if (response.statusCode !== 202 || location === undefined || first.asynchronousPatternEnabled === false)
        return settle(true);
      const seconds = Number(header(response, 'retry-after'));
      const delay = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : pollMs;
      const uri = new URL(location, request.uri).href;
      replay.timer(replay.now + delay, () => send({ ...first, method: 'GET', uri, content: undefined }));
    });
  };
  send(first);
}
