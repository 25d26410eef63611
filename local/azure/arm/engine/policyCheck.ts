import type { Policy } from './governance.ts';
import { isObject } from './json.ts';
import type { World } from './model.ts';
import { addressOf, operationsAt } from './routes.ts';
import { surface } from './surface.ts';

/** Fields of a resource that a policy can name besides its properties. */
const FIELDS = new Set([
  'location',
  'kind',
  'tags',
  'zones',
  'sku',
  'identity',
  'plan',
  'managedBy',
  'extendedLocation',
]);

/** Shape of the body of a PUT of the type, undefined when the contract has none. */
function shapeOf(type: string): string | undefined {
  const [provider = '', ...types] = type.split('/');
  const path = types.map((part) => `${part}/n`).join('/');
  const address = addressOf(`/subscriptions/s/resourceGroups/g/providers/${provider}/${path}`);
  return operationsAt(address).find(({ method }) => method === 'PUT')?.body;
}

/** Why a property cannot be evaluated, undefined when it can. */
function troubleWithProperty(type: string, property: string): string | undefined {
  if (property.includes('[')) return 'aliases of list elements ([*]) are not evaluated';
  const [first = '', ...rest] = property.split('.');
  let name = shapeOf(type);
  if (first !== 'properties') {
    return FIELDS.has(first) ? undefined : `a policy sees properties.*, ${[...FIELDS].join(', ')}; not '${first}'`;
  }
  for (const part of [first, ...rest]) {
    const shape = name === undefined || name === '' ? undefined : surface.shapes[name];
    if (shape === undefined || '*' in shape) return undefined;
    if ('[]' in shape) return `'${part}' lies in a list, and list elements are not evaluated`;
    if (!(part in shape)) return `${type} has no property '${property}' ('${part}' is unknown)`;
    name = shape[part];
  }
  return undefined;
}

/**
 * Refuses a policy that would never be evaluated as it says, instead of letting it stand without effect.
 *
 * @throws Error with what is wrong
 */
export function checkPolicy(world: World, policy: Policy): void {
  const { name, effect, type, property, equals, set, scope } = policy;
  const refuse = (why: string): never => {
    throw new Error(`The policy '${name}' cannot be evaluated by the simulated Azure: ${why}.`);
  };
  const [parent, collection] = [type.slice(0, type.lastIndexOf('/')), type.split('/').at(-1)?.toLowerCase()];
  const isChild = world.kinds
    .get(parent.toLowerCase())
    ?.collections?.some(({ property: own }) => own.toLowerCase() === collection);
  if (!world.kinds.has(type.toLowerCase()) && isChild !== true) refuse(`the type '${type}' is not modelled`);
  if (scope !== '' && !/^\/subscriptions\/[^/]+(?:\/resourceGroups\/[^/]+(?:\/providers\/.+)?)?$/iu.test(scope))
    refuse(`the scope '${scope}' is neither a subscription, a resource group nor a resource`);
  if (effect === 'modify' && (property === undefined || set === undefined))
    refuse('the effect modify needs property and set');
  if (effect === 'deny' && set !== undefined) refuse('the effect deny sets nothing');
  if (Array.isArray(equals) || (equals !== null && isObject(equals)))
    refuse('equals takes a plain value, or null for absent');
  if (property === undefined) {
    if (equals !== undefined) refuse('equals needs a property');
    return;
  }
  const trouble = troubleWithProperty(type, property);
  if (trouble !== undefined) refuse(trouble);
}
