import { HostConfigError } from './config/host-json.ts';
import type { FunctionApp } from './core/function-app.ts';
import type { Log } from './core/log.ts';
import type { HttpRoute } from './http/routes.ts';

/** One line of the function list. */
export interface FunctionDescription {
  readonly name: string;
  readonly trigger: string;
  /** Methods and URL of an HTTP function, queue name, schedule; empty for others. */
  readonly detail: string;
}

const SUPPORTED = new Set([
  'httptrigger',
  'queuetrigger',
  'timertrigger',
  'orchestrationtrigger',
  'activitytrigger',
  'entitytrigger',
  // Accepted and never called: there is nothing to warm up on one machine.
  'warmuptrigger',
]);
const SUPPORTED_INPUTS = new Set(['durableclient', 'orchestrationclient']);
const SUPPORTED_OUTPUTS = new Set(['http', 'queue']);

/** Throws HostConfigError naming every function with a trigger or binding that this host does not have. */
export function checkTriggers(app: FunctionApp): void {
  const problems: string[] = [];
  for (const fn of app.functions.values()) {
    for (const [name, binding] of Object.entries(fn.metadata.bindings)) {
      const type = binding.type.toLowerCase();
      const supported =
        name === fn.triggerName ? SUPPORTED : binding.direction === 'in' ? SUPPORTED_INPUTS : SUPPORTED_OUTPUTS;
      if (!supported.has(type))
        problems.push(`function '${fn.name}': binding '${name}' of type '${binding.type}' (${binding.direction})`);
    }
  }
  if (problems.length === 0) return;
  const known =
    'HTTP, queue, timer, orchestration, activity and entity triggers, durable client inputs, HTTP and queue outputs';
  throw new HostConfigError(
    `This app uses bindings that this host does not have (it has ${known}):\n  ${problems.join('\n  ')}`,
  );
}

/** The functions of an app by name, the way `func start` lists them. */
export function describeFunctions(app: FunctionApp, routes: readonly HttpRoute[], port: number): FunctionDescription[] {
  const list = [...app.functions.values()].map((fn): FunctionDescription => {
    const route = routes.find((item) => item.fn === fn);
    const { trigger } = fn;
    const text = (name: string): string => (typeof trigger[name] === 'string' ? trigger[name] : '');
    const url = route ? `[${[...route.methods].join(',')}] http://127.0.0.1:${port}/${route.template.text}` : '';
    return { name: fn.name, trigger: trigger.type, detail: url || text('queueName') || text('schedule') };
  });
  return list.sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
}

/** Names that the real host accepts (host-recordings, load-errors). */
const FUNCTION_NAME = /^[a-z][a-z0-9_-]{0,127}$/i;

/**
 * Takes out the functions that do not run: those with an impossible name, those that a setting `AzureWebJobs.<name>.Disabled`
 * switches off, and those that `functions` in host.json does not list (host-recordings, load-errors).
 */
export function leaveOut(
  app: FunctionApp,
  only: readonly string[] | undefined,
  settings: NodeJS.ProcessEnv,
  log: Log,
): void {
  for (const [key, fn] of app.functions) {
    const disabled = settings[`AzureWebJobs.${fn.name}.Disabled`] ?? settings[`AzureWebJobs_${fn.name}_Disabled`] ?? '';
    const isValid = FUNCTION_NAME.test(fn.name) && key !== 'host';
    const isListed = only?.includes(key) !== false;
    if (isValid && isListed && !/^(1|true)$/i.test(disabled)) continue;
    app.functions.delete(key);
    const message = !isValid
      ? `The '${fn.name}' function is in error: '${fn.name}' is not a valid function name.`
      : `Function '${fn.name}' is disabled ${isListed ? 'by a setting' : "because 'functions' in host.json does not list it"}.`;
    log.write({ level: isValid ? 'warning' : 'error', category: 'Host', message });
  }
}
