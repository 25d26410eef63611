import { ArmError } from './errors.ts';
import { isObject, type Json, type JsonObject } from './json.ts';
import { surface } from './surface.ts';

/** Members that ARM takes on every resource, whether or not the SDK's model has them. */
const ALWAYS = new Set([
  'id',
  'name',
  'type',
  'etag',
  'tags',
  'location',
  'kind',
  'systemData',
  'properties',
  'sku',
  'zones',
  'identity',
]);

/** Path of the first property that the shape does not have, undefined when all are known. */
function unknownProperty(
  value: Json | undefined,
  shapeName: string,
  path: string,
): { readonly path: string; readonly name: string; readonly shape: string } | undefined {
  const shape = surface.shapes[shapeName];
  if (shape === undefined || '*' in shape) return undefined;
  const element = shape['[]'];
  if (element !== undefined) {
    if (!Array.isArray(value)) return undefined;
    for (const [index, item] of (value as readonly Json[]).entries()) {
      const found = unknownProperty(item, element, `${path}[${index}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  if (!isObject(value)) return undefined;
  for (const [name, item] of Object.entries(value)) {
    const where = path === '' ? name : `${path}.${name}`;
    const child = shape[name];
    if (child === undefined) {
      if (path === '' && ALWAYS.has(name)) continue;
      return { path: where, name, shape: shapeName.split(':')[1] ?? shapeName };
    }
    const found = child === '' ? undefined : unknownProperty(item, child, where);
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Refuses a body with a property that the model does not have. At the top ARM's front refuses (InvalidRequestContent),
 * deeper the provider does: network with InvalidRequestFormat, the others with BadRequest.
 */
export function checkShape(body: JsonObject, shape: string, provider: string): void {
  const unknown = unknownProperty(body, shape, '');
  if (unknown === undefined) return;
  const message = `Could not find member '${unknown.name}' on object of type '${unknown.shape}'. Path '${unknown.path}'.`;
  if (!unknown.path.includes('.')) {
    throw new ArmError(
      400,
      'InvalidRequestContent',
      `The request content was invalid and could not be deserialized: '${message}'.`,
      { cause: 'gateway' },
    );
  }
  if (provider.toLowerCase() === 'microsoft.network') {
    throw new ArmError(400, 'InvalidRequestFormat', 'Cannot parse the request.', {
      details: [{ code: 'InvalidJson', message }],
    });
  }
  throw new ArmError(400, 'BadRequest', message, { target: unknown.path });
}
