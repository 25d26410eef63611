import type { Log } from '../core/log.ts';
import type { DurableFunctions } from './contracts.ts';
import type { OrchestratorState } from './events.ts';
import type { InstanceRow } from './store.ts';

/** Path of the first place at which two JSON values differ, e.g. `actions.0.2.input`; undefined when they are equal. */
export function firstDifference(left: unknown, right: unknown, place = ''): string | undefined {
  if (Object.is(left, right)) return undefined;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return place;
  const a = new Map<string, unknown>(Object.entries(left));
  const b = new Map<string, unknown>(Object.entries(right));
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    const found = firstDifference(a.get(key), b.get(key), place === '' ? key : `${place}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function jsonOf(state: OrchestratorState | undefined): unknown {
  return JSON.parse(JSON.stringify(state ?? null));
}

/** Replays finished orchestrations in a fresh generator and reports those that then decide otherwise. */
export class StrictCheck {
  readonly #functions: DurableFunctions;
  readonly #log: Log;
  differences = 0;

  constructor(functions: DurableFunctions, log: Log) {
    this.#functions = functions;
    this.#log = log;
  }

  /** Runs the last episode again; `first` is what it decided the first time. */
  async confirm(
    row: InstanceRow,
    payload: string,
    first: { readonly state: OrchestratorState; readonly thrown: string | undefined },
  ): Promise<void> {
    const name = this.#functions.find('orchestrator', row.name) ?? row.name;
    const second = await this.#functions.runOrchestrator(name, payload);
    const place = firstDifference(jsonOf(first.state), jsonOf(second.state));
    if (place === undefined) return;
    this.differences++;
    this.#log.write({
      level: 'error',
      category: 'Host.Durable',
      message: `durable trap not-deterministic: instance '${row.id}' (${row.name}): a second replay of the same history differs at '${place}' (docs/durable-traps.md#not-deterministic)`,
    });
  }
}
