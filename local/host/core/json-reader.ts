/**
 * Reads JSON the way Newtonsoft.Json does: besides the standard it takes comments, single quotes, names without quotes,
 * missing and trailing elements, `undefined`, `NaN`, `Infinity`, hexadecimal and octal numbers; strings may span lines.
 */
import { doubleText } from './dotnet.ts';

/** A number as it was read: a whole number with all its digits, or a double. */
export class JsonNumber {
  readonly #value: bigint | number;

  constructor(value: bigint | number) {
    this.#value = value;
  }

  /** As `ToString()` gives it. */
  get text(): string {
    return typeof this.#value === 'bigint' ? String(this.#value) : doubleText(this.#value);
  }

  /** As it stands in written JSON: a double never looks like a whole number, and what is none is a text. */
  get json(): string {
    const { text } = this;
    if (typeof this.#value === 'bigint' || /[.E]/.test(text)) return text;
    return Number.isFinite(this.#value) ? `${text}.0` : `"${text}"`;
  }
}

/** A value of JSON; undefined only where the text says so. The last of several members of one name counts. */
export type JsonNode =
  | string
  | boolean
  | null
  | undefined
  | JsonNumber
  | readonly JsonNode[]
  | ReadonlyMap<string, JsonNode>;

const DEEPEST = 64;
const BLANK = /[^\S\ufeff]|\u0085/;
const NAME = /[\p{L}\p{Nd}_$]*/uy;
const LITERAL = /(?:true|false|null|undefined|NaN|-?Infinity)(?![\p{L}\p{Nd}_$])/uy;
const NUMBER = /-?\.?\d[\da-zA-Z.+-]*/y;
const LITERALS: ReadonlyMap<string, JsonNode> = new Map<string, JsonNode>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['undefined', undefined],
  ['NaN', new JsonNumber(Number.NaN)],
  ['Infinity', new JsonNumber(Number.POSITIVE_INFINITY)],
  ['-Infinity', new JsonNumber(Number.NEGATIVE_INFINITY)],
]);
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r' };

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** Throws when something follows the value. */
  end(): void {
    if (this.#next() !== '') this.#fail('additional text after the value');
  }

  value(depth = 0): JsonNode {
    const first = this.#next();
    if (first === '{' || first === '[') {
      if (depth >= DEEPEST) this.#fail(`more than ${DEEPEST} levels`);
      this.#at++;
      return first === '{' ? this.#object(depth + 1) : this.#array(depth + 1);
    }
    if (first === '"' || first === "'") return this.#string(first);
    const literal = this.#take(LITERAL);
    if (literal !== '') return LITERALS.get(literal);
    return this.#number(this.#take(NUMBER));
  }

  #fail(what: string): never {
    throw new SyntaxError(`${what} at position ${this.#at} of JSON text`);
  }

  /** The next character that is neither blank nor comment, '' at the end. */
  #next(): string {
    for (;;) {
      const character = this.#text.charAt(this.#at);
      if (character === '/') this.#comment();
      else if (character === '' || !BLANK.test(character)) return character;
      else this.#at++;
    }
  }

  #comment(): void {
    const isBlock = this.#text.startsWith('/*', this.#at);
    if (!isBlock && !this.#text.startsWith('//', this.#at)) this.#fail('unexpected slash');
    const end = this.#text.slice(this.#at + 2).search(isBlock ? /\*\// : /[\r\n]|$/);
    if (end < 0) this.#fail('comment without an end');
    this.#at += end + (isBlock ? 4 : 2);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #object(depth: number): ReadonlyMap<string, JsonNode> {
    const members = new Map<string, JsonNode>();
    for (;;) {
      const first = this.#next();
      if (first === '}') break;
      const name = first === '"' || first === "'" ? this.#string(first) : this.#take(NAME);
      if (name === '' && first !== '"' && first !== "'") this.#fail('no name of a member');
      if (this.#next() !== ':') this.#fail('no colon after a name');
      this.#at++;
      members.set(name, this.value(depth));
      const after = this.#next();
      if (after === ',') this.#at++;
      else if (after !== '}') this.#fail('neither comma nor brace after a member');
    }
    this.#at++;
    return members;
  }

  #array(depth: number): readonly JsonNode[] {
    const items: JsonNode[] = [];
    for (;;) {
      const first = this.#next();
      if (first === ']') break;
      items.push(first === ',' ? undefined : this.value(depth));
      const after = this.#next();
      if (after === ',') this.#at++;
      else if (after !== ']') this.#fail('neither comma nor bracket after an element');
    }
    this.#at++;
    return items;
  }

  #string(quote: string): string {
    const start = ++this.#at;
    let result = '';
    let from = start;
    for (;;) {
      const character = this.#text.charAt(this.#at);
      if (character === '') this.#fail('string without an end');
      if (character === quote) break;
      if (character === '\\') {
        result += this.#text.slice(from, this.#at) + this.#escape();
        from = this.#at;
      } else this.#at++;
    }
    return result + this.#text.slice(from, this.#at++);
  }

  #escape(): string {
    const sign = this.#text.charAt(this.#at + 1);
    this.#at += 2;
    if (sign === 'u') {
      const digits = this.#text.slice(this.#at, this.#at + 4);
      if (!/^[0-9a-f]{4}$/i.test(digits)) this.#fail('bad escape');
      this.#at += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    if (sign !== '' && `"'\\/`.includes(sign)) return sign;
    return ESCAPES[sign] ?? this.#fail('bad escape');
  }

  #number(text: string): JsonNumber {
    if (/^0x[0-9a-f]+$/i.test(text)) return new JsonNumber(BigInt(text));
    if (/^0[0-7]+$/.test(text)) return new JsonNumber(BigInt(`0o${text.slice(1)}`));
    if (/^-?\d+$/.test(text) && !/^0\d/.test(text)) return new JsonNumber(BigInt(text));
    if (/^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && !/^0\d/.test(text)) return new JsonNumber(Number(text));
    return this.#fail(text === '' ? 'unexpected character' : `'${text}' is no number`);
  }
}

/** Reads one value; text after it is refused, or with `rest` left alone. Throws a SyntaxError. */
export function parseJson(text: string, rest: 'refused' | 'ignored' = 'refused'): JsonNode {
  const reader = new Reader(text);
  const value = reader.value();
  if (rest === 'refused') reader.end();
  return value;
}
