/** The HTTP management API of the Durable extension (functions-host-protocol.md, 2.8; durable-recordings, 08, 13, 16). */
import { instanceUris, type ManagementAddresses } from './client-payload.ts';
import type { DurableEngine } from './engine.ts';
import { entityId, type HistoryEvent } from './events.ts';
import { unknownFunction } from './failures.ts';
import {
  BadRequest,
  decodePath,
  hostError,
  invalidJson,
  isStandardJson,
  jsonError,
  mediaType,
  NOT_FOUND,
  refusal,
  startOf,
  tokenOf,
  tryCompact,
  type ManagementRequest,
  type ManagementResponse,
} from './management-answers.ts';
import { Query } from './query.ts';
import { isStoreError } from './sqlite.ts';
import { entityAsInstance, historyDocument, shownValue, statusDocument } from './status-view.ts';
import { TERMINAL, type InstanceFilter, type InstanceView } from './store.ts';

const PAGE = 100;
const INCORRECT_ARGUMENT = 'One or more of the arguments submitted is incorrect';
/** Names of the storage connection that URLs of this API carry. */
const CONNECTIONS: ReadonlySet<string> = new Set(['', 'storage', 'azurewebjobsstorage']);
const COLLECTIONS: ReadonlySet<string> = new Set(['orchestrators', 'instances', 'entities', 'makeprimary']);

type Request = ManagementRequest & { readonly parameters: Query };

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
      return await this.#route({ ...request, parameters: new Query(request.query) });
    } catch (error) {
      if (error instanceof BadRequest) return { status: 400, json: { Message: error.message } };
      if (isStoreError(error)) {
        const Message = `This could not be recorded and has not happened: ${error.message}. Free some space or look at the disk, then try again.`;
        return { status: 503, json: { Message } };
      }
      throw error;
    }
  }

  /** Fixed parts of a path match without case; an id with a slash in it cannot be reached, escaped or not. */
  async #route(request: Request): Promise<ManagementResponse> {
    const hub = request.parameters.text('taskHub')?.trim() ?? '';
    if (hub !== '' && hub.toLowerCase() !== this.#addresses.hubName.toLowerCase()) return NOT_FOUND;
    const parts = decodePath(request.path)
      .replaceAll(/^\/+|\/+$/g, '')
      .split('/');
    const [first, second, third] = parts.slice(1);
    const collection = parts[0]?.toLowerCase() ?? '';
    if (!COLLECTIONS.has(collection) || parts.length > 4) return NOT_FOUND;
    const connection = request.parameters.text('connection')?.trim() ?? '';
    if (!CONNECTIONS.has(connection.toLowerCase()))
      return { status: 500, json: hostError(`Unable to resolve the Azure Storage connection named '${connection}'.`) };
    if (parts.length === 4)
      return collection === 'instances' && second?.toLowerCase() === 'raiseevent' && request.method === 'POST'
        ? this.#raise(request, first ?? '', third ?? '')
        : NOT_FOUND;
    switch (collection) {
      case 'orchestrators':
        return request.method === 'POST' && first !== undefined ? this.#start(request, first, second) : NOT_FOUND;
      case 'entities':
        return this.#entities(request, first ?? '', second ?? '');
      case 'makeprimary':
        return parts.length === 1 ? { status: 200 } : NOT_FOUND;
      default:
        if (first === undefined) return this.#collection(request);
        if (second === undefined) return this.#instance(request, first);
        return request.method === 'POST' ? this.#operation(request, first, second.toLowerCase()) : NOT_FOUND;
    }
  }

  async #start(request: Request, name: string, instanceId: string | undefined): Promise<ManagementResponse> {
    // The text is kept as it came: numbers of any length and blanks are still there in the history.
    const { body } = request;
    const inputJson = body === '' ? null : isStandardJson(body) ? body : tryCompact(body, 'refused');
    if (inputJson === undefined) return { status: 400, json: invalidJson(body) };
    const result = this.#engine.startInstance({
      name,
      instanceId,
      inputJson,
      version: request.parameters.text('version'),
      trace: request.trace,
    });
    if (!result.ok)
      return {
        status: 409,
        json: { Message: `An Orchestration instance with the status ${result.status} already exists.` },
      };
    return this.#started(request, result.id);
  }

  /** Answers a start at once, or after the end of the instance when a time-out and an interval are given. */
  async #started(request: Request, id: string): Promise<ManagementResponse> {
    const timeout = request.parameters.number('timeout');
    const interval = request.parameters.number('pollingInterval');
    if (timeout === undefined || interval === undefined) return this.#accepted(request, id);
    // The real extension, too, has started the instance by then.
    if (interval > timeout)
      throw new BadRequest(`Total timeout ${timeout} should be bigger than retry timeout ${interval}`);
    const row = await this.#waitForEnd(id, timeout * 1000);
    if (row?.status === 'Completed') return { status: 200, json: shownValue(row.output) };
    return row ? { ...this.#status(request, row), status: 200 } : this.#accepted(request, id);
  }

  #accepted(request: Request, id: string): ManagementResponse {
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

  #instance(request: Request, id: string): ManagementResponse {
    const { store } = this.#engine;
    const row = store.view(id);
    if (request.method === 'DELETE') return this.#purge(row, id);
    if (request.method !== 'GET') return NOT_FOUND;
    if (row) return this.#status(request, row);
    const entity = store.entity(id);
    if (!entity) return NOT_FOUND;
    const headers = { Location: request.url.replaceAll('%40', '@'), 'Retry-After': '5' };
    return { status: 202, json: entityAsInstance(entity, request.parameters.flag('showInput', true)), headers };
  }

  /** What may be an entity (an id with @) is purged in any state. */
  #purge(row: InstanceView | undefined, id: string): ManagementResponse {
    const maybeEntity = id.startsWith('@');
    if (!row && !maybeEntity) return NOT_FOUND;
    if (row && !maybeEntity && !TERMINAL.has(row.status)) {
      return {
        status: 412,
        json: `Only orchestrations in a terminal state can be purged, but the orchestration with instance ID ${id} has status ${row.status}`,
      };
    }
    return { status: 200, json: { instancesDeleted: this.#engine.purge([id]) } };
  }

  #status(request: Request, row: InstanceView): ManagementResponse {
    const { parameters } = request;
    const document = statusDocument(row, parameters.flag('showInput', true));
    if (parameters.flag('showHistory', false)) {
      const events = this.#engine.store.history(row.id).map((piece): HistoryEvent => JSON.parse(piece));
      // The extension indexes scheduling events by their id and cannot show two of them with the same one.
      const twice = scheduledTwice(row);
      if (twice !== undefined) {
        const text = `An item with the same key has already been added. Key: TaskScheduled_${twice}`;
        return { status: 400, json: refusal(INCORRECT_ARGUMENT, text, 'System.ArgumentException') };
      }
      if (row.events > 0 || TERMINAL.has(row.status))
        document['historyEvents'] = historyDocument(events, parameters.flag('showHistoryOutput', false));
    }
    if (!TERMINAL.has(row.status))
      return { status: 202, json: document, headers: { Location: request.url, 'Retry-After': '5' } };
    const isError = row.status === 'Failed' && parameters.flag('returnInternalServerErrorOnFailure', false);
    return { status: isError ? 500 : 200, json: document };
  }

  #filter({ parameters, continuation }: Request, limit: number): InstanceFilter {
    return {
      prefix: parameters.text('instanceIdPrefix'),
      statuses: parameters.statuses('runtimeStatus'),
      createdFrom: parameters.time('createdTimeFrom'),
      createdTo: parameters.time('createdTimeTo'),
      startAt: startOf(continuation),
      limit,
    };
  }

  #collection(request: Request): ManagementResponse {
    if (request.method === 'GET') {
      const top = pageSize(request);
      const filter = this.#filter(request, top + 1);
      const rows = this.#listed(filter, request.parameters.flag('showInput', true));
      return {
        status: 200,
        json: rows.slice(0, top).map((row) => row.document),
        headers: { 'x-ms-continuation-token': tokenOf(rows[top]?.id) },
      };
    }
    if (request.method !== 'DELETE') return NOT_FOUND;
    if (request.parameters.time('createdTimeFrom') === undefined)
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
    const all = [...instances, ...shown.map((row) => ({ id: row.id, document: entityAsInstance(row, showInput) }))];
    return all.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async #operation(request: Request, id: string, operation: string): Promise<ManagementResponse> {
    const row = this.#engine.store.view(id);
    if (operation === 'restart' || operation === 'restartwithoptions')
      return this.#restart(request, row, id, operation === 'restartwithoptions');
    if (!['terminate', 'suspend', 'resume', 'rewind'].includes(operation)) return NOT_FOUND;
    // A blank at the end is not kept (host-recordings, durable).
    const reason = request.parameters.text('reason')?.trimEnd() ?? null;
    if (operation === 'rewind') return this.#rewind(row, id, reason);
    if (!row) return NOT_FOUND;
    if (TERMINAL.has(row.status)) return { status: 410 };
    const isSuspended = row.status === 'Suspended';
    if ((operation === 'suspend' && isSuspended) || (operation === 'resume' && !isSuspended))
      return {
        status: 500,
        json: hostError(
          `Cannot ${operation} the orchestration instance ${id} because instance is in the ${row.status} state.`,
        ),
      };
    if (operation === 'terminate') this.#engine.terminate(id, reason);
    else if (operation === 'suspend') this.#engine.suspend(id, reason);
    else this.#engine.resume(id, reason);
    return { status: 202 };
  }

  #rewind(row: InstanceView | undefined, id: string, reason: string | null): ManagementResponse {
    if (!row) return { status: 404, json: `No orchestration with instance ID "$${id}" found.` };
    if (row.status !== 'Failed') {
      return {
        status: 412,
        json: `This orchestration has status ${row.status}, but only orchestrations in the "Failed" state can be rewound.`,
      };
    }
    this.#engine.rewind(row, reason);
    return { status: 202 };
  }

  /** The instance is looked at before the content. */
  #raise(request: Request, id: string, eventName: string): ManagementResponse {
    const row = this.#engine.store.view(id);
    if (!row) return NOT_FOUND;
    if (TERMINAL.has(row.status)) return { status: 410 };
    if (mediaType(request.contentType) !== 'application/json')
      return { status: 400, json: { Message: 'Only application/json request content is supported' } };
    const json = tryCompact(request.body, 'ignored');
    if (json === undefined) return { status: 400, json: invalidJson(request.body) };
    this.#engine.raiseEvent(id, eventName, json);
    return { status: 202 };
  }

  async #restart(
    request: Request,
    row: InstanceView | undefined,
    id: string,
    withOptions: boolean,
  ): Promise<ManagementResponse> {
    const { parameters } = request;
    if (!row) {
      const text = `No instance with ID '${id}' was found. (Parameter 'instanceId')`;
      const message = 'InstanceId does not match a valid orchestration instance.';
      return { status: 400, json: refusal(message, text, 'System.ArgumentException') };
    }
    const wanted = parameters.text('newInstanceId') ?? '';
    if (withOptions && wanted === '') throw new BadRequest('A new orchestration instance ID must be provided.');
    const own = parameters.flag('restartWithNewInstanceId', true) ? undefined : id;
    const result = this.#engine.startInstance({
      name: row.name,
      instanceId: wanted === '' ? own : wanted,
      inputJson: row.input,
      version: parameters.text('version') ?? row.version ?? undefined,
      source: id,
    });
    if (result.ok) return this.#started(request, result.id);
    const message = 'A non-terminal instance with this instance ID already exists.';
    const text = `An Orchestration instance with the status ${result.status} already exists.`;
    return {
      status: 409,
      json: refusal(message, text, 'DurableTask.Core.Exceptions.OrchestrationAlreadyExistsException'),
    };
  }

  #entities(request: Request, name: string, key: string): ManagementResponse {
    if (request.method === 'GET') return key === '' ? this.#listEntities(request, name) : this.#readEntity(name, key);
    if (request.method !== 'POST' && request.method !== 'DELETE') return NOT_FOUND;
    if (name === '')
      throw new BadRequest(
        "Invalid entity id: entity name must not be a null or empty string. (Parameter 'entityName')",
      );
    const operation = request.method === 'DELETE' ? 'delete' : (request.parameters.text('op') ?? '');
    const input = operationInput(request);
    const odd = Array.from(key).some((character) => '/\\#?'.includes(character) || character < ' ');
    // The extension has mixed up text and name of the parameter.
    if (odd)
      throw new BadRequest("entityKey (Parameter 'Entity keys must not contain /, \\, #, ?, or control characters.')");
    const { functions } = this.#engine;
    if (functions.find('entity', name) === undefined)
      throw new BadRequest(unknownFunction('entity', name, functions.names('entity')));
    this.#engine.signalEntity(entityId(name, key), operation, input);
    return { status: 202 };
  }

  #readEntity(name: string, key: string): ManagementResponse {
    const row = this.#engine.store.entity(entityId(name, key === '$' ? '' : key));
    return row?.present === 1 ? { status: 200, json: shownValue(row.state) } : NOT_FOUND;
  }

  #listEntities(request: Request, name: string): ManagementResponse {
    const { parameters } = request;
    const prefix = name === '' ? '@' : `@${name.toLowerCase()}@`;
    const top = pageSize(request);
    const withState = parameters.flag('fetchState', false);
    const from = startOf(request.continuation) ?? '';
    const since = parameters.time('lastOperationTimeFrom') ?? 0;
    const until = parameters.time('lastOperationTimeTo') ?? Number.POSITIVE_INFINITY;
    const rows = this.#engine.store
      .entities(prefix)
      .filter((row) => row.present === 1 && row.state !== null && row.id >= from)
      .filter((row) => row.updated >= since && row.updated <= until);
    return {
      status: 200,
      json: rows.slice(0, top).map((row) => entityDocument(row, withState)),
      headers: { 'x-ms-continuation-token': tokenOf(rows[top]?.id) },
    };
  }
}

/** Input of an entity operation as JSON text; a body that is not declared as JSON is a text. */
function operationInput(request: Request): string | null {
  if (request.body === '') return null;
  if (mediaType(request.contentType) !== 'application/json') return JSON.stringify(request.body);
  const json = tryCompact(request.body, 'ignored');
  if (json === undefined) throw new BadRequest(`Could not parse JSON content: ${jsonError(request.body)}`);
  return json;
}

function pageSize(request: Request): number {
  const top = request.parameters.number('top') ?? PAGE;
  return Number.isInteger(top) ? Math.max(1, top) : PAGE;
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

/** Number of the event that the real engine has written a second time for a non-deterministic orchestration. */
function scheduledTwice(row: InstanceView): string | undefined {
  const match =
    /^"Non-Deterministic workflow detected: .* sequence number (\d+) named .* replay instead scheduled/.exec(
      row.output ?? '',
    );
  return match?.[1];
}
