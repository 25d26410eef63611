import { describe, expect, it, vi } from 'vitest';

/** What the app registers, collected instead of handed to a host. */
interface Registered {
  readonly name: string;
  readonly trigger: string;
  readonly options: { readonly route?: string; readonly methods?: readonly string[]; readonly authLevel?: string };
}

const { registered } = vi.hoisted(() => ({ registered: [] as Registered[] }));

vi.mock('@azure/functions', async (original) => {
  const real = await original<object>();
  const collect = (trigger: string) => (name: string, options: Registered['options']) =>
    registered.push({ name, trigger, options });
  return {
    ...real,
    app: {
      http: collect('http'),
      storageQueue: collect('queue'),
      timer: collect('timer'),
      hook: { appStart: () => undefined },
    },
  };
});
vi.mock('durable-functions', async (original) => {
  const real = await original<object>();
  const collect = (trigger: string) => (name: string, options: object) =>
    registered.push({ name, trigger, options: typeof options === 'function' ? {} : options });
  return {
    ...real,
    app: { orchestration: collect('orchestration'), activity: collect('activity') },
    input: { durableClient: () => ({}) },
  };
});

await import('#functions/main.ts');
const http = registered.filter((entry) => entry.trigger === 'http');

describe('the functions of the app', () => {
  it('are these, and no other', () => {
    expect(
      registered
        .filter((entry) => !['activity', 'orchestration'].includes(entry.trigger))
        .map((entry) => entry.name)
        .toSorted(),
    ).toEqual([
      'checkClusters',
      'clusterAction',
      'clusterApply',
      'clusterBundle',
      'clusterDelete',
      'clusterEvents',
      'clusterGet',
      'clusterKubeconfig',
      'clusterList',
      'clusterPlan',
      'clusterRequests',
      'dashboard',
      'gatewayApply',
      'gatewayDelete',
      'gatewayGet',
      'gatewayList',
      'health',
      'openapi',
      'operationCancel',
      'operationGet',
      'requestGet',
      'storageList',
      'sweepOperations',
      'versionsGet',
    ]);
  });

  it('need a function key, but for health and the static dashboard', () => {
    const open = http
      .filter((entry) => entry.options.authLevel !== 'function')
      .map((entry) => [entry.name, entry.options.authLevel]);
    expect(open).toEqual([
      ['dashboard', 'anonymous'],
      ['health', 'anonymous'],
    ]);
  });

  it('are all described by the OpenAPI document, and nothing else is', async () => {
    const { operations, openApiDocument } = await import('#functions/openapi-document.ts');
    const registeredRoutes = http
      .filter((entry) => entry.options.route?.startsWith('api/'))
      .flatMap(({ options }) => (options.methods ?? []).map((method) => `${method} /${options.route ?? ''}`));
    expect(operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`).toSorted()).toEqual(
      registeredRoutes.toSorted(),
    );
    for (const { path, method, open } of operations) {
      const entry = http.find(
        ({ options }) => `/${options.route ?? ''}` === path && options.methods?.includes(method.toUpperCase()),
      );
      expect([path, entry?.options.authLevel]).toEqual([path, open === true ? 'anonymous' : 'function']);
    }
    expect(openApiDocument()).toMatchObject({ openapi: '3.1.0' });
  });

  it('have routes that every host takes: no leading slash, methods named', () => {
    for (const { name, options } of http) {
      expect(options.route, name).toMatch(/^(api|dashboard)\//);
      expect(options.methods?.length, name).toBeGreaterThan(0);
    }
  });

  it('do not hide each other, although routes are tried in the order of names', () => {
    const shape = (route = '') => route.replaceAll(/\{[^*}]+\}/g, '{}');
    const seen = new Set<string>();
    for (const { options } of http) {
      for (const method of options.methods ?? []) {
        const key = `${method} ${shape(options.route)}`;
        expect(seen, key).not.toContain(key);
        seen.add(key);
      }
    }
    // A literal segment beside a parameter at the same place would be hidden or hide.
    const routes = [...seen].map((key) => key.split(' ')[1]?.split('/') ?? []);
    for (const left of routes) {
      for (const right of routes) {
        if (left === right || left.length !== right.length) continue;
        const differing = left.filter((part, index) => part !== right[index]);
        expect(differing.length === 1 && differing[0] === '{}', `${left.join('/')} and ${right.join('/')}`).toBe(false);
      }
    }
  });
});
