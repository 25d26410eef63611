/** The durable functions of a loaded app, driven through its library (functions-host-protocol.md, 2.1, 2.5 and 2.6). */
import { format } from 'node:util';
import type { RegisteredFunction } from '../core/function-app.ts';
import type { Invoker } from '../core/invocation.ts';
import { plainValue, type TypedData } from '../core/protocol.ts';
import type {
  ActivityOutcome,
  DurableFunctions,
  DurableKind,
  EntityReply,
  OrchestratorPayload,
  OrchestratorReply,
  TraceContext,
} from './contracts.ts';
import { readState } from './raw-state.ts';
import type { OrchestratorState } from './events.ts';
import { parseFailure } from './failures.ts';

const TRIGGERS: Readonly<Record<DurableKind, string>> = {
  orchestrator: 'orchestrationtrigger',
  activity: 'activitytrigger',
  entity: 'entitytrigger',
};
const STATE_LABEL = '\n\n$OutOfProcData$:';

/** Binding types that get the durable client payload. */
export function isDurableClient(type: string): boolean {
  return /^(durableClient|orchestrationClient)$/i.test(type);
}

/** Message and stack as the real worker sends them: an Error with a message of its own as it is, other things as JSON. */
function textOf(error: unknown): { message: string; stack: string } {
  if (error instanceof Error && Object.getOwnPropertyDescriptor(error, 'message')?.writable === true)
    return { message: error.message, stack: error.stack ?? '' };
  const message = typeof error === 'object' ? JSON.stringify(error) : format('%s', error);
  return { message, stack: `Error: ${message}` };
}

/** The extension writes booleans the .NET way, so a handler receives them as text (durable-recordings, 14). */
function activityText(inputJson: string): string {
  if (inputJson === 'true') return 'True';
  return inputJson === 'false' ? 'False' : inputJson;
}

/** A text input is shown with its quotes in the metadata: the SDK has encoded it once more (host-recordings, durable-protocol). */
function bindingDataJson(inputJson: string): string {
  if (/^[{[tfn]/.test(inputJson)) return inputJson;
  return Number.isNaN(Number(inputJson)) ? JSON.stringify(inputJson) : inputJson;
}

/** Trigger metadata of an orchestrator: the text once more, and the scalars of the payload as texts. */
function textMetadata(fn: RegisteredFunction, payload: string): Record<string, TypedData> {
  const metadata: Record<string, TypedData> = { [fn.triggerName]: { string: payload } };
  const fields: Record<string, unknown> = JSON.parse(payload);
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value === 'boolean') metadata[name] = { string: value ? 'True' : 'False' };
    else if (typeof value === 'string' || typeof value === 'number') metadata[name] = { string: String(value) };
    else if (typeof value === 'object' && value !== null && !Array.isArray(value))
      metadata[name] = { string: JSON.stringify(value) };
  }
  return metadata;
}

function thrownReply(error: unknown): OrchestratorReply {
  const { message } = textOf(error);
  const at = message.lastIndexOf(STATE_LABEL);
  if (at < 0) return { state: undefined, thrown: message };
  return { state: JSON.parse(message.slice(at + STATE_LABEL.length)), thrown: message };
}

/** Adapts an app to the engine. `clientInputs` gives the data of durable client bindings. */
export class AppDurableFunctions implements DurableFunctions {
  readonly #invoker: Invoker;
  readonly #clientInputs: (fn: RegisteredFunction) => { name: string; data: TypedData }[];
  readonly #byKind: Record<DurableKind, Map<string, RegisteredFunction>> = {
    orchestrator: new Map(),
    activity: new Map(),
    entity: new Map(),
  };

  #takesObjects = false;

  constructor(invoker: Invoker, clientInputs: (fn: RegisteredFunction) => { name: string; data: TypedData }[]) {
    this.#invoker = invoker;
    this.#clientInputs = clientInputs;
    for (const fn of invoker.app.functions.values()) {
      for (const kind of ['orchestrator', 'activity', 'entity'] as const) {
        if (fn.trigger.type.toLowerCase() !== TRIGGERS[kind]) continue;
        this.#byKind[kind].set(fn.name.toLowerCase(), fn);
      }
    }
  }

  names(kind: DurableKind): readonly string[] {
    return [...this.#byKind[kind].values()].map((fn) => fn.name);
  }

  find(kind: DurableKind, name: string): string | undefined {
    return this.#byKind[kind].get(name.toLowerCase())?.name;
  }

  #get(kind: DurableKind, name: string): RegisteredFunction {
    const fn = this.#byKind[kind].get(name.toLowerCase());
    if (!fn) throw new Error(`The function '${name}' doesn't exist, is disabled, or is not an ${kind} function.`);
    return fn;
  }

  async runOrchestrator(name: string, payload: string, trace?: TraceContext): Promise<OrchestratorReply> {
    try {
      const fn = this.#get('orchestrator', name);
      const input = { triggerData: { string: payload }, lazyMetadata: () => textMetadata(fn, payload), trace };
      const response = await this.#invoker.invoke(fn, input, false);
      const state = plainValue(response.returnValue) as OrchestratorState | undefined;
      return { state, thrown: undefined };
    } catch (error) {
      return thrownReply(error);
    }
  }

  async runOrchestratorDirectly(
    name: string,
    payload: OrchestratorPayload,
    trace?: TraceContext,
  ): Promise<OrchestratorReply | undefined> {
    const fn = this.#get('orchestrator', name);
    if (!this.#canRunDirectly(fn)) return undefined;
    let reply: OrchestratorReply;
    try {
      const lazyMetadata = (): Record<string, TypedData> =>
        textMetadata(fn, JSON.stringify({ ...payload, history: payload.history }));
      const input = { triggerData: { int: payload }, lazyMetadata, trace, raw: true };
      reply = { state: readState((await this.#invoker.invoke(fn, input, false)).raw), thrown: undefined };
    } catch (error) {
      reply = thrownReply(error);
    }
    // Until an SDK has shown that it takes the object, a call without a state is tried again with the text.
    if (reply.state) this.#takesObjects = true;
    return this.#takesObjects ? reply : undefined;
  }

  /** Hooks see the payload and the result, and further bindings need the whole way. */
  #canRunDirectly(fn: RegisteredFunction): boolean {
    const { app } = this.#invoker;
    const isObserved = app.hasHooks('preInvocation') || app.hasHooks('postInvocation');
    return !isObserved && Object.keys(fn.metadata.bindings).length === 1;
  }

  async runActivity(
    name: string,
    instanceId: string,
    inputJson: string | null,
    trace?: TraceContext,
  ): Promise<ActivityOutcome> {
    try {
      const fn = this.#get('activity', name);
      const triggerData: TypedData = inputJson === null ? {} : { string: activityText(inputJson) };
      const data: TypedData = inputJson === null ? {} : { json: bindingDataJson(inputJson) };
      const triggerMetadata = { instanceId: { string: instanceId }, data, [fn.triggerName]: triggerData };
      const response = await this.#invoker.invoke(fn, {
        triggerData,
        triggerMetadata,
        extraInputs: this.#clientInputs(fn),
        trace,
      });
      const value = plainValue(response.returnValue);
      return { ok: true, resultJson: value === undefined || value === null ? null : JSON.stringify(value) };
    } catch (error) {
      const { message, stack } = textOf(error);
      const failure = parseFailure(message);
      return { ok: false, message, stack, ...(failure ? { failure } : {}) };
    }
  }

  async runEntity(name: string, payload: string): Promise<EntityReply> {
    const response = await this.#invoker.invoke(this.#get('entity', name), { triggerData: { string: payload } }, false);
    return plainValue(response.returnValue) as EntityReply;
  }
}
