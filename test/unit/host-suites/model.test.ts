import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Simulation, STEADY } from './simulation.ts';

/**
 * Proves against a small reference model: one instance that races an external event against a timer, again and again, does
 * what the rules of the engine say for every order of events, passing time, suspend, resume, terminate and crashes.
 */
type Step =
  | { readonly do: 'event'; readonly value: number }
  | { readonly do: 'pass'; readonly ms: number }
  | { readonly do: 'suspend' | 'resume' | 'terminate' | 'crash' };

const ROUNDS = 4;
const LIMIT_MS = 10_000;

/** The rules, without histories, messages or processes. Times in milliseconds since the start. */
class Model {
  status = 'Running';
  readonly got: (number | string)[] = [];
  #now = 0;
  #deadline = LIMIT_MS;
  /** False while the timer of the current round has been asked for but not been scheduled: the instance was suspended. */
  #armed = true;

  get #active(): boolean {
    return this.status === 'Running' || this.status === 'Suspended';
  }

  pass(ms: number): void {
    const end = this.#now + ms;
    while (this.#active && this.#armed && this.#deadline <= end) this.#take('late', this.#deadline);
    this.#now = end;
  }

  event(value: number): void {
    if (this.#active && this.got.length < ROUNDS) this.#take(value, this.#now);
  }

  suspend(): void {
    if (this.status === 'Running') this.status = 'Suspended';
  }

  /** What was held back happens now: a timer that should have fired meanwhile fires at once. */
  resume(): void {
    if (this.status !== 'Suspended') return;
    this.status = 'Running';
    if (this.got.length === ROUNDS) this.status = 'Completed';
    this.#armed = true;
    this.pass(0);
  }

  terminate(): void {
    if (this.#active) this.status = 'Terminated';
  }

  #take(value: number | string, at: number): void {
    this.got.push(value);
    // A timer that came due while nothing was armed fires at the moment of the resume.
    this.#deadline = Math.max(at, this.#now) + LIMIT_MS;
    this.#armed = this.status === 'Running';
    if (this.got.length === ROUNDS && this.status === 'Running') this.status = 'Completed';
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.nat(99).map((value): Step => ({ do: 'event', value })) },
  // Never a multiple of the limit: what happens first at one and the same moment is not fixed.
  { weight: 4, arbitrary: fc.constantFrom(1003, 3007, 12_011).map((ms): Step => ({ do: 'pass', ms })) },
  { weight: 3, arbitrary: fc.constantFrom('suspend', 'resume').map((what): Step => ({ do: what })) },
  { weight: 1, arbitrary: fc.constantFrom('terminate', 'crash').map((what): Step => ({ do: what })) },
);

async function play(sim: Simulation, one: Step): Promise<void> {
  if (one.do === 'event') sim.engine.raiseEvent('one', 'ev', JSON.stringify(one.value));
  else if (one.do === 'suspend') sim.engine.suspend('one', 'pause');
  else if (one.do === 'resume') sim.engine.resume('one', 'on');
  else if (one.do === 'terminate') sim.engine.terminate('one', 'enough');
  else if (one.do === 'crash') sim.crash('as the test says', 0);
  await sim.run(sim.time + (one.do === 'pass' ? one.ms : 0));
}

function apply(model: Model, one: Step): void {
  if (one.do === 'event') model.event(one.value);
  else if (one.do === 'pass') model.pass(one.ms);
  else if (one.do !== 'crash') model[one.do]();
}

describe('the engine and the reference model agree', () => {
  test('on events, timers, suspend, resume, terminate and crashes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 16 }), async (steps) => {
        const sim = await Simulation.create(1, STEADY);
        const model = new Model();
        sim.engine.startInstance({
          name: 'inbox',
          instanceId: 'one',
          inputJson: JSON.stringify({ n: ROUNDS, ms: LIMIT_MS }),
        });
        await sim.run(0);
        for (const one of steps) {
          await play(sim, one);
          apply(model, one);
          const view = sim.store.view('one');
          const custom: { got?: unknown } = JSON.parse(view?.custom ?? '{}') ?? {};
          expect({ status: view?.status, got: custom.got ?? [] }).toEqual({ status: model.status, got: model.got });
        }
        if (model.status === 'Completed') expect(JSON.parse(sim.store.view('one')?.output ?? '')).toEqual(model.got);
        expect(sim.errors).toEqual([]);
        sim.close();
      }),
      { numRuns: 300 },
    );
  });

  test('on the state of entities, whatever is signalled and whenever the process dies', async () => {
    const operation = fc.oneof(
      {
        weight: 6,
        arbitrary: fc.record({
          op: fc.constant('add'),
          key: fc.constantFrom('a', 'b'),
          value: fc.integer({ min: -9, max: 9 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          op: fc.constant('set'),
          key: fc.constantFrom('a', 'b'),
          value: fc.integer({ min: -9, max: 9 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({
          op: fc.constantFrom('delete', 'crash'),
          key: fc.constantFrom('a', 'b'),
          value: fc.constant(0),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 20 }), async (operations) => {
        const sim = await Simulation.create(2, STEADY);
        const model = new Map<string, number>();
        for (const { op, key, value } of operations) {
          if (op === 'crash') sim.crash('as the test says', 0);
          else sim.engine.signalEntity(`@counter@${key}`, op, JSON.stringify(value));
          if (op === 'delete') model.delete(key);
          else if (op !== 'crash') model.set(key, op === 'set' ? value : (model.get(key) ?? 0) + value);
          // Some signals meet in one batch, others come one by one.
          if (value % 2 === 0) await sim.run(sim.time);
        }
        await sim.run();
        for (const key of ['a', 'b']) {
          const row = sim.store.entity(`@counter@${key}`);
          const state = row?.present === 1 ? JSON.parse(row.state ?? 'null') : undefined;
          expect(state, key).toEqual(model.get(key));
        }
        expect(sim.errors).toEqual([]);
        sim.close();
      }),
      { numRuns: 150 },
    );
  });
});
