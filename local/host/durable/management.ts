/** The HTTP management API of the Durable extension (functions-host-protocol.md, 2.8; durable-recordings, 08, 13, 16). */
import { instanceUris, type ManagementAddresses } from './client-payload.ts';
import type { TraceContext } from './contracts.ts';
import type { DurableEngine } from './engine.ts';
import { entityId, type HistoryEvent } from './events.ts';
import { unknownFunction } from './failures.ts';
import { isStoreError } from './sqlite.ts';
import { entityAsInstance, historyDocument, shownValue, statusDocument } from './status-view.ts';
import { TERMINAL, type InstanceFilter, type InstanceView } from './store.ts';

/** A request below one of the two bases; `path` is what follows the base, still encoded. */
export interface ManagementRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly contentType: string | undefined;
  readonly continuation: string | undefined;
  readonly body: string;
  /** Headers `traceparent` and `tracestate`. */
  readonly trace: TraceContext | undefined;
  /** Address the caller used, e.g. `http://127.0.0.1:7071`, and the whole URL. */
  readonly origin: string;
  readonly url: string;
}

/** Answer; `json` undefined means an empty body. */
export interface ManagementResponse {
  readonly status: number;
  readonly json?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const NOT_FOUND: ManagementResponse = { status: 404 };
const PAGE = 100;
/** Names of the storage connection that URLs of this API carry. */
const CONNECTIONS: ReadonlySet<string> = new Set(['', 'storage', 'azurewebjobsstorage']);
const KNOWN_STATUSES = new Set([
  'Running',
  'Completed',
  'ContinuedAsNew',
  'Failed',
  'Canceled',
  'Terminated',
  'Pending',
  'Suspended',
]);

class BadRequest extends Error {}

/** Answers management requests for one engine. */
export class ManagementApi {
  readonly #engine: DurableEngine;
  readonly #addresses: ManagementAddresses;

  constructor(engine: DurableEngine, addresses: ManagementAddresses) {
    this.#engine = engine;
    this.#addresses = addresses;
  }

  async handle(request: ManagementRequest): Promise<ManagementResponse> {
    try {
      const hub = request.query.get('taskHub');
      if (hub !== null && hub !== '' && hub.toLowerCase() !== this.#addresses.hubName.toLowerCase()) return NOT_FOUND;
      const parts = request.path.replace(/\/$/, '').split('/').map(decodeURIComponent);
      // An id with a slash in it cannot be reached, escaped or not.
      if (parts.some((part) => part.includes('/'))) return NOT_FOUND;
      const [collection, first, second, third] = parts;
      if (collection === 'orchestrators' && request.method === 'POST' && first !== undefined && parts.length <= 3)
        return await this.#start(request, first, second);
      if (collection === 'entities' && parts.length <= 3) return this.#entities(request, first ?? '', second);
      if (collection === 'makeprimary' && request.method === 'POST') return { status: 200 };
      if (collection !== 'instances') return NOT_FOUND;
      if (first === undefined || first === '') return this.#collection(request);
      if (second === undefined) return this.#instance(request, first);
      if (request.method !== 'POST' || parts.length > (second === 'raiseEvent' ? 4 : 3)) return NOT_FOUND;
      return this.#operation(request, first, second, third);
    } catch (error) {
      if (error instanceof BadRequest || error instanceof URIError)
        return { status: 400, json: { Message: error.message } };
      if (isStoreError(error)) {
        const Message = `This could not be recorded and has not happened: ${error.message}. Free some space or look at the disk, then try again.`;
        return { status: 503, json: { Message } };
      }
      throw error;
    }
  }

  async #start(request: ManagementRequest, name: string, instanceId: string | undefined): Promise<ManagementResponse> {
    const timeout = Number(request.query.get('timeout') ?? Number.NaN);
    const interval = Number(request.query.get('pollingInterval') ?? 1);
    // The text is kept as it came: numbers of any length and blanks are still there in the history.
    const connection = request.query.get('connection') ?? 'Storage';
    if (!CONNECTIONS.has(connection.toLowerCase()))
      return { status: 500, json: hostError(`Unable to resolve the Azure Storage connection named '${connection}'.`) };
    const inputJson = request.body === '' ? null : request.body;
    if (inputJson !== null && tryCompact(inputJson) === undefined) return { status: 400, json: invalidJson(inputJson) };
    const result = this.#engine.startInstance({
      name,
      instanceId,
      inputJson,
      version: request.query.get('version') ?? undefined,
      trace: request.trace,
    });
    if (!result.ok)
      return {
        status: 409,
        json: { Message: `An Orchestration instance with the status ${result.status} already exists.` },
      };
    // The real extension, too, has started the instance by then.
    if (timeout <= interval)
      throw new BadRequest(`Total timeout ${timeout} should be bigger than retry timeout ${interval}`);
    if (Number.isFinite(timeout)) {
      const row = await this.#waitForEnd(result.id, timeout * 1000);
      if (row?.status === 'Completed') return { status: 200, json: shownValue(row.output) };
      if (row) return { status: 200, json: statusDocument(row, true) };
    }
    return this.#accepted(request, result.id);
  }

  #accepted(request: ManagementRequest, id: string): ManagementResponse {
    const uris = instanceUris(this.#addresses, request.origin, id);
    return { status: 202, json: uris, headers: { Location: uris['statusQueryGetUri'] ?? '', 'Retry-After': '10' } };
  }

  /** The instance once it has ended, or undefined after the time-out. */
  async #waitForEnd(id: string, timeoutMs: number): Promise<InstanceView | undefined> {
    const ended = (): InstanceView | undefined => {
      const row = this.#engine.store.view(id);
      return row && TERMINAL.has(row.status) ? row : undefined;
    };
    return new Promise((resolve) => {
      const finish = (row: InstanceView | undefined): void => {
        unwatch();
        clearTimeout(timer);
        resolve(row);
      };
      const unwatch = this.#engine.watch(id, () => {
        const row = ended();
        if (row) finish(row);
      });
      const timer = setTimeout(() => finish(ended()), timeoutMs);
      const row = ended();
      if (row) finish(row);
    });
  }

  #instance(request: ManagementRequest, id: string): ManagementResponse {
    const { store } = this.#engine;
    const row = store.view(id);
    if (request.method === 'DELETE') {
      if (row && !TERMINAL.has(row.status)) {
        return {
          status: 412,
          json: `Only orchestrations in a terminal state can be purged, but the orchestration with instance ID ${id} has status ${row.status}`,
        };
      }
      const instancesDeleted = this.#engine.purge([id]);
      return instancesDeleted === 0 ? NOT_FOUND : { status: 200, json: { instancesDeleted } };
    }
    if (request.method !== 'GET') return NOT_FOUND;
    if (!row) {
      const entity = store.entity(id);
      return entity
        ? {
            status: 202,
            json: entityAsInstance(entity),
            headers: { Location: request.url.replaceAll('%40', '@'), 'Retry-After': '5' },
          }
        : NOT_FOUND;
    }
    const document = statusDocument(row, flag(request, 'showInput', true));
    if (flag(request, 'showHistory', false)) {
      const events = store.history(id).map((piece): HistoryEvent => JSON.parse(piece));
      // The extension indexes scheduling events by their id and cannot show two of them with the same one.
      const twice = scheduledTwice(row);
      if (twice !== undefined) return { status: 400, json: sameKey(twice) };
      if (row.events > 0 || TERMINAL.has(row.status))
        document['historyEvents'] = historyDocument(events, flag(request, 'showHistoryOutput', false));
    }
    if (!TERMINAL.has(row.status))
      return { status: 202, json: document, headers: { Location: request.url, 'Retry-After': '5' } };
    return {
      status: row.status === 'Failed' && flag(request, 'returnInternalServerErrorOnFailure', false) ? 500 : 200,
      json: document,
    };
  }

  #filter(request: ManagementRequest, limit: number): InstanceFilter {
    const time = (name: string): number | undefined => {
      const text = request.query.get(name);
      if (text === null || text === '') return undefined;
      const value = Date.parse(text);
      if (Number.isNaN(value)) throw new BadRequest(`'${name}' is not a time: ${text}`);
      return value;
    };
    const statuses = request.query
      .getAll('runtimeStatus')
      .flatMap((text) => text.split(','))
      .map((text) => text.trim());
    const known = statuses.filter((status) => KNOWN_STATUSES.has(status));
    return {
      prefix: request.query.get('instanceIdPrefix') ?? undefined,
      statuses: known.length > 0 ? known : undefined,
      createdFrom: time('createdTimeFrom'),
      createdTo: time('createdTimeTo'),
      startAt: startOf(request.continuation),
      limit,
    };
  }

  #collection(request: ManagementRequest): ManagementResponse {
    if (request.method === 'GET') {
      const top = Math.max(1, Number(request.query.get('top') ?? PAGE) || PAGE);
      const filter = this.#filter(request, top + 1);
      const rows = this.#listed(filter, flag(request, 'showInput', true));
      return {
        status: 200,
        json: rows.slice(0, top).map((row) => row.document),
        headers: { 'x-ms-continuation-token': tokenOf(rows[top]?.id) },
      };
    }
    if (request.method !== 'DELETE') return NOT_FOUND;
    if (!request.query.get('createdTimeFrom'))
      return { status: 400, json: "Please provide value for 'createdTimeFrom' parameter." };
    const ids = this.#engine.store
      .list(this.#filter(request, 1_000_000))
      .filter((row) => TERMINAL.has(row.status))
      .map((row) => row.id);
    const instancesDeleted = this.#engine.purge(ids);
    return instancesDeleted === 0 ? NOT_FOUND : { status: 200, json: { instancesDeleted } };
  }

  /** Instances and entities in the order of their ids. */
  #listed(filter: InstanceFilter, showInput: boolean): { id: string; document: unknown }[] {
    const instances = this.#engine.store
      .list(filter)
      .map((row) => ({ id: row.id, document: statusDocument(row, showInput) }));
    const wantsRunning = filter.statuses === undefined || filter.statuses.includes('Running');
    const entities = wantsRunning ? this.#engine.store.entities(filter.prefix ?? '') : [];
    const shown = entities.filter(
      (row) =>
        row.id >= (filter.startAt ?? '') &&
        row.created >= (filter.createdFrom ?? 0) &&
        row.created <= (filter.createdTo ?? Number.POSITIVE_INFINITY),
    );
    const all = [...instances, ...shown.map((row) => ({ id: row.id, document: entityAsInstance(row) }))];
    return all.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #operation(
    request: ManagementRequest,
    id: string,
    operation: string,
    eventName: string | undefined,
  ): ManagementResponse {
    const engine = this.#engine;
    const row = engine.store.view(id);
    // A blank at the end is not kept (host-recordings, durable).
    const reason = request.query.get('reason')?.trimEnd() ?? null;
    if (operation === 'restart' || operation === 'restartWithOptions')
      return this.#restart(request, row, id, operation);
    if (operation === 'raiseEvent' && eventName !== undefined) return this.#raise(request, row, id, eventName);
    if (!['terminate', 'suspend', 'resume', 'rewind'].includes(operation)) return NOT_FOUND;
    if (!row)
      return operation === 'rewind'
        ? { status: 404, json: `No orchestration with instance ID "$${id}" found.` }
        : NOT_FOUND;
    if (operation === 'rewind') {
      if (row.status !== 'Failed') {
        return {
          status: 412,
          json: `This orchestration has status ${row.status}, but only orchestrations in the "Failed" state can be rewound.`,
        };
      }
      engine.rewind(row, reason);
      return { status: 202 };
    }
    if (TERMINAL.has(row.status)) return { status: 410 };
    const impossible =
      (operation === 'suspend' && row.status === 'Suspended') || (operation === 'resume' && row.status === 'Running');
    if (impossible)
      return {
        status: 500,
        json: hostError(
          `Cannot ${operation} the orchestration instance ${id} because instance is in the ${row.status} state.`,
        ),
      };
    if (operation === 'terminate') engine.terminate(id, reason);
    else if (operation === 'suspend') engine.suspend(id, reason);
    else engine.resume(id, reason);
    return { status: 202 };
  }

  #raise(request: ManagementRequest, row: InstanceView | undefined, id: string, eventName: string): ManagementResponse {
    if (!/^application\/json\b/i.test(request.contentType ?? ''))
      return { status: 400, json: { Message: 'Only application/json request content is supported' } };
    const json = tryCompact(request.body);
    if (json === undefined) return { status: 400, json: invalidJson(request.body) };
    if (!row) return NOT_FOUND;
    if (TERMINAL.has(row.status)) return { status: 410 };
    this.#engine.raiseEvent(id, eventName, json);
    return { status: 202 };
  }

  #restart(
    request: ManagementRequest,
    row: InstanceView | undefined,
    id: string,
    operation: string,
  ): ManagementResponse {
    if (!row)
      return {
        status: 400,
        json: {
          Message: 'InstanceId does not match a valid orchestration instance.',
          ExceptionMessage: `No instance with ID '${id}' was found. (Parameter 'instanceId')`,
          ExceptionType: 'System.ArgumentException',
          StackTrace: null,
        },
      };
    if (operation === 'restartWithOptions' && !request.query.get('newInstanceId'))
      throw new BadRequest('A new orchestration instance ID must be provided.');
    const fresh = flag(request, 'restartWithNewInstanceId', true);
    const wanted = request.query.get('newInstanceId') ?? undefined;
    const instanceId = wanted ?? (fresh ? undefined : id);
    const result = this.#engine.startInstance({
      name: row.name,
      instanceId,
      inputJson: row.input,
      version: request.query.get('version') ?? row.version ?? undefined,
      source: id,
    });
    if (!result.ok) {
      return {
        status: 409,
        json: {
          Message: 'A non-terminal instance with this instance ID already exists.',
          ExceptionMessage: `An Orchestration instance with the status ${result.status} already exists.`,
          ExceptionType: 'DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException',
          StackTrace: null,
        },
      };
    }
    return this.#accepted(request, result.id);
  }

  #entities(request: ManagementRequest, name: string, key: string | undefined): ManagementResponse {
    const { store, functions } = this.#engine;
    if (key === undefined) {
      if (request.method !== 'GET') return NOT_FOUND;
      const prefix = name === '' ? '@' : `@${name.toLowerCase()}@`;
      const top = Math.max(1, Number(request.query.get('top') ?? PAGE) || PAGE);
      const withState = flag(request, 'fetchState', false);
      const from = startOf(request.continuation) ?? '';
      const rows = store.entities(prefix).filter((row) => row.present === 1 && row.state !== null && row.id >= from);
      return {
        status: 200,
        json: rows.slice(0, top).map((row) => entityDocument(row, withState)),
        headers: { 'x-ms-continuation-token': tokenOf(rows[top]?.id) },
      };
    }
    if (request.method === 'GET') {
      const row = store.entity(entityId(name, key === '$' ? '' : key));
      return row?.present === 1 ? { status: 200, json: shownValue(row.state) } : NOT_FOUND;
    }
    if (request.method === 'DELETE') {
      this.#engine.signalEntity(entityId(name, key), 'delete', null);
      return { status: 202 };
    }
    if (request.method !== 'POST') return NOT_FOUND;
    if (functions.find('entity', name) === undefined)
      throw new BadRequest(unknownFunction('entity', name, functions.names('entity')));
    let json = request.body === '' ? null : (tryCompact(request.body) ?? null);
    if (json === null && request.body !== '') {
      if (/json/i.test(request.contentType ?? 'application/json'))
        throw new BadRequest(`Could not parse JSON content: ${jsonError(request.body)}`);
      json = JSON.stringify(request.body);
    }
    this.#engine.signalEntity(entityId(name, key), request.query.get('op') ?? '', json);
    return { status: 202 };
  }
}

/** The token of a page names the first id of the next one; empty on the last page. */
function tokenOf(next: string | undefined): string {
  return next === undefined ? '' : Buffer.from(next, 'utf8').toString('base64');
}

function startOf(token: string | undefined): string | undefined {
  return token === undefined ? undefined : Buffer.from(token, 'base64').toString('utf8');
}

function entityDocument(row: { id: string; updated: number; state: string | null }, withState: boolean): unknown {
  const second = row.id.indexOf('@', 1);
  const id = { name: row.id.slice(1, second), key: row.id.slice(second + 1) };
  return {
    entityId: id,
    lastOperationTime: new Date(row.updated).toISOString(),
    state: withState ? shownValue(row.state) : null,
  };
}

function flag(request: ManagementRequest, name: string, otherwise: boolean): boolean {
  const text = request.query.get(name);
  return text === null ? otherwise : text.toLowerCase() === 'true';
}

function tryCompact(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** What the extension's JSON reader says about a text; the two recorded cases, else what this platform's reader says. */
function jsonError(text: string): string {
  if (text === '') return "Error reading JToken from JsonReader. Path '', line 0, position 0.";
  if (/^\s*\{\s*\w+$/.test(text))
    return `Unexpected end while parsing unquoted property name. Path '', line 1, position ${text.length}.`;
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Number of the event that the real engine has written a second time for a non-deterministic orchestration. */
function scheduledTwice(row: InstanceView): string | undefined {
  const match =
    /^"Non-Deterministic workflow detected: .* sequence number (\d+) named .* replay instead scheduled/.exec(
      row.output ?? '',
    );
  return match?.[1];
}

function sameKey(number: string): object {
  return {
    Message: 'One or more of the arguments submitted is incorrect',
    ExceptionMessage: `An item with the same key has already been added. Key: TaskScheduled_${number}`,
    ExceptionType: 'System.ArgumentException',
    StackTrace: null,
  };
}

function invalidJson(text: string): object {
  return {
    Message: 'Invalid JSON content',
    ExceptionMessage: jsonError(text),
    ExceptionType: 'Newtonsoft.Json.JsonReaderException',
    StackTrace: null,
  };
}

function hostError(message: string): object {
  return {
    Message: 'Something went wrong while processing your request',
    ExceptionMessage: message,
    ExceptionType: 'System.InvalidOperationException',
    StackTrace: null,
  };
}
