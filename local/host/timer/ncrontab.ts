/** Fields of an NCRONTAB expression the way the NCrontab library reads them: numbers, names, ranges, lists and steps. */

/** An expression that cannot be read. */
export class NcrontabError extends Error {
  override readonly name = 'NcrontabError';
}

interface Kind {
  readonly title: string;
  readonly least: number;
  readonly most: number;
  readonly names?: readonly string[];
}

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');
const KINDS: readonly Kind[] = [
  { title: 'second', least: 0, most: 59 },
  { title: 'minute', least: 0, most: 59 },
  { title: 'hour', least: 0, most: 23 },
  { title: 'day', least: 1, most: 31 },
  { title: 'month', least: 1, most: 12, names: MONTHS },
  { title: 'day of week', least: 0, most: 6, names: DAYS },
];

function value(text: string, kind: Kind): number {
  if (/^\d+$/.test(text)) return Number(text);
  // The beginning of a name is enough, and the first that fits wins.
  const index = kind.names?.findIndex((name) => text !== '' && name.startsWith(text.toLowerCase())) ?? -1;
  if (index < 0) throw new NcrontabError(`'${text}' is no ${kind.title}`);
  return index + kind.least;
}

function item(text: string, kind: Kind, into: Set<number>): void {
  const slash = text.indexOf('/');
  const [range, step] = slash > 0 ? [text.slice(0, slash), text.slice(slash + 1)] : [text, undefined];
  if (step !== undefined && !/^[+-]?\d+$/.test(step)) throw new NcrontabError(`'${step}' is no step`);
  const dash = range.indexOf('-');
  let [first, last] = [kind.least, kind.most];
  if (range !== '*') {
    first = value(dash > 0 ? range.slice(0, dash) : range, kind);
    last = dash > 0 ? value(range.slice(dash + 1), kind) : step === undefined ? first : kind.most;
  }
  // A range that is written backwards is turned round.
  const [from, to] = first <= last ? [first, last] : [last, first];
  if (from < kind.least || to > kind.most)
    throw new NcrontabError(`'${text}' goes beyond ${kind.least} to ${kind.most}, the values of a ${kind.title}`);
  for (let at = from; at <= to; at += Math.max(1, Number(step ?? 1))) into.add(at);
}

/**
 * The values of each field, `*` for all of them: six fields, or five without seconds. Undefined when the text has another
 * number of fields; throws NcrontabError when a field cannot be read.
 */
export function readNcrontab(text: string): string[] | undefined {
  const fields = text.split(' ').filter((field) => field !== '');
  if (fields.length !== 5 && fields.length !== 6) return undefined;
  const kinds = KINDS.slice(KINDS.length - fields.length);
  return kinds.map((kind, index) => {
    const values = new Set<number>();
    for (const part of (fields[index] ?? '').split(',')) item(part, kind, values);
    return values.size > kind.most - kind.least ? '*' : [...values].sort((a, b) => a - b).join(',');
  });
}
