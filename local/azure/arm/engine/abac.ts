/** What a condition of a role assignment is evaluated against. Attribute names as in the condition, letter case ignored. */
export interface ConditionContext {
  readonly action: string;
  /** Attributes of the assignment that is to be written (`@Request`), by name after the colon. */
  readonly request?: Readonly<Record<string, string>>;
  /** Attributes of the assignment that is there (`@Resource`). */
  readonly resource?: Readonly<Record<string, string>>;
}

type Test = (context: ConditionContext) => boolean;

/** A condition outside the form that is modelled (role assignments of role assignments). */
export class ConditionError extends Error {
  override readonly name = 'ConditionError';
}

const TOKEN =
  /\s*(?:(?<name>@(?:Request|Resource)\[[^\]]+\])|(?<word>[A-Za-z][A-Za-z:]*)|(?<set>\{[^}]*\})|(?<text>'[^']*')|(?<sign>[()!]))/uy;

/** The values of `{a, 'b'}` or `'a'`, lower case. */
function valuesOf(token: string): readonly string[] {
  const inner = token.startsWith('{') ? token.slice(1, -1).split(',') : [token];
  return inner.map((value) => value.trim().replaceAll("'", '').toLowerCase()).filter((value) => value !== '');
}

class Parser {
  readonly #tokens: string[] = [];
  #at = 0;

  constructor(text: string) {
    TOKEN.lastIndex = 0;
    let end = 0;
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
      this.#tokens.push(match[0].trim());
      end = TOKEN.lastIndex;
    }
    const rest = text.slice(end).trim();
    if (rest !== '') throw new ConditionError(`The condition cannot be read from '${rest.slice(0, 40)}' on.`);
  }

  parse(): Test {
    const test = this.#or();
    const left = this.#tokens[this.#at];
    if (left !== undefined) throw new ConditionError(`'${left}' was not expected in the condition.`);
    return test;
  }

  #or(): Test {
    const tests = [this.#and()];
    while (this.#word('OR')) tests.push(this.#and());
    return (context) => tests.some((test) => test(context));
  }

  #and(): Test {
    const tests = [this.#unary()];
    while (this.#word('AND')) tests.push(this.#unary());
    return (context) => tests.every((test) => test(context));
  }

  #unary(): Test {
    if (this.#take('!') || this.#word('NOT')) {
      const test = this.#unary();
      return (context) => !test(context);
    }
    if (this.#take('(')) {
      const test = this.#or();
      if (!this.#take(')')) throw new ConditionError("A ')' is missing in the condition.");
      return test;
    }
    const token = this.#next();
    if (token.toLowerCase() === 'actionmatches') return actionMatches(valuesOf(this.#next()));
    if (token.startsWith('@')) return comparison(token, this.#next(), valuesOf(this.#next()));
    throw new ConditionError(`'${token}' is not modelled in conditions of role assignments.`);
  }

  #word(word: string): boolean {
    if (this.#tokens[this.#at]?.toUpperCase() !== word) return false;
    this.#at += 1;
    return true;
  }

  #take(sign: string): boolean {
    if (this.#tokens[this.#at] !== sign) return false;
    this.#at += 1;
    return true;
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    this.#at += 1;
    if (token === undefined) throw new ConditionError('The condition ends in its middle.');
    return token;
  }
}

function actionMatches(patterns: readonly string[]): Test {
  return ({ action }) =>
    patterns.some((pattern) => {
      const [head = '', ...rest] = pattern.split('*');
      const lower = action.toLowerCase();
      return rest.length === 0 ? lower === head : lower.startsWith(head);
    });
}

const ATTRIBUTE =
  /^@(?<source>Request|Resource)\[Microsoft\.Authorization\/roleAssignments:(?<name>RoleDefinitionId|PrincipalId|PrincipalType)\]$/iu;

function comparison(attribute: string, operator: string, values: readonly string[]): Test {
  const groups = ATTRIBUTE.exec(attribute)?.groups;
  if (groups === undefined) throw new ConditionError(`The attribute ${attribute} is not modelled.`);
  const kind = /^(?:ForAnyOfAnyValues:)?(?:Guid|String)(?<not>Not)?Equals(?:IgnoreCase)?$/u.exec(operator);
  if (kind === null) throw new ConditionError(`The operator ${operator} is not modelled.`);
  const negated = kind.groups?.['not'] !== undefined;
  const name = (groups['name'] ?? '').toLowerCase();
  const source = groups['source']?.toLowerCase() === 'request' ? 'request' : 'resource';
  return (context) => {
    const found = Object.entries(context[source] ?? {}).find(([key]) => key.toLowerCase() === name)?.[1];
    // An attribute that is not there makes the comparison false, as in Azure.
    if (found === undefined) return false;
    return values.includes(found.toLowerCase()) !== negated;
  };
}

const parsed = new Map<string, Test>();

/**
 * Evaluates a condition of a role assignment, version 2.0, in the form that limits whom and what its holder may assign:
 * `ActionMatches`, comparisons of RoleDefinitionId, PrincipalId and PrincipalType, AND, OR, NOT and parentheses.
 *
 * @throws ConditionError for anything else
 */
export function evaluateCondition(condition: string, context: ConditionContext): boolean {
  let test = parsed.get(condition);
  if (test === undefined) {
    test = new Parser(condition).parse();
    parsed.set(condition, test);
  }
  return test(context);
}
