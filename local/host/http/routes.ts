import type { FunctionApp, RegisteredFunction } from '../core/function-app.ts';
import type { Log } from '../core/log.ts';
import { compileTemplate, TemplateError, type RouteTemplate } from './template.ts';

/** One HTTP function with its route. */
export interface HttpRoute {
  readonly fn: RegisteredFunction;
  readonly methods: ReadonlySet<string>;
  readonly template: RouteTemplate;
}

/** The host cannot start at all because of a route. */
export class RouteFatalError extends Error {
  override readonly name = 'RouteFatalError';
}

function methodsOf(fn: RegisteredFunction): ReadonlySet<string> {
  const methods = fn.trigger['methods'];
  return new Set(Array.isArray(methods) ? methods.map((method) => String(method).toUpperCase()) : ['GET', 'POST']);
}

/**
 * The routes of an app in the order in which they are tried: by function name, ignoring case; the first match wins
 * (host-recordings/README.md, HTTP). A function whose route is taken is left out with an error. Throws RouteFatalError for a
 * template that ASP.NET Core cannot read: the real host does not run with one.
 */
export function buildRoutes(app: FunctionApp, prefix: string, log: Log): HttpRoute[] {
  const functions = [...app.functions.entries()].filter(([, fn]) => fn.trigger.type.toLowerCase() === 'httptrigger');
  functions.sort(([a], [b]) => (a < b ? -1 : 1));
  const routes: HttpRoute[] = [];
  const taken: { readonly name: string; readonly route: string; readonly methods: ReadonlySet<string> }[] = [];
  for (const [, fn] of functions) {
    const given = fn.trigger['route'];
    const route = typeof given === 'string' && given.trim() !== '' ? given : fn.name;
    const plain = route.replace(/^\/+|\/+$/g, '').toLowerCase();
    const methods = methodsOf(fn);
    const clash = taken.find(
      (other) => other.route === plain && [...methods].some((method) => other.methods.has(method)),
    );
    // Whatever the prefix: the real host looks at the beginning of the route itself, so `administrators` is taken, too.
    const problem = plain.startsWith('admin')
      ? 'The specified route conflicts with one or more built in routes.'
      : clash && `The route specified conflicts with the route defined by function '${clash.name}'.`;
    if (problem !== undefined) {
      log.write({
        level: 'error',
        category: 'Host.Http',
        message: `The '${fn.name}' function is in error: ${problem} (route '${route}')`,
      });
      continue;
    }
    taken.push({ name: fn.name, route: plain, methods });
    routes.push({ fn, methods, template: compile(fn.name, route, prefix) });
  }
  return routes;
}

function compile(name: string, route: string, prefix: string): RouteTemplate {
  const text = prefix === '' ? route : `${prefix}/${route}`;
  try {
    return compileTemplate(text);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new RouteFatalError(
      `The route of function '${name}' cannot be used: ${error.message} (template '${text}'). Mend the route.`,
      { cause: error },
    );
  }
}

/** The first route for a method and path, with its parameters. */
export function matchRoute(
  routes: readonly HttpRoute[],
  method: string,
  segments: readonly string[],
): { route: HttpRoute; params: Record<string, string> } | undefined {
  for (const route of routes) {
    if (!route.methods.has(method)) continue;
    const params = route.template.match(segments);
    if (params) return { route, params };
  }
  return undefined;
}
