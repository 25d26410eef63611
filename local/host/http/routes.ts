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
 * (host-recordings/README.md, HTTP). A function with an unusable route is left out with an error; a route that begins with a
 * slash stops the whole host, as it does on the real one.
 */
export function buildRoutes(app: FunctionApp, prefix: string, log: Log): HttpRoute[] {
  const functions = [...app.functions.entries()].filter(([, fn]) => fn.trigger.type.toLowerCase() === 'httptrigger');
  functions.sort(([a], [b]) => (a < b ? -1 : 1));
  const routes: HttpRoute[] = [];
  for (const [, fn] of functions) {
    const given = fn.trigger['route'];
    const route = typeof given === 'string' && given !== '' ? given : fn.name;
    if (route.startsWith('/')) {
      throw new RouteFatalError(
        `The route '${route}' of function '${fn.name}' begins with a slash: the Functions host does not start with such a route. Remove the slash.`,
      );
    }
    const reason = (message: string): void =>
      log.write({
        level: 'error',
        category: 'Host.Http',
        message: `The '${fn.name}' function is in error: ${message}`,
      });
    if (prefix === '' && /^admin(\/|$)/i.test(route)) {
      reason(`The specified route conflicts with one or more built in routes.`);
      continue;
    }
    try {
      const methods = methodsOf(fn);
      const template = compileTemplate(prefix === '' ? route : `${prefix}/${route}`);
      const clash = routes.find(
        (other) =>
          other.template.text.toLowerCase() === template.text.toLowerCase() &&
          [...methods].some((method) => other.methods.has(method)),
      );
      if (clash) reason(`The route specified conflicts with the route defined by function '${clash.fn.name}'.`);
      else routes.push({ fn, methods, template });
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      reason(error.message);
    }
  }
  return routes;
}

/** Decodes a path into segments: `%2F` stays, dot segments are resolved. Undefined when the path cannot match anything. */
export function pathSegments(path: string): string[] | undefined {
  if (!path.startsWith('/')) return undefined;
  const result: string[] = [];
  for (const raw of path.slice(1).split('/')) {
    let segment = raw;
    try {
      segment = raw.split(/%2f/i).map(decodeURIComponent).join('%2F');
    } catch {
      // A broken escape stays as it was sent.
    }
    if (segment === '.') continue;
    if (segment === '..') result.pop();
    else result.push(segment);
  }
  return result;
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
