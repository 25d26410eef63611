/** One invocation of a function through the library's own invocation model (functions-host-protocol.md, 1.5). */
import { randomUUID } from 'node:crypto';
import type { FunctionApp, RegisteredFunction } from './function-app.ts';
import { inSpan } from './tracing.ts';
import type { InvocationRequest, InvocationResponse, LogLevel, RetryContext, TypedData } from './protocol.ts';

/** Input of an invocation. */
export interface InvocationInput {
  readonly triggerData: TypedData;
  readonly triggerMetadata?: Readonly<Record<string, TypedData>>;
  /** Data of further input bindings, by binding name. */
  readonly extraInputs?: readonly { readonly name: string; readonly data: TypedData }[];
  readonly retryContext?: RetryContext | null;
  /** Metadata that costs much and is rarely looked at: made when the function reads `context.triggerMetadata`. */
  readonly lazyMetadata?: () => Readonly<Record<string, TypedData>>;
  /** W3C trace context of the caller; empty without one, as on a real host without telemetry. */
  readonly trace?: { readonly traceParent: string; readonly traceState: string } | undefined;
  /** Trace context that only the span of this invocation continues; the function does not see it. */
  readonly caller?: { readonly traceParent: string; readonly traceState: string } | undefined;
  /** Return what the function returned, not the library's conversion of it. */
  readonly raw?: boolean;
  /** The same for all tries of one delivery; a new one is made when absent. */
  readonly invocationId?: string;
}

/** Thrown when a function takes longer than the `functionTimeout` of host.json. Its code may still be running. */
export class FunctionTimeoutError extends Error {
  override readonly name = 'FunctionTimeoutError';
}

/** Milliseconds as .NET writes a TimeSpan, e.g. `00:05:00`. */
export function timeSpanText(ms: number): string {
  const pad = (value: number): string => String(value).padStart(2, '0');
  const days = Math.floor(ms / 86_400_000);
  const clock = `${pad(Math.floor(ms / 3_600_000) % 24)}:${pad(Math.floor(ms / 60_000) % 60)}:${pad(Math.floor(ms / 1000) % 60)}`;
  const fraction = ms % 1000 === 0 ? '' : `.${String(ms % 1000).padStart(3, '0')}0000`;
  return `${days > 0 ? `${days}.` : ''}${clock}${fraction}`;
}

function camelCase(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(camelCase);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [lowerFirst(key), camelCase(item)]));
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

/** Texts in metadata are read as JSON when they are some, and all keys begin in lower case, as the library does it. */
function metadataValue(data: TypedData): unknown {
  const text = data.string ?? data.json ?? '';
  try {
    return camelCase(JSON.parse(text));
  } catch {
    return text;
  }
}

function defineMetadata(context: object, read: () => Readonly<Record<string, TypedData>>): void {
  let value: unknown;
  Object.defineProperty(context, 'triggerMetadata', {
    configurable: true,
    enumerable: true,
    get: () => {
      value ??= Object.fromEntries(
        Object.entries(read()).map(([name, data]) => [lowerFirst(name), metadataValue(data)]),
      );
      return value;
    },
    set: (given: unknown) => {
      value = given;
    },
  });
}

/** Invokes functions of one app; counts what is running so that a stop can wait for it. */
export class Invoker {
  readonly app: FunctionApp;
  readonly timeoutMs: number | undefined;
  /** Writes output bindings; part of the invocation, so that a failing output fails it. */
  afterInvocation: ((fn: RegisteredFunction, response: InvocationResponse) => Promise<void>) | undefined;
  #running = 0;
  #idle: (() => void)[] = [];

  readonly #onTimeout: (() => void) | undefined;

  /** @param timeoutMs `functionTimeout` in milliseconds, or undefined for no limit; `onTimeout` is told when it strikes. */
  constructor(app: FunctionApp, timeoutMs: number | undefined, onTimeout?: () => void) {
    this.app = app;
    this.timeoutMs = timeoutMs;
    this.#onTimeout = onTimeout;
  }

  /** Number of invocations under way. */
  get running(): number {
    return this.#running;
  }

  /** Resolves when nothing runs any more, at the latest after `boundMs`; true when everything has ended. */
  async drain(boundMs: number): Promise<boolean> {
    if (this.#running === 0) return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), boundMs);
      this.#idle.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /**
   * Runs one function: arguments, pre hooks, the handler, post hooks, response. Throws what the handler threw (unless a post
   * hook cleared it) or a FunctionTimeoutError. Orchestrators and entities pass `limited = false`: they have no time limit.
   */
  async invoke(fn: RegisteredFunction, input: InvocationInput, limited = true): Promise<InvocationResponse> {
    const invocationId = input.invocationId ?? randomUUID();
    const started = performance.now();
    const category = `Function.${fn.name}`;
    const trace = this.app.log.enabled('information', category);
    if (trace)
      this.#write('information', category, `Executing 'Functions.${fn.name}' (Id=${invocationId})`, invocationId);
    this.#running++;
    const duration = (): string => `Duration=${Math.round(performance.now() - started)}ms`;
    try {
      const attributes = { 'faas.name': fn.name, 'faas.invocation_id': invocationId, 'faas.trigger': fn.trigger.type };
      const span = { name: `Functions.${fn.name}`, attributes, trace: input.trace ?? input.caller };
      const response = await inSpan(span, async () =>
        this.#withTimeout(fn, this.#run(fn, input, invocationId), limited),
      );
      if (trace)
        this.#write(
          'information',
          category,
          `Executed 'Functions.${fn.name}' (Succeeded, Id=${invocationId}, ${duration()})`,
          invocationId,
        );
      return response;
    } catch (error) {
      if (limited) {
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        this.#write(
          'error',
          category,
          `Executed 'Functions.${fn.name}' (Failed, Id=${invocationId}, ${duration()}) ${reason}`,
          invocationId,
        );
      }
      throw error;
    } finally {
      this.#running--;
      if (this.#running === 0) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  #write(level: LogLevel, category: string, message: string, invocationId: string): void {
    this.app.log.write({ level, category, message, invocationId });
  }

  async #withTimeout<T>(fn: RegisteredFunction, work: Promise<T>, limited: boolean): Promise<T> {
    const limit = this.timeoutMs;
    if (!limited || limit === undefined || limit >= 2 ** 31) return work;
    let timer: NodeJS.Timeout | undefined;
    const expired = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        this.#onTimeout?.();
        reject(
          new FunctionTimeoutError(
            `Timeout value of ${timeSpanText(limit)} was exceeded by function: Functions.${fn.name}`,
          ),
        );
      }, limit);
    });
    try {
      return await Promise.race([work, expired]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #run(fn: RegisteredFunction, input: InvocationInput, invocationId: string): Promise<InvocationResponse> {
    const request: InvocationRequest = {
      invocationId,
      functionId: fn.metadata.functionId ?? fn.name,
      inputData: [{ name: fn.triggerName, data: input.triggerData }, ...(input.extraInputs ?? [])],
      triggerMetadata: input.triggerMetadata ?? {},
      traceContext: { traceParent: '', traceState: '', ...input.trace, attributes: {} },
      retryContext: input.retryContext ?? null,
    };
    const from: { name: string; invocationId: string; context?: object } = { name: fn.name, invocationId };
    const core: Record<string, unknown> = {
      invocationId,
      request,
      metadata: fn.metadata,
      state: undefined,
      log: (level: LogLevel, category: string, message: string) => this.app.emitLog(level, category, message, from),
    };
    const model = await this.app.model.getInvocationModel(core);
    const { context, inputs } = await model.getArguments();
    from.context = context;
    if (input.lazyMetadata) defineMetadata(context, input.lazyMetadata);
    const shared = { hookData: {}, appHookData: this.app.appHookData, invocationContext: context };
    const pre = { ...shared, functionCallback: fn.callback, inputs };
    core['state'] = 'preInvocationHooks';
    await this.app.runHooks('preInvocation', pre);
    core['state'] = 'invocation';
    const post: { result: unknown; error: unknown; inputs: unknown[] } = {
      ...shared,
      inputs: pre.inputs,
      result: null,
      error: null,
    };
    try {
      post.result = await model.invokeFunction(context, pre.inputs, pre.functionCallback);
    } catch (error) {
      post.error = error;
    }
    core['state'] = 'postInvocationHooks';
    await this.app.runHooks('postInvocation', post);
    core['state'] = undefined;
    if (post.error !== null && post.error !== undefined) throw post.error;
    if (input.raw === true) return { raw: post.result };
    const response = await model.getResponse(context, post.result);
    await this.afterInvocation?.(fn, response);
    return response;
  }
}
