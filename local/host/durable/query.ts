/** Query parameters as the extension reads them (.NET): names without case, a repeated one joined by commas, unreadable values ignored. */
export class Query {
  readonly #values = new Map<string, string>();

  constructor(parameters: URLSearchParams) {
    for (const [name, value] of parameters) {
      const key = name.toLowerCase();
      const before = this.#values.get(key);
      this.#values.set(key, before === undefined ? value : `${before},${value}`);
    }
  }

  text(name: string): string | undefined {
    return this.#values.get(name.toLowerCase());
  }

  /** `true` or `false` in any case; `otherwise` for everything else. */
  flag(name: string, otherwise: boolean): boolean {
    const text = this.text(name)?.trim().toLowerCase();
    return text === 'true' || text === 'false' ? text === 'true' : otherwise;
  }

  /** A number; undefined when there is none. */
  number(name: string): number | undefined {
    const text = this.text(name)?.trim();
    const value = Number(text);
    return text === undefined || text === '' || !Number.isFinite(value) ? undefined : value;
  }

  /** Milliseconds since 1970; undefined when there is no readable time. */
  time(name: string): number | undefined {
    const value = Date.parse(this.text(name) ?? '');
    return Number.isNaN(value) ? undefined : value;
  }

  /** Names of runtime statuses, or their numbers; what is neither is left out. Undefined when nothing is left. */
  statuses(name: string): string[] | undefined {
    const asked = (this.text(name) ?? '').split(',').map((text) => text.trim());
    const known = asked.map((text) => STATUSES.find((status, index) => status === text || String(index) === text));
    const found = known.filter((status) => status !== undefined);
    return found.length > 0 ? found : undefined;
  }
}

/** Runtime statuses in the order of their numbers. */
const STATUSES = [
  'Running',
  'Completed',
  'ContinuedAsNew',
  'Failed',
  'Canceled',
  'Terminated',
  'Pending',
  'Suspended',
] as const;
