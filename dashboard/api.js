const keyName = 'capstan-function-key';

/** What the API said, when it was no success. */
export class ApiProblem extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.name = 'ApiProblem';
    this.status = status;
  }
}

/**
 * Opens the HTTP API. The function key is asked for only after a 401 and kept for this tab alone.
 *
 * @param {() => Promise<string>} askForKey
 */
export function openApi(askForKey) {
  /** @type {Promise<string> | undefined} */
  let asking;
  const key = () => sessionStorage.getItem(keyName);
  const ask = async () => {
    // Several calls meet the 401 together; the person is asked once.
    asking ??= askForKey().finally(() => {
      asking = undefined;
    });
    sessionStorage.setItem(keyName, await asking);
  };
  const call = async (path, signal) => {
    const used = key();
    const answer = await fetch(path, { signal, headers: used === null ? {} : { 'x-functions-key': used } });
    if (answer.status === 401) {
      // A key that was entered while this call was under way deserves its own attempt.
      if (key() === used) await ask();
      return call(path, signal);
    }
    if (answer.ok) return answer.json();
    const problem = await answer.json().catch(() => ({}));
    throw new ApiProblem(answer.status, problem.detail ?? problem.title ?? `HTTP ${answer.status}`);
  };
  const segment = encodeURIComponent;
  return {
    /** @param {string} tag `key:value`, or nothing */
    clusters: (tag, signal) => call(`/api/clusters${tag === '' ? '' : `?tag=${segment(tag)}`}`, signal),
    cluster: (name, signal) => call(`/api/clusters/${segment(name)}`, signal),
    events: (name, after, waitSeconds, signal) =>
      call(
        `/api/clusters/${segment(name)}/events?limit=200&wait=${waitSeconds}${after === undefined ? '' : `&after=${segment(after)}`}`,
        signal,
      ),
  };
}
