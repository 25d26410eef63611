/**
 * Shapes that the Functions Node library exchanges with its host (functions-host-protocol.md, 1.3 and 1.5).
 * Only the fields this host reads or writes are named.
 */

/** Version of the real host whose behaviour is followed. */
export const HOST_VERSION = '4.1048.200';

/** One value on the wire between host and library: exactly one field is filled. */
export interface TypedData {
  readonly string?: string | undefined;
  readonly json?: string | undefined;
  readonly bytes?: Uint8Array | undefined;
  /** The library passes it through as it is; the host uses that to hand over objects. */
  readonly int?: unknown;
  readonly double?: number | undefined;
  readonly http?: HttpData | undefined;
}

/** A nullable text as the library expects it. */
export interface NullableText {
  readonly value: string;
}

/** An HTTP request (host to library) or response (library to host). */
export interface HttpData {
  readonly url?: string;
  readonly method?: string;
  readonly nullableHeaders?: Readonly<Record<string, NullableText>>;
  readonly nullableQuery?: Readonly<Record<string, NullableText>>;
  readonly nullableParams?: Readonly<Record<string, NullableText>>;
  readonly body?: TypedData | null;
  readonly statusCode?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cookies?: readonly HttpCookie[];
  readonly enableContentNegotiation?: boolean;
}

/** A cookie of a response, as the library hands it over. */
export interface HttpCookie {
  readonly name: string;
  readonly value: string;
  readonly domain?: NullableText;
  readonly path?: NullableText;
  readonly expires?: { readonly value: number | string | { readonly seconds: number } };
  readonly secure?: { readonly value: boolean };
  readonly httpOnly?: { readonly value: boolean };
  readonly sameSite?: string | number;
  readonly maxAge?: { readonly value: number };
}

/** A binding as an app registers it; options depend on `type`. */
export interface Binding {
  readonly type: string;
  readonly direction: 'in' | 'out';
  readonly name?: string;
  readonly [option: string]: unknown;
}

/** A text option of a binding; '' when it is absent. */
export function textOption(binding: Binding, name: string): string {
  const value = binding[name];
  return typeof value === 'string' ? value : '';
}

/** A duration of whole seconds in a retry policy. */
interface RetryDuration {
  readonly seconds?: number;
}

/** Retry policy of a function. */
export interface RetryOptions {
  readonly maxRetryCount?: number;
  readonly retryStrategy?: number | string;
  readonly delayInterval?: RetryDuration;
  readonly minimumInterval?: RetryDuration;
  readonly maximumInterval?: RetryDuration;
}

/** What `app.*` registers for one function. */
export interface FunctionMetadata {
  readonly name: string;
  readonly functionId?: string;
  readonly bindings: Readonly<Record<string, Binding>>;
  readonly retryOptions?: RetryOptions;
}

/** State of the attempts of a function that has a retry policy. */
export interface RetryContext {
  readonly retryCount: number;
  readonly maxRetryCount: number;
  readonly exception?: { readonly message: string; readonly stackTrace: string; readonly source: string };
}

/** One invocation as the library reads it. */
export interface InvocationRequest {
  readonly invocationId: string;
  readonly functionId: string;
  readonly inputData: readonly { readonly name: string; readonly data: TypedData }[];
  readonly triggerMetadata: Readonly<Record<string, TypedData>>;
  readonly traceContext: {
    readonly traceParent: string;
    readonly traceState: string;
    readonly attributes: Readonly<Record<string, string>>;
  };
  readonly retryContext: RetryContext | null;
}

/** The library's answer to one invocation. */
export interface InvocationResponse {
  readonly returnValue?: TypedData | null | undefined;
  readonly outputData?: readonly { readonly name: string; readonly data: TypedData }[];
  /** What the function itself returned, when it was asked for. */
  readonly raw?: unknown;
}

/** The part of an invocation the library implements (functions-host-protocol.md, 1.5). */
interface InvocationModel {
  getArguments(): Promise<{ context: object; inputs: unknown[] }>;
  invokeFunction(context: object, inputs: unknown[], callback: FunctionCallback): Promise<unknown>;
  getResponse(context: object, result: unknown): Promise<InvocationResponse>;
}

/** The programming model that the library registers with its first `app.*` call. */
export interface ProgrammingModel {
  readonly name?: string;
  getCapabilities?(defaults: Record<string, string>): Promise<Record<string, string>> | Record<string, string>;
  getInvocationModel(coreContext: object): Promise<InvocationModel> | InvocationModel;
}

export type FunctionCallback = (...args: unknown[]) => unknown;

/** Levels of a log record, lowest first. */
export const LOG_LEVELS = ['trace', 'debug', 'information', 'warning', 'error', 'critical', 'none'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The value behind typed data, the way the host turns a returned value into plain JSON values (bytes become base64 text). */
export function plainValue(data: TypedData | null | undefined): unknown {
  if (data === null || data === undefined) return undefined;
  if (typeof data.string === 'string') return data.string;
  if (typeof data.json === 'string') return JSON.parse(data.json);
  if (data.bytes) return Buffer.from(data.bytes).toString('base64');
  if (data.int !== undefined) return data.int;
  return data.double;
}
