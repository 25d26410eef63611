/** Settings `AzureFunctionsJobHost__a__b` that take the place of `a.b` in host.json. */
const PREFIX = /^AzureFunctionsJobHost(?:__|:)/i;
/** Settings that are texts even where they look like a number. */
const TEXTS = new Set(['version', 'routeprefix', 'hubname', 'defaultversion']);

type Tree = Record<string, unknown>;

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function typed(name: string, text: string): unknown {
  if (TEXTS.has(name.toLowerCase())) return text;
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return /^-?\d+$/.test(text) ? Number(text) : text;
}

function put(tree: Tree, path: readonly string[], text: string): Tree {
  const [given = '', ...rest] = path;
  const name = Object.keys(tree).find((known) => known.toLowerCase() === given.toLowerCase()) ?? given;
  const child = tree[name];
  return { ...tree, [name]: rest.length === 0 ? typed(name, text) : put(isTree(child) ? child : {}, rest, text) };
}

/** The content of a host.json with the settings of the environment put over it. */
export function withOverrides(content: unknown, environment: NodeJS.ProcessEnv): unknown {
  let result = content;
  for (const [name, text] of Object.entries(environment)) {
    if (!PREFIX.test(name) || text === undefined || !isTree(result)) continue;
    result = put(result, name.replace(PREFIX, '').split(/__|:/), text);
  }
  return result;
}
