import { z } from 'zod';
import { ArmError } from './errors.ts';
import { isWithin } from './ids.ts';
import { at, isObject, type Json, type JsonObject, type MutableJsonObject, object, text } from './json.ts';
import type { World } from './model.ts';

export const LOCKS = 'Microsoft.Authorization/locks';

/**
 * Refuses what a lock forbids: CanNotDelete stops deletions, ReadOnly every write, POST actions included
 * (azure-behaviour.md §1, What real Azure answers).
 */
export function checkLocks(world: World, scope: string, operation: 'write' | 'delete'): void {
  for (const lock of world.store.ofType(LOCKS)) {
    const locked = text(lock.hidden['scope']) ?? '';
    const readOnly = text(at(lock.body, 'properties', 'level')) === 'ReadOnly';
    const below = operation === 'delete' && isWithin(locked, scope);
    if (!isWithin(scope, locked) && !below) continue;
    if (operation === 'write' && !readOnly) continue;
    throw new ArmError(
      409,
      'ScopeLocked',
      `The scope '${scope}' cannot perform ${operation} operation because following scope(s) are locked: '${locked}'. Please remove the lock and try again.`,
      { cause: 'gateway' },
    );
  }
}

/**
 * A policy in force, set through `POST /_simulator/faults` as `{ "policy": { ... } }`.
 * `deny` refuses a PUT of the type when the property has the value (or is absent, for `equals: null`); without `property`
 * every PUT of the type is refused. `modify` sets the property instead.
 */
export const policySchema = z.strictObject({
  name: z.string().min(1),
  effect: z.enum(['deny', 'modify']),
  type: z.string(),
  scope: z.string().default(''),
  property: z.string().optional(),
  equals: z.json().optional(),
  set: z.json().optional(),
  location: z.string().optional(),
});

export type Policy = z.infer<typeof policySchema>;

export function policies(world: World): readonly Policy[] {
  const stored = world.store.setting('policies');
  return z.array(policySchema).parse(stored ?? []);
}

/** Applies the policies to the body of a PUT; throws 403 RequestDisallowedByPolicy. */
export function applyPolicies(world: World, type: string, id: string, name: string, body: JsonObject): JsonObject {
  let result = body;
  for (const policy of policies(world)) {
    if (policy.type.toLowerCase() !== type.toLowerCase() || !isWithin(id, policy.scope)) continue;
    if (policy.location !== undefined && text(body['location']) !== policy.location) continue;
    const path = policy.property?.split('.') ?? [];
    const value = path.length === 0 ? undefined : (at(result, ...path) ?? null);
    const applies = policy.property === undefined || policy.equals === undefined || value === policy.equals;
    if (!applies) continue;
    if (policy.effect === 'modify') result = assign(result, path, policy.set ?? null);
    else throw disallowed(policy, name, id);
  }
  return result;
}

/** Assignment id under which a policy is visible. */
export function policyAssignmentId(policy: Policy, id: string): string {
  const subscription = /^\/subscriptions\/[^/]+/iu.exec(id)?.[0] ?? '';
  return `${policy.scope === '' ? subscription : policy.scope}/providers/Microsoft.Authorization/policyAssignments/${policy.name}`;
}

function disallowed(policy: Policy, name: string, id: string): ArmError {
  const assignment = policyAssignmentId(policy, id);
  const definition = `/providers/Microsoft.Authorization/policyDefinitions/${policy.name}`;
  const identifiers = [
    {
      policyAssignment: { name: policy.name, id: assignment },
      policyDefinition: { name: policy.name, id: definition },
    },
  ];
  return new ArmError(
    403,
    'RequestDisallowedByPolicy',
    `Resource '${name}' was disallowed by policy. Policy identifiers: '${JSON.stringify(identifiers)}'.`,
    {
      target: name,
      cause: 'gateway',
      additionalInfo: [
        {
          type: 'PolicyViolation',
          info: {
            policyDefinitionDisplayName: policy.name,
            policyDefinitionId: definition,
            policyDefinitionName: policy.name,
            policyDefinitionEffect: 'Deny',
            policyAssignmentId: assignment,
            policyAssignmentName: policy.name,
            policyAssignmentDisplayName: policy.name,
            policyAssignmentScope: assignment.split('/providers/')[0] ?? '',
            policyAssignmentParameters: {},
          },
        },
      ],
    },
  );
}

function assign(value: JsonObject, path: readonly string[], leaf: Json): JsonObject {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  const copy: MutableJsonObject = { ...value };
  copy[first] = rest.length === 0 ? leaf : assign(isObject(copy[first]) ? object(copy[first]) : {}, rest, leaf);
  return copy;
}
