/** Route constraints of ASP.NET Core with the invariant culture: what each inline constraint accepts, to the letter. */

/** True when the constraint accepts the text of a route value. */
export type Constraint = (value: string) => boolean;

/** A constraint that does not exist or has unfit arguments; the real host does not start with one. */
export class ConstraintError extends Error {
  override readonly name = 'ConstraintError';
}

const INT32 = 2n ** 31n;
const INT64 = 2n ** 63n;
/** Largest System.Decimal. */
const DECIMAL_MAX = 79_228_162_514_264_337_593_543_950_335n;

/** An integer as .NET parses it with NumberStyles.Integer: blanks around it and a leading sign are fine. */
function integer(text: string, bound: bigint): bigint | undefined {
  const digits = /^\s*([+-]?\d+)\s*$/.exec(text)?.[1];
  if (digits === undefined) return undefined;
  const value = BigInt(digits.replace('+', ''));
  return value >= -bound && value < bound ? value : undefined;
}

function isDecimal(text: string): boolean {
  const match = /^\s*[+-]?(\d[\d,]*\.?\d*|\.\d+)[+-]?\s*$/.exec(text);
  const [whole = ''] = (match?.[1] ?? '').replaceAll(',', '').split('.');
  return match !== null && !/[+-].*[+-]/.test(text) && BigInt(whole === '' ? '0' : whole) <= DECIMAL_MAX;
}

function isDouble(text: string): boolean {
  return (
    /^\s*[+-]?(\d[\d,]*\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text) || /^\s*([+-]?(infinity|∞)|[+-]?nan)\s*$/i.test(text)
  );
}

const GUID_FORMS = [
  /^[0-9a-f]{32}$/i,
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i,
  /^\{[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\}$/i,
  /^\([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\)$/i,
];

const MONTH = '(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\\.?';
const DAY = '(?:(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\\s+)?';
const CLOCK =
  '(?:\\d{1,2}:\\d{1,2}(?::\\d{1,2}(?:\\.\\d{1,7})?)?(?:\\s*[ap]m?)?|\\d{1,2}\\s*[ap]m)(?:\\s*(?:z|gmt|[+-]\\d{1,2}:?\\d{2}))?';
/** Year first, month first (the invariant order), with the name of the month. */
const DATES = [
  /^(?<y>\d{4})[-/.](?<m>\d{1,2})(?:[-/.](?<d>\d{1,2}))?$/,
  /^(?<m>\d{1,2})[-/.](?<d>\d{1,2})(?:[-/.](?<y>\d{4}|\d{2}))?$/,
  new RegExp(`^${DAY}(?<d>\\d{1,2})[\\s-]+(?<n>${MONTH})(?:[\\s,-]+(?<y>\\d{4}))?$`, 'i'),
  new RegExp(`^${DAY}(?<n>${MONTH})[\\s-]+(?<d>\\d{1,2})(?:[\\s,-]+(?<y>\\d{4}))?$`, 'i'),
  new RegExp(`^(?<n>${MONTH})[\\s,]+(?<y>\\d{4})$`, 'i'),
];
const MONTH_NAMES = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');

function isDate(text: string): boolean {
  const found = DATES.map((pattern) => pattern.exec(text)?.groups).find((groups) => groups !== undefined);
  if (!found) return false;
  const name = found['n']?.slice(0, 3).toLowerCase();
  const month = name === undefined ? Number(found['m']) : MONTH_NAMES.indexOf(name) + 1;
  const year = Number(found['y'] ?? 2000);
  const day = Number(found['d'] ?? 1);
  return year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

function isClock(text: string): boolean {
  if (!new RegExp(`^${CLOCK}$`, 'i').test(text)) return false;
  const [hours = 0, minutes = 0, seconds = 0] = (/^[\d:]+/.exec(text)?.[0] ?? '').split(':').map(Number);
  return hours < (/[ap]m?/i.test(text) ? 13 : 24) && minutes < 60 && seconds < 60;
}

/** A date, a time of day or both, in the usual notations that DateTime.TryParse knows. */
function isDateTime(given: string): boolean {
  const text = given.trim();
  if (isDate(text) || isClock(text)) return true;
  const both = new RegExp(`^(.*?)(?:t|\\s+|,\\s*)(${CLOCK})$`, 'i').exec(text);
  return both !== null && isDate(both[1] ?? '') && isClock(both[2] ?? '');
}

function isFileName(value: string): boolean {
  const dot = value.lastIndexOf('.');
  return dot > value.lastIndexOf('/') && dot !== value.length - 1;
}

const PLAIN: Readonly<Record<string, Constraint>> = {
  int: (value) => integer(value, INT32) !== undefined,
  long: (value) => integer(value, INT64) !== undefined,
  bool: (value) => /^[\s\0]*(true|false)[\s\0]*$/i.test(value),
  decimal: isDecimal,
  double: isDouble,
  float: isDouble,
  guid: (value) => GUID_FORMS.some((form) => form.test(value.trim())),
  datetime: isDateTime,
  alpha: (value) => /^[a-z]*$/i.test(value),
  required: (value) => value !== '',
  file: isFileName,
  nonfile: (value) => !isFileName(value),
};

const length = (value: string): bigint => BigInt(value.length);
const long = (value: string): bigint => integer(value, INT64) ?? INT64;
type Numeric = (value: string, numbers: readonly [bigint, bigint]) => boolean;

/** Constraints with numbers: how many they take, the size of these, and the rule. */
const NUMERIC: Readonly<Record<string, { counts: readonly number[]; bound: bigint; accepts: Numeric }>> = {
  minlength: { counts: [1], bound: INT32, accepts: (value, [least]) => length(value) >= least },
  maxlength: { counts: [1], bound: INT32, accepts: (value, [most]) => length(value) <= most },
  length: {
    counts: [1, 2],
    bound: INT32,
    accepts: (value, [least, most]) => length(value) >= least && length(value) <= most,
  },
  min: { counts: [1], bound: INT64, accepts: (value, [least]) => long(value) < INT64 && long(value) >= least },
  max: { counts: [1], bound: INT64, accepts: (value, [most]) => long(value) <= most && long(value) < INT64 },
  range: { counts: [2], bound: INT64, accepts: (value, [least, most]) => long(value) >= least && long(value) <= most },
};

function expression(pattern: string): Constraint {
  try {
    const compiled = new RegExp(pattern, 'iu');
    return (value) => compiled.test(value);
  } catch {
    // Escapes that the unicode mode refuses are fine without it.
  }
  try {
    const compiled = new RegExp(pattern, 'i');
    return (value) => compiled.test(value);
  } catch (error) {
    throw new ConstraintError(`the regular expression '${pattern}' cannot be read: ${String(error)}`, { cause: error });
  }
}

/** The rule behind an inline constraint such as `int` or `range(1,9)`. Throws ConstraintError. */
export function constraint(text: string): Constraint {
  const open = text.endsWith(')') ? text.indexOf('(') : -1;
  const name = (open < 0 ? text : text.slice(0, open)).toLowerCase();
  const argument = open < 0 ? undefined : text.slice(open + 1, -1);
  if (name === 'regex' && argument !== undefined) return expression(argument);
  const plain = PLAIN[name];
  if (plain && (argument === undefined || argument === '')) return plain;
  const numeric = NUMERIC[name];
  if (!numeric) throw new ConstraintError(`there is no route constraint '${text}'`);
  const numbers = (argument ?? '').split(',').map((part) => integer(part, numeric.bound));
  const [first, second = first] = numbers;
  if (first === undefined || second === undefined || !numeric.counts.includes(numbers.length))
    throw new ConstraintError(`the arguments of the route constraint '${text}' do not fit`);
  return (value) => numeric.accepts(value, [first, second]);
}
