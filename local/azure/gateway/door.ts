import type { AzureReply, AzureRequest } from '../service.ts';
import { explain, jsonReply } from './exchange.ts';
import type { RequestLog } from './request-log.ts';

/** What stands behind `/_simulator/*`: the doors through which tests and the start command observe and command the simulator. */
export interface DoorTargets {
  /** ARM resources with at least `id` and `type`. */
  resources(): readonly unknown[];
  readonly faults: {
    /** Adds one rule; throws with an explanation when its form is wrong. */
    add(rule: unknown): unknown;
    list(): unknown;
    clear(): void;
  };
  reset(): void | Promise<void>;
  /** Requests that met something the simulated Azure does not model. */
  unmodelled(): readonly unknown[];
  /** The simulated clusters, when a Kubernetes side is there. */
  clusters?(): unknown;
}

type Route = (request: AzureRequest) => AzureReply | Promise<AzureReply>;

function addFaults(targets: DoorTargets, request: AzureRequest): AzureReply {
  let posted: unknown;
  try {
    posted = JSON.parse(request.body.toString('utf8'));
  } catch {
    return explain(400, 'InvalidFaultRule', 'POST /_simulator/faults takes one rule, or an array of rules, as JSON.');
  }
  try {
    const rules: readonly unknown[] = Array.isArray(posted) ? posted : [posted];
    return jsonReply(
      201,
      rules.map((rule) => targets.faults.add(rule) ?? {}),
    );
  } catch (error) {
    return explain(400, 'InvalidFaultRule', error instanceof Error ? error.message : String(error));
  }
}

function logEntries(log: RequestLog, request: AzureRequest): AzureReply {
  const after = Number(request.query.get('after') ?? 0);
  if (!Number.isFinite(after)) return explain(400, 'InvalidQuery', 'after must be a sequence number.');
  const service = request.query.get('service');
  return jsonReply(200, log.entries({ after, ...(service === null ? {} : { service }) }));
}

/** Answers the requests for `/_simulator/*`. */
export function createDoor(targets: DoorTargets, log: RequestLog): (request: AzureRequest) => Promise<AzureReply> {
  const routes: Readonly<Record<string, Route>> = {
    'GET /_simulator/resources': () => jsonReply(200, targets.resources()),
    'GET /_simulator/requests': (request) => logEntries(log, request),
    'GET /_simulator/faults': () => jsonReply(200, targets.faults.list()),
    'POST /_simulator/faults': (request) => addFaults(targets, request),
    'DELETE /_simulator/faults': () => {
      targets.faults.clear();
      return { status: 204, headers: {} };
    },
    'POST /_simulator/reset': async () => {
      await targets.reset();
      log.clear();
      return { status: 204, headers: {} };
    },
    'GET /_simulator/unmodelled': () => jsonReply(200, targets.unmodelled()),
    'GET /_simulator/clusters': () => jsonReply(200, targets.clusters?.() ?? []),
  };
  return async (request) => {
    const route = routes[`${request.method} ${request.path}`];
    if (route !== undefined) return route(request);
    const known = Object.keys(routes).join(', ');
    return explain(
      404,
      'NoSuchDoor',
      `${request.method} ${request.path} is not a door of the simulator. Doors: ${known}.`,
    );
  };
}
