/** Result lines of the conformance run, and the differences that docs/conformance.md names. */
import { readFileSync } from 'node:fs';

/** A difference that is known; `pattern` matches `<case id>: <place>`, with `*` for anything. */
interface Known {
  readonly pattern: string;
  readonly reason: string;
  readonly matcher: RegExp;
  used: boolean;
}

/** Numbers of one part. `named` differences are listed with a reason; `different` ones are not. */
export interface PartResult {
  readonly name: string;
  same: number;
  named: number;
  different: number;
}

/** Differences printed for one case. */
const LINES = 20;

/** Reads the rows `| \`pattern\` | reason |` of the page. */
export function readKnown(file: string): Known[] {
  const rows: Known[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const match = /^\| `([^`]+)` *\| (.+?) *\|$/.exec(line);
    const [, pattern, reason] = match ?? [];
    if (pattern === undefined || reason === undefined) continue;
    const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll('*', '.*');
    rows.push({ pattern, reason, matcher: new RegExp(`^${escaped}$`, 's'), used: false });
  }
  return rows;
}

/** Collects and prints. */
export class Report {
  readonly #known: Known[];
  readonly #print: (line: string) => void;
  readonly parts: PartResult[] = [];

  constructor(known: Known[], print: (line: string) => void) {
    this.#known = known;
    this.#print = print;
  }

  part(name: string): PartResult {
    const part = { name, same: 0, named: 0, different: 0 };
    this.parts.push(part);
    return part;
  }

  /** Records a case: `places` are the differences found, empty when it is the same. */
  case(part: PartResult, id: string, places: readonly string[]): void {
    const open: string[] = [];
    const reasons = new Set<string>();
    for (const place of places) {
      const known = this.#known.find((row) => row.matcher.test(`${part.name}/${id}: ${place}`));
      if (known) {
        known.used = true;
        reasons.add(known.reason);
      } else open.push(place);
    }
    if (places.length === 0) {
      part.same++;
      this.#print(`same       ${part.name}/${id}`);
    } else if (open.length === 0) {
      part.named++;
      this.#print(`named      ${part.name}/${id} (${[...reasons].join('; ')})`);
    } else {
      part.different++;
      this.#print(`different  ${part.name}/${id}`);
      for (const place of open.slice(0, LINES)) this.#print(`             ${place}`);
      if (open.length > LINES) this.#print(`             and ${open.length - LINES} more`);
    }
  }

  /** Prints the numbers of a part. */
  close(part: PartResult): void {
    const total = `${part.same} same, ${part.named + part.different} different`;
    const split = part.named > 0 ? ` (${part.named} of them named in docs/conformance.md)` : '';
    this.#print(`${part.name}: ${total}${split}\n`);
  }

  /** Patterns of the page that matched nothing in this run. */
  unused(): string[] {
    return this.#known.filter((row) => !row.used).map((row) => row.pattern);
  }

  get failed(): boolean {
    return this.parts.some((part) => part.different > 0);
  }
}
