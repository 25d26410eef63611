import { asArray, isObject, textOf } from './json.ts';

type Step =
  | { readonly member: string }
  | { readonly index: number }
  | { readonly all: true }
  | { readonly filter: readonly string[]; readonly value: string };

const compiled = new Map<string, readonly Step[]>();

/**
 * Values at a JSONPath of the kind that printer columns and scale paths use: members, `['quoted']`, `[0]`, `[*]` and
 * `[?(@.type=="Ready")]`. Nothing found is an empty list; a path that is not understood is an error.
 */
export function evaluate(path: string, value: unknown): unknown[] {
  let steps = compiled.get(path);
  if (steps === undefined) compiled.set(path, (steps = parse(path)));
  return steps.reduce<unknown[]>((values, step) => values.flatMap((item) => take(item, step)), [value]);
}

const STEP =
  /^(?:\.?\[\?\(@\.([\w.-]+)\s*==\s*["']([^"']*)["']\)\]|\.?\[['"]([^'"]+)['"]\]|\[(\d+)\]|\[\*\]|\.((?:\\.|[\w/-])+))/;

function parse(path: string): Step[] {
  const steps: Step[] = [];
  let rest = path.replace(/^\{(.*)\}$/, '$1').replace(/^\$/, '');
  if (rest !== '' && !/^[.[]/.test(rest)) rest = `.${rest}`;
  while (rest !== '' && rest !== '.') {
    const match = STEP.exec(rest);
    if (match === null) throw new Error(`JSONPath not understood: ${path} (at ${rest})`);
    const [text, filter, value, quoted, index, member] = match;
    if (filter !== undefined) steps.push({ filter: filter.split('.'), value: value ?? '' });
    else if (quoted !== undefined) steps.push({ member: quoted });
    else if (index !== undefined) steps.push({ index: Number(index) });
    else if (member === undefined) steps.push({ all: true });
    else steps.push({ member: member.replaceAll('\\', '') });
    rest = rest.slice(text.length);
  }
  return steps;
}

function take(value: unknown, step: Step): unknown[] {
  if ('member' in step) return isObject(value) && value[step.member] !== undefined ? [value[step.member]] : [];
  if ('index' in step) return asArray(value).slice(step.index, step.index + 1);
  const items = isObject(value) ? Object.values(value) : asArray(value);
  if ('all' in step) return [...items];
  return items.filter((item) => {
    const found = step.filter.reduce<unknown>((current, name) => (isObject(current) ? current[name] : undefined), item);
    return textOf(found) === step.value;
  });
}
