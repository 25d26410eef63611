import { z } from 'zod';
import type { AnyPlan } from '#domain/managed/types.ts';
import type { Connection } from '../clients/clients.ts';
import { readArm } from '../clients/read.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { kinds } from '../kinds.ts';
import { parseArmId } from '../resource/arm-id.ts';
import type { PreflightCheck } from '../types.ts';
import { evaluatePolicy, type PolicyParameters, type PolicySubject } from './policy-rule.ts';
import { passed, refused } from './rows.ts';

const version = 'api-version=2023-04-01';
/** Definitions that are read at most: large initiatives only audit, and every one of them is a call. */
const maxDefinitions = 30;

const values = z.record(z.string(), z.object({ value: z.unknown() })).default({});

const assignmentSchema = z.object({
  id: z.string(),
  name: z.string(),
  properties: z.object({
    displayName: z.string().optional(),
    policyDefinitionId: z.string(),
    enforcementMode: z.string().default('Default'),
    notScopes: z.array(z.string()).default([]),
    parameters: values,
  }),
});

const definitionSchema = z.object({
  properties: z.object({
    policyRule: z.unknown(),
    parameters: z.record(z.string(), z.object({ defaultValue: z.unknown() })).default({}),
    policyDefinitions: z.array(z.object({ policyDefinitionId: z.string(), parameters: values })).optional(),
  }),
});

type Assignment = z.infer<typeof assignmentSchema>;
type Definition = z.infer<typeof definitionSchema>['properties'];

/** One rule in force, with the values of its parameters. */
interface Rule {
  readonly assignment: Assignment;
  readonly definition: Definition;
  readonly parameters: PolicyParameters;
}

/** What the policies would do to the planned writes. */
interface Findings {
  readonly denied: string[];
  readonly uncertain: Set<string>;
  readonly changing: Set<string>;
}

/**
 * Whether a policy assignment would deny what the plan writes. Policies are read where the identity may; a rule that
 * depends on what only Azure knows is told as such, and Azure decides then.
 *
 * @param written keys of the resources that will be created or changed
 */
export async function policyCheck(
  connection: Connection,
  plan: AnyPlan,
  written: ReadonlySet<string>,
): Promise<PreflightCheck> {
  const id = 'policy';
  const title = 'Policies';
  const { subscriptionId, resourceGroup } = plan.azure;
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}`;
  const listed = await readArm(
    connection,
    subscriptionId,
    `${group}/providers/Microsoft.Authorization/policyAssignments?${version}&$filter=atScope()`,
  );
  if (!listed.ok) return passed(id, title, 'not readable for the identity of Capstan; Azure decides at the write');
  const inForce = listed.value
    .flatMap((entry) => assignmentSchema.safeParse(entry).data ?? [])
    .filter(({ properties }) => properties.enforcementMode.toLowerCase() !== 'donotenforce')
    .filter(({ properties }) => !properties.notScopes.some((scope) => scope.toLowerCase() === group.toLowerCase()));
  const reader = definitionReader(connection, subscriptionId);
  const rules: Rule[] = [];
  for (const assignment of inForce) rules.push(...(await rulesOf(assignment, reader)));
  const found = evaluate(connection, plan, written, rules);
  const [first] = found.denied;
  if (first !== undefined) {
    const error = capstanError('CAP-2019', 'A policy would deny what the plan writes.', {
      where: group,
      cause: found.denied.join('; '),
      remedy: `Ask the owner of the policy assignment for an exemption, or change the document to comply: ${first}.`,
    });
    return refused(id, title, error);
  }
  return passed(id, title, summary(inForce.length, found, reader.unread()));
}

function summary(assignments: number, { uncertain, changing }: Findings, unread: number): string {
  const parts = [`${assignments} assignments`, 'none denies the plan'];
  if (changing.size > 0) parts.push(`changed by ${[...changing].join(', ')}`);
  if (uncertain.size > 0) parts.push(`only Azure can tell of ${[...uncertain].join(', ')}`);
  if (unread > 0) parts.push(`${unread} definitions not readable`);
  return parts.join(' · ');
}

interface DefinitionReader {
  read(id: string): Promise<Definition | undefined>;
  unread(): number;
}

function definitionReader(connection: Connection, subscriptionId: string): DefinitionReader {
  const known = new Map<string, Definition | undefined>();
  return {
    async read(id) {
      const key = id.toLowerCase();
      if (known.has(key)) return known.get(key);
      if (known.size >= maxDefinitions) {
        known.set(key, undefined);
        return undefined;
      }
      const answer = await readArm(connection, subscriptionId, `${id}?${version}`);
      const definition = answer.ok ? definitionSchema.safeParse(answer.value[0]).data?.properties : undefined;
      known.set(key, definition);
      return definition;
    },
    unread: () => [...known.values()].filter((definition) => definition === undefined).length,
  };
}

/** The rule of an assignment, or those of the initiative that it assigns. */
async function rulesOf(assignment: Assignment, reader: DefinitionReader): Promise<readonly Rule[]> {
  const { policyDefinitionId, parameters } = assignment.properties;
  const definition = await reader.read(policyDefinitionId);
  if (definition === undefined) return [];
  const given = parametersOf(definition, parameters, new Map());
  if (definition.policyDefinitions === undefined) return [{ assignment, definition, parameters: given }];
  const rules: Rule[] = [];
  for (const member of definition.policyDefinitions) {
    const inner = await reader.read(member.policyDefinitionId);
    if (inner === undefined) continue;
    rules.push({ assignment, definition: inner, parameters: parametersOf(inner, member.parameters, given) });
  }
  return rules;
}

/** Defaults of the definition, replaced by what is given; `outer` holds the parameters of an initiative. */
function parametersOf(
  definition: Definition,
  given: Assignment['properties']['parameters'],
  outer: PolicyParameters,
): PolicyParameters {
  const all = new Map<string, unknown>();
  for (const [name, { defaultValue }] of Object.entries(definition.parameters)) {
    if (defaultValue !== undefined) all.set(name.toLowerCase(), defaultValue);
  }
  for (const [name, { value }] of Object.entries(given)) {
    const reference = typeof value === 'string' ? /^\[parameters\('([^']+)'\)\]$/i.exec(value)?.[1] : undefined;
    all.set(name.toLowerCase(), reference === undefined ? value : outer.get(reference.toLowerCase()));
  }
  return all;
}

function evaluate(
  connection: Connection,
  plan: AnyPlan,
  written: ReadonlySet<string>,
  rules: readonly Rule[],
): Findings {
  const found: Findings = { denied: [], uncertain: new Set(), changing: new Set() };
  const subjects = rules.length === 0 ? [] : subjectsOf(connection, plan, written);
  for (const { assignment, definition, parameters } of rules) {
    const { displayName } = assignment.properties;
    for (const subject of subjects) {
      const result = evaluatePolicy(definition.policyRule, parameters, subject);
      if (result === undefined || result.applies === false) continue;
      const { effect, applies } = result;
      if (effect === 'deny' && applies === true)
        found.denied.push(`${subject.type} ${subject.name} by ${displayName ?? assignment.name} (${assignment.id})`);
      else if (effect === 'deny') found.uncertain.add(displayName ?? assignment.name);
      else if (effect === 'modify' || effect === 'append') found.changing.add(displayName ?? assignment.name);
    }
  }
  return found;
}

function subjectsOf(connection: Connection, plan: AnyPlan, written: ReadonlySet<string>): readonly PolicySubject[] {
  return plan.resources
    .filter((resource) => resource.owned && written.has(resource.key))
    .map((resource) => {
      const body = kinds[resource.kind].parameters(connection, { plan, resource, outputs: {} });
      const tags = typeof body === 'object' && body !== null && 'tags' in body ? (body.tags ?? {}) : {};
      return {
        type: parseArmId(resource.id.replace(/\/roleAssignments$/, '/roleAssignments/new')).type,
        name: resource.name,
        id: resource.id,
        location: plan.azure.location,
        tags: tags as Readonly<Record<string, string>>,
        body,
      };
    });
}
