import { z } from 'zod';

/** What is held against a policy: a planned resource with the parameters that would be written. */
export interface PolicySubject {
  readonly type: string;
  readonly name: string;
  readonly id: string;
  readonly location: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Parameters of the write; undefined when they are not known before. */
  readonly body: unknown;
}

/** Values of a definition's parameters, by name in lower case. */
export type PolicyParameters = ReadonlyMap<string, unknown>;

/** Whether a rule applies; undefined when that cannot be told before Azure is asked. */
type Applies = boolean | undefined;

const effectSchema = z.object({ effect: z.string() });

/**
 * Evaluates the rule of a policy definition as far as it can be told from outside (Azure documentation, policy definition
 * structure: logical operators, conditions, fields). Pure.
 *
 * @returns effect in lower case with whether it applies, or undefined when the rule cannot be read
 */
export function evaluatePolicy(
  rule: unknown,
  parameters: PolicyParameters,
  subject: PolicySubject,
): { readonly effect: string; readonly applies: Applies } | undefined {
  if (!isRecord(rule)) return undefined;
  const consequence = effectSchema.safeParse(rule['then']);
  const effect = consequence.success ? resolve(consequence.data.effect, parameters) : undefined;
  if (typeof effect !== 'string') return undefined;
  return { effect: effect.toLowerCase(), applies: test(rule['if'], parameters, subject) };
}

const reference = /^\[parameters\('([^']+)'\)\]$/i;
const unknown = Symbol('not known before Azure is asked');

/** The value of `[parameters('x')]`; any other template expression is not known. */
function resolve(value: unknown, parameters: PolicyParameters): unknown {
  if (typeof value !== 'string' || !value.startsWith('[') || value.startsWith('[[')) return value;
  const name = reference.exec(value)?.[1]?.toLowerCase();
  return name !== undefined && parameters.has(name) ? parameters.get(name) : unknown;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function test(condition: unknown, parameters: PolicyParameters, subject: PolicySubject): Applies {
  if (!isRecord(condition)) return undefined;
  const parts = (name: string): readonly Applies[] | undefined =>
    Array.isArray(condition[name])
      ? condition[name].map((part: unknown) => test(part, parameters, subject))
      : undefined;
  const all = parts('allOf');
  if (all !== undefined) return all.includes(false) ? false : all.includes(undefined) ? undefined : true;
  const any = parts('anyOf');
  if (any !== undefined) return any.includes(true) ? true : any.includes(undefined) ? undefined : false;
  if ('not' in condition) {
    const inner = test(condition['not'], parameters, subject);
    return inner === undefined ? undefined : !inner;
  }
  if (typeof condition['field'] !== 'string') return undefined;
  const actual = fieldOf(condition['field'], parameters, subject);
  const [operator, wanted] = Object.entries(condition).find(([name]) => name !== 'field') ?? ['', undefined];
  return compare(operator, actual, resolve(wanted, parameters));
}

const tagField = /^tags(?:\.(.+)|\[\s*'?([^\]']+)'?\s*\])$/i;
const tagExpression = /^\[concat\('tags\[(?:'')?',\s*parameters\('([^']+)'\),\s*'(?:'')?\]'\)\]$/i;

function fieldOf(field: string, parameters: PolicyParameters, subject: PolicySubject): unknown {
  switch (field.toLowerCase()) {
    case 'type':
      return subject.type;
    case 'name':
    case 'fullname':
      return subject.name;
    case 'id':
      return subject.id;
    case 'location':
      return subject.location;
    case 'tags':
      return subject.tags;
    default:
      return otherField(field, parameters, subject);
  }
}

function otherField(field: string, parameters: PolicyParameters, subject: PolicySubject): unknown {
  const tag = tagOf(field, parameters, subject);
  return tag === undefined ? aliasOf(field, subject) : tag;
}

/** The value of a tag, `null` when the resource has none of the name; undefined when the field is no tag. */
function tagOf(field: string, parameters: PolicyParameters, { tags }: PolicySubject): unknown {
  const named = tagExpression.exec(field)?.[1]?.toLowerCase();
  const match = tagField.exec(field);
  const name = named === undefined ? (match?.[1] ?? match?.[2]) : parameters.get(named);
  if (typeof name !== 'string') return undefined;
  return Object.entries(tags).find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1] ?? null;
}

/** An alias names a property below its type; what is not among the parameters may be anything after the write. */
function aliasOf(field: string, { type, body }: PolicySubject): unknown {
  if (!field.toLowerCase().startsWith(`${type.toLowerCase()}/`)) return unknown;
  const path = field.slice(type.length + 1).split('.');
  return at(body, path) ?? at(isRecord(body) ? body['properties'] : undefined, path) ?? unknown;
}

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isRecord(inner) ? inner[key] : undefined), value);
}

function same(a: unknown, b: unknown): boolean {
  return String(a).toLowerCase() === String(b).toLowerCase();
}

function like(value: unknown, pattern: unknown): boolean {
  const [head = '', ...rest] = String(pattern).toLowerCase().split('*');
  const text = String(value).toLowerCase();
  const tail = rest.join('');
  return rest.length === 0 ? text === head : text.startsWith(head) && text.endsWith(tail);
}

/** The conditions that are answered; of any other one it is not known whether it holds. */
const conditions: Readonly<Record<string, (actual: unknown, wanted: unknown) => boolean>> = {
  equals: same,
  in: (actual, list) => Array.isArray(list) && list.some((item) => same(actual, item)),
  like,
  contains: (actual, part) => String(actual).toLowerCase().includes(String(part).toLowerCase()),
  containskey: (actual, key) => isRecord(actual) && Object.keys(actual).some((name) => same(name, key)),
  exists: (actual, wanted) => same(actual !== null, wanted),
};

function compare(operator: string, actual: unknown, wanted: unknown): Applies {
  if (actual === unknown || wanted === unknown) return undefined;
  const name = operator.toLowerCase();
  const positive = name.startsWith('not') ? name.slice(3) : name;
  const condition = conditions[positive];
  if (condition === undefined) return undefined;
  return condition(actual, wanted) === (positive === name);
}
