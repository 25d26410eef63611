/** The part of the host's own administration API that Core Tools and tests use (host-recordings, http-auth). */
import type { RegisteredFunction } from '../core/function-app.ts';
import { HOST_VERSION } from '../core/protocol.ts';
import type { HttpRoute } from './routes.ts';

/** What the answers are made of. */
export interface AdminState {
  readonly functions: readonly RegisteredFunction[];
  readonly routes: readonly HttpRoute[];
  readonly folder: string;
  readonly startedAt: number;
  /** True when the setting AzureWebJobsDisableHomepage is on: `/` is answered with 204. */
  readonly hidesHomePage: boolean;
  readonly hostKeys: readonly { readonly name: string; readonly value: string }[];
}

function functionDocument(fn: RegisteredFunction, state: AdminState, origin: string): object {
  const base = origin.replace(/^http:/, 'https:');
  const route = state.routes.find((item) => item.fn === fn);
  const bindings = Object.entries(fn.metadata.bindings).map(([name, binding]) => ({ ...binding, name }));
  return {
    name: fn.name,
    script_root_path_href: null,
    script_href: `${base}/admin/vfs${state.folder}/${fn.file}`,
    config_href: null,
    test_data_href: null,
    href: `${base}/admin/functions/${fn.name}`,
    invoke_url_template: route ? `${base}/${route.template.text.toLowerCase()}` : null,
    language: 'node',
    config: {
      name: fn.name,
      entryPoint: '',
      scriptFile: fn.file,
      language: 'node',
      functionDirectory: state.folder,
      bindings,
    },
    files: null,
    test_data: '',
    isDisabled: false,
    isDirect: false,
    isProxy: false,
  };
}

/** The JSON of an administration path, or undefined when this host does not have it. */
export function adminDocument(path: string, origin: string, state: AdminState): unknown {
  switch (path.replace(/\/$/, '')) {
    case '/admin/host/status':
      return {
        id: 'functions-host',
        state: 'Running',
        version: `${HOST_VERSION}.0`,
        versionDetails: HOST_VERSION,
        platformVersion: '',
        instanceId: '',
        computerName: '',
        processUptime: Date.now() - state.startedAt,
        functionAppContentEditingState: 'Unknown',
      };
    case '/admin/functions': {
      const names = [...state.functions].sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1));
      return names.map((fn) => functionDocument(fn, state, origin));
    }
    case '/admin/host/keys':
      return {
        keys: state.hostKeys.map(({ name, value }) => ({ name, value })),
        links: [{ rel: 'self', href: `${origin}/admin/host/keys` }],
      };
    default: {
      const name = /^\/admin\/functions\/([^/]+)$/i.exec(path.replace(/\/$/, ''))?.[1]?.toLowerCase();
      const fn = state.functions.find((item) => item.name.toLowerCase() === name);
      return fn && functionDocument(fn, state, origin);
    }
  }
}
