import { ArmError, jsonReply } from '../engine/errors.ts';
import { policies, type Policy } from '../engine/governance.ts';
import type { JsonObject } from '../engine/json.ts';
import type { Handlers } from './handlers.ts';

/** The rule of a policy in Azure's own form, so that a reader finds out what it would do. */
function ruleOf({ type, property, equals, set, effect, location }: Policy): JsonObject {
  const alias = property?.replace(/^properties\./u, '');
  const field = alias === undefined || ['location', 'name', 'kind'].includes(alias) ? alias : `${type}/${alias}`;
  const condition =
    field === undefined || equals === undefined
      ? []
      : [equals === null ? { field, exists: 'false' } : { field, equals }];
  const details =
    effect === 'modify' && field !== undefined
      ? { details: { operations: [{ operation: 'addOrReplace', field, value: set ?? null }] } }
      : {};
  const allOf = [
    { field: 'type', equals: type },
    ...(location === undefined ? [] : [{ field: 'location', equals: location }]),
    ...condition,
  ];
  // As text: an object literal with a `then` would look like a promise.
  return JSON.parse(
    `{"if":${JSON.stringify({ allOf })},"then":${JSON.stringify({ effect, ...details })}}`,
  ) as JsonObject;
}

/** Definitions of the policies in force; each has one assignment of the same name. */
export const policyDefinitionHandlers: Handlers = {
  'GET /{scope}/providers/microsoft.authorization/policydefinitions/{}'(world, _call, address) {
    const name = address.names[0] ?? '';
    const policy = policies(world).find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
    if (policy === undefined)
      throw new ArmError(404, 'PolicyDefinitionNotFound', `The policy definition '${name}' could not be found.`, {
        cause: 'gateway',
      });
    return jsonReply(200, {
      id: `/providers/Microsoft.Authorization/policyDefinitions/${policy.name}`,
      name: policy.name,
      type: 'Microsoft.Authorization/policyDefinitions',
      properties: {
        displayName: policy.name,
        policyType: 'Custom',
        mode: 'Indexed',
        parameters: {},
        policyRule: ruleOf(policy),
      },
    });
  },
};
