/** Texts of failures, as the Durable extension writes them (durable-recordings, 14b, 14c, 15). */
import type { ActivityOutcome } from './contracts.ts';
import { HTTP_ACTIVITY, type FailureDetails, type OrchestratorState } from './events.ts';

const HRESULT = -2146233088;

function exceptionJson(message: string, stack: string): string {
  return JSON.stringify({
    $type: 'System.Exception, System.Private.CoreLib',
    ClassName: 'System.Exception',
    Message: message,
    Data: null,
    InnerException: {
      $type: 'Microsoft.Azure.WebJobs.Script.Workers.Rpc.RpcException, Microsoft.Azure.WebJobs.Script',
      IsUserException: false,
      RemoteStackTrace: stack,
      RemoteMessage: message,
      RemoteTypeName: null,
      Message: `Result: Failure\nType: \nException: ${message}\nStack: ${stack}`,
      Data: { $type: 'System.Collections.ListDictionaryInternal, System.Private.CoreLib' },
      InnerException: null,
      HelpLink: null,
      Source: 'FunctionsHost',
      HResult: HRESULT,
      StackTrace: null,
    },
    HelpURL: null,
    StackTraceString: null,
    RemoteStackTraceString: null,
    RemoteStackIndex: 0,
    ExceptionMethod: null,
    HResult: HRESULT,
    Source: null,
    WatsonBuckets: null,
  });
}

/** Result of an activity as the message that goes to its orchestration. */
export function activityResultEvent(name: string, task: number, outcome: ActivityOutcome): object {
  if (outcome.ok) return { EventType: 5, TaskScheduledId: task, Result: outcome.resultJson };
  if (outcome.failure) {
    const Reason = `Activity function '${name}' failed with an unhandled exception.`;
    return { EventType: 6, TaskScheduledId: task, Reason, Details: null, FailureDetails: outcome.failure };
  }
  return {
    EventType: 6,
    TaskScheduledId: task,
    // The activity behind callHttp is the extension's own and fails without this prefix (durable-recordings, 20).
    Reason: name === HTTP_ACTIVITY ? outcome.message : `Activity function '${name}' failed: ${outcome.message}`,
    Details: exceptionJson(outcome.message, outcome.stack),
    FailureDetails: null,
  };
}

/**
 * With an exception-properties provider the SDK throws a JSON text instead of a plain message; this turns it into failure
 * details, or undefined when the text is something else.
 */
export function parseFailure(message: string): FailureDetails | undefined {
  if (!message.startsWith('{"errorType"')) return undefined;
  let parsed: {
    errorType?: unknown;
    errorMessage?: unknown;
    stackTrace?: unknown;
    isNonRetriable?: unknown;
    properties?: unknown;
  };
  try {
    parsed = JSON.parse(message);
  } catch {
    return undefined;
  }
  if (typeof parsed.errorType !== 'string' || typeof parsed.errorMessage !== 'string') return undefined;
  return {
    ErrorType: parsed.errorType,
    ErrorMessage: parsed.errorMessage,
    StackTrace: typeof parsed.stackTrace === 'string' ? parsed.stackTrace : null,
    InnerFailure: null,
    IsNonRetriable: parsed.isNonRetriable === true,
    Properties: (parsed.properties as Record<string, unknown> | undefined) ?? null,
  };
}

/** How a failed orchestration shows: `output` in the status, `result` in the history, `details` to the parent. */
export interface OrchestrationFailure {
  readonly output: string;
  readonly result: string | null;
  readonly details: string | null;
  /** Structured form in the history. */
  readonly failureDetails?: FailureDetails;
  /** The parent gets the structured form, too. */
  readonly structuredForParent?: boolean;
}

/** Failure of an orchestrator that threw. `reply` is the thrown text, shown when the error was not an Error. */
export function orchestrationFailure(name: string, state: OrchestratorState, reply: string): OrchestrationFailure {
  const prefix = `Orchestrator function '${name}' failed: `;
  // An empty message counts as none.
  const error =
    state.error !== undefined && state.error !== ''
      ? state.error
      : `One or more errors occurred. (Result: Failure\nType: \nException: ${reply}\nStack: )`;
  const result = prefix + error;
  const details = `Message: ${error}, StackTrace: `;
  const failure = state.failureDetails;
  if (!failure) return { output: result, result, details };
  return { output: `${failure.ErrorType}: ${failure.ErrorMessage}`, result, details, failureDetails: whole(failure) };
}

/** The SDK leaves out what is not set; in the history every member is there. */
function whole(failure: Partial<FailureDetails>): FailureDetails {
  return {
    ErrorType: failure.ErrorType ?? '',
    ErrorMessage: failure.ErrorMessage ?? '',
    StackTrace: failure.StackTrace ?? null,
    InnerFailure: failure.InnerFailure ?? null,
    IsNonRetriable: failure.IsNonRetriable ?? false,
    Properties: failure.Properties ?? null,
  };
}

/** Failure for a reason that lies in the host, with the usual prefix. */
export function hostFailure(name: string, error: string): OrchestrationFailure {
  const result = `Orchestrator function '${name}' failed: ${error}`;
  return { output: result, result, details: `Message: ${error}, StackTrace: ` };
}

/** History and code do not fit together: a failure without the prefix, which a parent can read all the same. */
export function nonDeterminismFailure(text: string): OrchestrationFailure {
  const details = `Unhandled exception while executing orchestration: DurableTask.Core.Exceptions.NonDeterministicOrchestrationException: ${text}\n\t`;
  return { output: text, result: text, details };
}

/** Failure of an instance whose version this host does not accept (durable-recordings, 17b). */
export function versionMismatch(): OrchestrationFailure {
  const ErrorMessage = 'Orchestration version did not comply with Worker Versioning';
  const failureDetails = {
    ErrorType: 'VersionMismatch',
    ErrorMessage,
    StackTrace: null,
    InnerFailure: null,
    IsNonRetriable: true,
    Properties: null,
  };
  return {
    output: `VersionMismatch: ${ErrorMessage}`,
    result: null,
    details: null,
    failureDetails,
    structuredForParent: true,
  };
}

/** Text about a name that is not registered. */
export function unknownFunction(
  kind: 'orchestrator' | 'entity' | 'activity',
  name: string,
  known: readonly string[],
): string {
  const list = known.map((item) => `'${item}'`).join(', ');
  return `The function '${name}' doesn't exist, is disabled, or is not an ${kind} function. Additional info: The following are the known ${kind} functions: ${list}.`;
}

/** The size error of a custom status above 16 KB in UTF-16, or undefined (durable-recordings, 12). */
export function customStatusError(json: string | null): string | undefined {
  const kilobytes = Math.floor(((json?.length ?? 0) * 2) / 1024);
  if (kilobytes <= 16) return undefined;
  return `The UTF-16 size of the JSON-serialized payload must not exceed 16 KB. The current payload size is ${kilobytes.toLocaleString('en-US')} KB.`;
}
