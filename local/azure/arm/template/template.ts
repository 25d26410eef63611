import { ArmError } from '../engine/errors.ts';
import { isObject, type Json, type JsonObject, list, number, object, objects, text } from '../engine/json.ts';
import { type Call, callsIn, type Expression, invalidTemplate, resolve, word } from './expression.ts';
import { PURE_FUNCTIONS } from './functions.ts';

/** What a template may ask of the Azure it is deployed to. */
export interface TemplateSurroundings {
  readonly subscription: JsonObject;
  /** `{ id, name, location, tags }` of the group. */
  readonly group: JsonObject;
  readonly tenantId: string;
  readonly deploymentName: string;
  /** ISO time, for `utcNow()` in the defaults of parameters. */
  readonly now: string;
  /** A fresh uuid, for `newGuid()` in the defaults of parameters. */
  newGuid(): string;
  /** A resource as `reference()` shows it: its properties, or all of it; undefined while it is not there. */
  reference(id: string, full: boolean): Json | undefined;
  /** Answer of a `list*` action. */
  list(action: string, id: string, version: string): Json;
}

/** One resource of a template, ready to be sent. */
export interface TemplateResource {
  readonly id: string;
  readonly version: string;
  /** Ids that must be finished before. */
  readonly dependsOn: readonly string[];
  /** The declaration, still with the expressions that look at other resources. */
  readonly declaration: JsonObject;
  readonly copyIndex: { readonly name: string; readonly index: number } | undefined;
}

/** A template with its parameters, checked. */
export interface Template {
  readonly parameters: JsonObject;
  readonly resources: readonly TemplateResource[];
  /** Body of a resource: its expressions are evaluated against what exists by now. */
  bodyOf(resource: TemplateResource): JsonObject;
  outputs(): JsonObject;
}

/** Functions that Azure has and the simulation does not. */
const NOT_MODELLED =
  /^(?:list(?!keys$)\w+|pickzones|providers|datauri|datauritostring|datetimeadd|datetimefromepoch|datetimetoepoch|deployer|environment|map|filter|reduce|sort|toobject|lambda|lambdavariables|objectkeys|managementgroup|managementgroupresourceid|cidrsubnet|cidrhost|parsecidr|items|shallowmerge|tryget|trygetwithdefault|flatten|groupby|references|uricomponenttostring|fail|joinobject|lastindexof|mapvalues|xml)$/iu;

function notModelled(what: string): ArmError {
  return new ArmError(
    501,
    'NotModelledBySimulator',
    `Azure's template language has ${what}, but the simulated Azure does not model it.`,
    { unmodelled: true },
  );
}

interface Scope {
  readonly parameters: JsonObject;
  readonly variables: JsonObject;
  readonly copy: readonly { readonly name: string; readonly index: number }[];
  /** Defaults of parameters may use `utcNow` and `newGuid`. */
  readonly defaults: boolean;
  /** Id of the template's own resource with this name or symbol. */
  ownId(name: string): string | undefined;
}

function idOf(root: string, words: readonly string[]): string {
  const [type = '', ...names] = words;
  const [provider = '', ...types] = type.split('/');
  if (types.length !== names.length)
    throw invalidTemplate(
      `Unable to evaluate template language function 'resourceId': the type '${type}' requires '${types.length}' resource name argument(s), got '${names.length}'`,
    );
  return `${root}/providers/${provider}/${types.map((item, index) => `${item}/${names[index] ?? ''}`).join('/')}`;
}

/** Arguments before the type name another subscription and group. */
function resourceId(surroundings: TemplateSurroundings, words: readonly string[]): string {
  const at = words.findIndex((word) => word.includes('/'));
  const before = words.slice(0, Math.max(0, at));
  const group = before.at(-1) ?? text(surroundings.group['name']) ?? '';
  const subscription =
    before.length > 1 ? (before[0] ?? '') : (text(surroundings.subscription['subscriptionId']) ?? '');
  return idOf(`/subscriptions/${subscription}/resourceGroups/${group}`, words.slice(Math.max(0, at)));
}

function functionsOf(surroundings: TemplateSurroundings, scope: Scope): Call {
  const named = (from: JsonObject, kind: string, name: string): Json => {
    const key = Object.keys(from).find((item) => item.toLowerCase() === name.toLowerCase());
    if (key === undefined) throw invalidTemplate(`The template ${kind} '${name}' is not found`);
    return from[key] ?? null;
  };
  const copyIndex = (values: readonly Json[]): number => {
    const [first, second] = values;
    const loop = typeof first === 'string' ? scope.copy.find(({ name }) => name === first) : scope.copy.at(-1);
    if (loop === undefined) throw invalidTemplate('copyIndex is used outside of a copy loop');
    return loop.index + (number(typeof first === 'string' ? second : first) ?? 0);
  };
  const subscriptionId = text(surroundings.subscription['subscriptionId']) ?? '';
  const environment: Readonly<Record<string, (values: readonly Json[]) => Json>> = {
    parameters: (values) => named(scope.parameters, 'parameter', word(values[0])),
    variables: (values) => named(scope.variables, 'variable', word(values[0])),
    resourcegroup: () => surroundings.group,
    subscription: () => surroundings.subscription,
    tenant: () => ({ tenantId: surroundings.tenantId }),
    deployment: () => ({ name: surroundings.deploymentName, properties: {} }),
    resourceid: (values) => resourceId(surroundings, values.map(word)),
    subscriptionresourceid: (values) => idOf(`/subscriptions/${subscriptionId}`, values.map(word)),
    tenantresourceid: (values) => idOf('', values.map(word)),
    extensionresourceid: (values) => idOf(word(values[0]), values.slice(1).map(word)),
    copyindex: copyIndex,
    listkeys: (values) => surroundings.list('listKeys', word(values[0]), word(values[1])),
    reference(values) {
      const id = word(values[0]);
      const full = word(values[2] ?? '').toLowerCase() === 'full';
      const relative = (): string => scope.ownId(id) ?? `${text(surroundings.group['id']) ?? ''}/providers/${id}`;
      const found = surroundings.reference(id.startsWith('/') ? id : relative(), full);
      if (found !== undefined) return found;
      throw new ArmError(404, 'ResourceNotFound', `The Resource '${id}' that reference() names was not found.`, {
        cause: 'gateway',
      });
    },
  };
  const special = (name: string, args: readonly Expression[], run: (item: Expression) => Json): Json | undefined => {
    const lazy = (index: number): Json => {
      const item = args[index];
      if (item === undefined) throw invalidTemplate(`the function '${name}' lacks an argument`);
      return run(item);
    };
    if (name === 'if') return lazy(0) === true ? lazy(1) : lazy(2);
    if (name === 'and') return args.every((item) => run(item) === true);
    if (name === 'or') return args.some((item) => run(item) === true);
    if (name === 'utcnow' && scope.defaults && args.length === 0)
      return surroundings.now.replaceAll(/[-:]|\.\d+/gu, '');
    if (name === 'newguid' && scope.defaults) return surroundings.newGuid();
    return undefined;
  };
  return (name, args, run) => {
    const lower = name.toLowerCase();
    const result = special(lower, args, run);
    if (result !== undefined) return result;
    if (Object.hasOwn(environment, lower)) return environment[lower]?.(args.map(run)) ?? null;
    if (Object.hasOwn(PURE_FUNCTIONS, lower)) return PURE_FUNCTIONS[lower]?.(...args.map(run)) ?? null;
    if (lower === 'utcnow' || lower === 'newguid') {
      if (scope.defaults) throw notModelled(`the function '${name}' with a format`);
      throw invalidTemplate(`The function '${name}' is only allowed in the default value of a parameter`);
    }
    if (NOT_MODELLED.test(lower)) throw notModelled(`the function '${name}'`);
    throw invalidTemplate(`The template function '${name}' is not valid`);
  };
}

/** Members of a declaration that are the engine's own and not part of the resource. */
const OF_THE_ENGINE = new Set(
  'apiVersion type name dependsOn condition copy comments metadata resources scope existing'.split(' '),
);

const TYPES: Readonly<Record<string, (value: Json) => boolean>> = {
  string: (value) => typeof value === 'string',
  securestring: (value) => typeof value === 'string',
  int: (value) => Number.isInteger(value),
  bool: (value) => typeof value === 'boolean',
  array: (value) => Array.isArray(value),
  object: isObject,
  secureobject: isObject,
};

function parametersOf(template: JsonObject, sent: JsonObject, surroundings: TemplateSurroundings): JsonObject {
  const declared = object(template['parameters']);
  const surplus = Object.keys(sent).find((name) => !Object.keys(declared).some((own) => same(own, name)));
  if (surplus !== undefined)
    throw invalidTemplate(
      `The template parameters '${surplus}' in the parameters file are not valid; they are not present in the original template and can therefore not be provided at deployment time`,
    );
  const values: Record<string, Json> = {};
  for (const [name, raw] of Object.entries(declared)) {
    const declaration = object(raw);
    const given = object(Object.entries(sent).find(([own]) => same(own, name))?.[1]);
    if (given['reference'] !== undefined) throw notModelled('parameters that refer to a Key Vault secret');
    const call = functionsOf(surroundings, {
      parameters: values,
      variables: {},
      copy: [],
      defaults: true,
      ownId: () => undefined,
    });
    const value =
      given['value'] ??
      (declaration['defaultValue'] === undefined ? undefined : resolve(declaration['defaultValue'], call));
    if (value === undefined) {
      throw invalidTemplate(
        `The value for the template parameter '${name}' is not provided. Please see https://aka.ms/arm-create-parameter-file for usage details`,
      );
    }
    const type = text(declaration['type'])?.toLowerCase() ?? '';
    if (TYPES[type]?.(value) !== true)
      throw invalidTemplate(
        `The provided value for the template parameter '${name}' is not valid. Expected a value of type '${type}'`,
      );
    const allowed = list(declaration['allowedValues']);
    if (allowed.length > 0 && !allowed.some((item) => JSON.stringify(item) === JSON.stringify(value)))
      throw invalidTemplate(
        `The provided value for the template parameter '${name}' is not part of the allowed values '${allowed.map((item) => JSON.stringify(item)).join(',')}'`,
      );
    values[name] = value;
  }
  return values;
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** Expands the `copy` loops inside an object (properties and variables), and evaluates it. */
function withLoops(value: Json | undefined, call: Call, inLoop: (index: number, name: string) => Call): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map((item) => withLoops(item, call, inLoop));
  if (!isObject(value)) return resolve(value, call);
  const { copy, ...rest } = value;
  const result: Record<string, Json> = {};
  for (const [name, item] of Object.entries(rest)) result[word(resolve(name, call))] = withLoops(item, call, inLoop);
  if (copy === undefined) return result;
  for (const loop of objects(copy)) {
    const name = text(loop['name']) ?? '';
    const count = number(resolve(loop['count'], call)) ?? 0;
    result[name] = Array.from({ length: count }, (_, index) => resolve(loop['input'], inLoop(index, name)));
  }
  return result;
}

function declarationsOf(
  template: JsonObject,
): readonly { readonly symbol: string; readonly declaration: JsonObject }[] {
  const resources = template['resources'];
  if (isObject(resources))
    return Object.entries(resources).map(([symbol, value]) => ({ symbol, declaration: object(value) }));
  if (!Array.isArray(resources)) throw invalidTemplate("Required property 'resources' not found in JSON");
  return objects(resources).map((declaration) => ({ symbol: '', declaration }));
}

/**
 * Reads a template of the schema `deploymentTemplate` for a resource group: parameters, variables, conditions, copy loops,
 * explicit and implicit dependencies, outputs. Throws 400 InvalidTemplate, and 501 for what Azure has and the simulation
 * does not (linked templates, user functions, lambdas).
 */
export function readTemplate(template: JsonObject, sent: JsonObject, surroundings: TemplateSurroundings): Template {
  for (const name of ['$schema', 'contentVersion'])
    if (text(template[name]) === undefined) throw invalidTemplate(`Required property '${name}' not found in JSON`);
  if (list(template['functions']).length > 0) throw notModelled('user-defined functions');
  const parameters = parametersOf(template, sent, surroundings);
  const variables: Record<string, Json> = {};
  const loops: { readonly name: string; readonly index: number }[] = [];
  let own: readonly Unlinked[] = [];
  const ownId = (name: string): string | undefined =>
    own.find(({ id, symbol }) => same(symbol, name) || same(id.split('/').at(-1) ?? '', name))?.id;
  const callIn = (copy: Scope['copy']): Call =>
    functionsOf(surroundings, { parameters, variables, copy, defaults: false, ownId });
  const { copy: variableLoops, ...plain } = object(template['variables']);
  const inLoop = (base: Scope['copy']) => (index: number, name: string) => callIn([...base, { name, index }]);
  // Variables may use each other in any order: each is evaluated when its turn comes, those that fail again later.
  settleVariables(plain, variables, (value) => withLoops(value, callIn(loops), inLoop([])));
  Object.assign(variables, object(withLoops({ copy: variableLoops }, callIn([]), inLoop([]))));
  own = declarationsOf(template).flatMap((item) => expand(item, callIn, surroundings, ''));
  return {
    parameters,
    resources: linked(own, callIn, surroundings),
    bodyOf(resource) {
      const copy = resource.copyIndex === undefined ? [] : [resource.copyIndex];
      const members = Object.fromEntries(
        Object.entries(resource.declaration).filter(([name]) => !OF_THE_ENGINE.has(name)),
      );
      const inner = text(resource.declaration['type'])?.toLowerCase() === 'microsoft.resources/deployments';
      const isInner =
        inner &&
        text(object(object(members['properties'])['expressionEvaluationOptions'])['scope'])?.toLowerCase() === 'inner';
      if (!isInner) return object(withLoops(members, callIn(copy), inLoop(copy)));
      const { template: nested, ...properties } = object(members['properties']);
      return {
        ...object(withLoops({ ...members, properties }, callIn(copy), inLoop(copy))),
        properties: { ...object(resolve(properties, callIn(copy))), template: nested },
      };
    },
    outputs() {
      const entries = Object.entries(object(template['outputs'])).flatMap(([name, raw]) => {
        const declaration = object(raw);
        if (declaration['copy'] !== undefined) throw notModelled('copy loops in outputs');
        if (declaration['condition'] !== undefined && resolve(declaration['condition'], callIn([])) !== true) return [];
        const type = text(declaration['type']) ?? 'String';
        if (/^secure/iu.test(type)) return [[name, { type }] as const];
        return [[name, { type, value: resolve(declaration['value'], callIn([])) }] as const];
      });
      return Object.fromEntries(entries);
    },
  };
}

function settleVariables(plain: JsonObject, into: Record<string, Json>, read: (value: Json | undefined) => Json): void {
  let open = Object.entries(plain);
  let problem: unknown;
  while (open.length > 0) {
    const left: typeof open = [];
    for (const entry of open) {
      try {
        into[entry[0]] = read(entry[1]);
      } catch (error) {
        problem = error;
        left.push(entry);
      }
    }
    if (left.length === open.length) throw problem;
    open = left;
  }
}

interface Unlinked extends TemplateResource {
  readonly symbol: string;
  readonly loop: string;
}

function expand(
  { symbol, declaration }: { readonly symbol: string; readonly declaration: JsonObject },
  callIn: (copy: Scope['copy']) => Call,
  surroundings: TemplateSurroundings,
  parent: string,
): Unlinked[] {
  if (declaration['existing'] === true) return [];
  const loop = object(declaration['copy']);
  const isLoop = declaration['copy'] !== undefined;
  const count = isLoop ? (number(resolve(loop['count'], callIn([]))) ?? 0) : 1;
  const name = text(loop['name']) ?? '';
  return Array.from({ length: count }, (_, index) => index).flatMap((index) => {
    const copyIndex = isLoop ? { name, index } : undefined;
    const call = callIn(copyIndex === undefined ? [] : [copyIndex]);
    if (declaration['condition'] !== undefined && resolve(declaration['condition'], call) !== true) return [];
    const id = idOfDeclaration(declaration, call, surroundings, parent);
    const version = text(resolve(declaration['apiVersion'], call)) ?? '';
    if (version === '') throw invalidTemplate(`The template resource '${id}' has no apiVersion`);
    const own: Unlinked = { id, version, dependsOn: [], declaration, copyIndex, symbol, loop: name };
    const children = objects(declaration['resources']).flatMap((child) =>
      expand(
        { symbol: '', declaration: { ...child, dependsOn: [...list(child['dependsOn']), id] } },
        callIn,
        surroundings,
        id,
      ),
    );
    return [own, ...children];
  });
}

function idOfDeclaration(
  declaration: JsonObject,
  call: Call,
  surroundings: TemplateSurroundings,
  parent: string,
): string {
  const type = text(resolve(declaration['type'], call)) ?? '';
  const name = text(resolve(declaration['name'], call)) ?? '';
  if (type === '' || name === '') throw invalidTemplate("A template resource needs 'type' and 'name'");
  if (parent !== '' && !type.includes('.')) return `${parent}/${type}/${name}`;
  const names = name.split('/');
  const types = type.split('/').slice(1);
  // `vm1/Microsoft.Authorization/x`: an extension resource in the old form.
  if (types.length !== names.length && /\/providers\//iu.test(type)) {
    const [head = '', ...tail] = type.split('/providers/');
    const own = head.split('/').length - 1;
    const base = idOf(text(surroundings.group['id']) ?? '', [head, ...names.slice(0, own)]);
    return idOf(base, [`${names[own] ?? ''}/${tail.join('/')}`, ...names.slice(own + 1)]);
  }
  const scope = text(resolve(declaration['scope'], call));
  const group = text(surroundings.group['id']) ?? '';
  const root = scope === undefined ? group : scope.startsWith('/') ? scope : `${group}/providers/${scope}`;
  if (types.length !== names.length)
    throw invalidTemplate(
      `The template resource '${name}' of type '${type}' has incorrect segment lengths. A nested resource type must have identical number of segments as its resource name`,
    );
  return idOf(root, [type, ...names]);
}

/** Replaces what dependsOn names (ids, types with names, bare names, symbols, loops) by ids, and adds implicit dependencies. */
function linked(
  resources: readonly Unlinked[],
  callIn: (copy: Scope['copy']) => Call,
  surroundings: TemplateSurroundings,
): readonly TemplateResource[] {
  const group = text(surroundings.group['id']) ?? '';
  const find = (given: string, strict: boolean): readonly string[] => {
    const wanted = (given.startsWith('/') ? given : `${group}/providers/${given}`).toLowerCase();
    const hits = resources.filter(
      ({ id, symbol, loop }) =>
        same(id, wanted) ||
        (symbol !== '' && same(symbol, given)) ||
        (loop !== '' && same(loop, given)) ||
        (strict && same(id.split('/').at(-1) ?? '', given)),
    );
    return hits.map(({ id }) => id);
  };
  const result = resources.map((resource) => {
    const call = callIn(resource.copyIndex === undefined ? [] : [resource.copyIndex]);
    const explicit = list(resource.declaration['dependsOn']).flatMap((item) => find(word(resolve(item, call)), true));
    const implicit = callsIn(resource.declaration['properties']).flatMap((item) => {
      const [first] = item.kind === 'call' && /^(?:reference|listkeys)$/iu.test(item.name) ? item.arguments : [];
      if (first === undefined) return [];
      return first.kind === 'literal' ? find(word(first.value), true) : find(word(evaluateId(first, call)), false);
    });
    const dependsOn = [...new Set([...explicit, ...implicit])].filter((id) => id !== resource.id);
    return { ...resource, dependsOn };
  });
  checkCycles(result);
  const ids = result.map(({ id }) => id.toLowerCase());
  const twice = ids.find((id, index) => ids.indexOf(id) !== index);
  if (twice !== undefined) throw invalidTemplate(`The resource '${twice}' is defined multiple times in a template`);
  return result;
}

function evaluateId(expression: Expression, call: Call): Json {
  const run = (item: Expression): Json =>
    item.kind === 'literal' ? item.value : item.kind === 'call' ? call(item.name, item.arguments, run) : '';
  return run(expression);
}

function checkCycles(resources: readonly TemplateResource[]): void {
  const done = new Set<string>();
  let open = resources;
  while (open.length > 0) {
    const next = open.filter(({ dependsOn }) => !dependsOn.every((id) => done.has(id)));
    if (next.length === open.length)
      throw invalidTemplate(`Circular dependency detected on resource: '${next[0]?.id ?? ''}'`);
    for (const { id } of open.filter((resource) => !next.includes(resource))) done.add(id);
    open = next;
  }
}
