/**
 * OpenTelemetry spans without a dependency: when the app, or a module preloaded with `--import`, has registered a tracer
 * provider, the API package keeps it in a global under a well-known name. Without one nothing is done.
 */
interface Span {
  setStatus(status: { code: number; message?: string }): unknown;
  recordException(error: { name: string; message: string; stack?: string }): void;
  end(): void;
}

interface Context {
  getValue(key: symbol): unknown;
  setValue(key: symbol, value: unknown): Context;
  deleteValue(key: symbol): Context;
}

interface OpenTelemetryGlobal {
  readonly trace?: {
    getTracer(name: string): { startSpan(name: string, options: object, context: Context): Span };
  };
  readonly context?: { with<T>(context: Context, run: () => T): T };
}

/** What a span is about. */
export interface SpanSubject {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** W3C trace context of the caller. */
  readonly trace?: { readonly traceParent: string; readonly traceState: string } | undefined;
}

const API = Symbol.for('opentelemetry.js.api.1');
const SPAN_KEY = Symbol.for('OpenTelemetry Context Key SPAN');
const KIND_SERVER = 1;
const STATUS_ERROR = 2;

function contextOf(values: ReadonlyMap<symbol, unknown>): Context {
  return {
    getValue: (key) => values.get(key),
    setValue: (key, value) => contextOf(new Map([...values, [key, value]])),
    deleteValue: (key) => contextOf(new Map([...values].filter(([name]) => name !== key))),
  };
}

function remoteParent(trace: SpanSubject['trace']): Context {
  const [, traceId, spanId, flags] = trace?.traceParent.split('-') ?? [];
  if (traceId === undefined || spanId === undefined) return contextOf(new Map());
  const spanContext = { traceId, spanId, traceFlags: Number.parseInt(flags ?? '0', 16), isRemote: true };
  return contextOf(new Map([[SPAN_KEY, { spanContext: () => spanContext, isRecording: () => false }]]));
}

/** Runs `work` inside a span when a tracer provider is registered; otherwise just runs it. */
export async function inSpan<T>(subject: SpanSubject, work: () => Promise<T>): Promise<T> {
  const api = (globalThis as { [API]?: OpenTelemetryGlobal })[API];
  if (!api?.trace) return work();
  const parent = remoteParent(subject.trace);
  const options = { kind: KIND_SERVER, attributes: subject.attributes };
  const span = api.trace.getTracer('functions-host').startSpan(subject.name, options, parent);
  const inner = parent.setValue(SPAN_KEY, span);
  try {
    return await (api.context ? api.context.with(inner, work) : work());
  } catch (error) {
    const shown = error instanceof Error ? error : new Error(String(error));
    span.recordException({ name: shown.name, message: shown.message, stack: shown.stack ?? '' });
    span.setStatus({ code: STATUS_ERROR, message: shown.message });
    throw error;
  } finally {
    span.end();
  }
}
