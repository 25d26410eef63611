/** One seeded run of the simulation: some instances of every kind, client calls, crashes and clock jumps; then the promises are checked. */
import { EVENT, type HistoryEvent } from '../../../local/host/durable/events.ts';
import { ROUGH, Simulation } from './simulation.ts';

const MINUTE = 60_000;
const HORIZON_MS = 20 * MINUTE;
const TERMINAL = new Set(['Completed', 'Failed', 'Terminated']);

interface Planned {
  readonly id: string;
  readonly name: string;
  /** Whether the final status and output are right. */
  readonly right: (status: string, output: unknown) => boolean;
}

const same = (wanted: unknown) => (status: string, output: unknown) =>
  status === 'Completed' && JSON.stringify(output) === JSON.stringify(wanted);

/** Tells the host what a client wants; a client that reaches no host tries again, and sometimes says it twice. */
function client(sim: Simulation, delay: number, what: string, call: () => void): void {
  const attempt = (): void => {
    if (!sim.alive) return sim.schedule(500, attempt);
    sim.note(`client ${what}`);
    call();
  };
  sim.schedule(delay, attempt);
}

function start(sim: Simulation, planned: Planned, input: unknown): void {
  // A start of an ended instance would be a new one; a client that does not know better asks first.
  const begin = (): void => {
    if (TERMINAL.has(sim.store.instance(planned.id)?.status ?? '')) return;
    sim.engine.startInstance({ name: planned.name, instanceId: planned.id, inputJson: JSON.stringify(input) });
  };
  const delay = sim.random.below(2000);
  client(sim, delay, `start ${planned.id}`, begin);
  // A start of an instance that is known and has not ended is refused.
  if (sim.random.chance(0.3)) client(sim, delay + sim.random.below(50), `start ${planned.id} again`, begin);
}

type Plan = (sim: Simulation, id: string) => { planned: Planned; input: unknown };

const PLANS: readonly Plan[] = [
  (sim, id) => {
    const n = 1 + sim.random.below(9);
    return { planned: { id, name: 'fan', right: same((n * (n - 1)) / 2 || 0) }, input: { n } };
  },
  (sim, id) => {
    const [fails, attempts] = [sim.random.below(4), 1 + sim.random.below(3)];
    const value = fails < attempts ? fails + 1 : 'gave up';
    return {
      planned: { id, name: 'retries', right: same({ value }) },
      input: { fails, attempts, firstMs: 200 + sim.random.below(5000) },
    };
  },
  (sim, id) => {
    const waits = Array.from({ length: sim.random.below(5) }, () => sim.random.below(3 * MINUTE));
    const planned = { id, name: 'chain', right: same(waits.map((_, index) => index)) };
    if (sim.random.chance(0.3)) {
      const at = sim.random.below(2 * MINUTE);
      client(sim, at, `suspend ${id}`, () => sim.engine.suspend(id, 'pause'));
      client(sim, at + 1000 + sim.random.below(MINUTE), `resume ${id}`, () => sim.engine.resume(id, 'on'));
    }
    return { planned, input: { waits } };
  },
  (sim, id) => {
    const children = Array.from({ length: 1 + sim.random.below(3) }, () => 1 + sim.random.below(3));
    const sums = [...children.map((n) => (n * (n - 1)) / 2 || 0), 'child failed'];
    return { planned: { id, name: 'parent', right: same(sums) }, input: { children } };
  },
  (sim, id) => {
    const right = (status: string, output: unknown): boolean =>
      same({ event: 7 })(status, output) || same({ late: true })(status, output);
    const at = sim.random.below(4 * MINUTE);
    client(sim, at, `raise go ${id}`, () => sim.engine.raiseEvent(id, 'go', '7'));
    if (sim.random.chance(0.5)) client(sim, at, `raise go ${id} again`, () => sim.engine.raiseEvent(id, 'go', '7'));
    return { planned: { id, name: 'race', right }, input: { ms: sim.random.below(4 * MINUTE) } };
  },
  (sim, id) => {
    const n = 1 + sim.random.below(5);
    let at = 3000;
    for (let index = 0; index < n; index++) {
      at += sim.random.below(3) * 400;
      const value = index;
      // Each is sent once the one before is known to the host, so the order is the order of sending.
      client(sim, at + index, `raise ev ${value} ${id}`, () => ordered(sim, id, value));
    }
    return {
      planned: { id, name: 'events', right: same(Array.from({ length: n }, (_, index) => index)) },
      input: { n },
    };
  },
  (sim, id) => {
    const n = sim.random.below(5);
    const right = (status: string, output: unknown): boolean =>
      status === 'Completed' && Array.isArray(output) && output.length === n;
    return { planned: { id, name: 'counting', right }, input: { key: 'shared', n } };
  },
  (sim, id) => {
    const [from, to] = sim.random.chance(0.5) ? ['left', 'right'] : ['right', 'left'];
    return {
      planned: { id, name: 'transfer', right: same({ alone: true }) },
      input: { from, to, amount: 1 + sim.random.below(9) },
    };
  },
  (sim, id) => {
    const left = sim.random.below(5);
    return {
      planned: { id, name: 'generations', right: same({ total: (left * (left + 1)) / 2 }) },
      input: { left, total: 0 },
    };
  },
  (sim, id) => {
    const right = (status: string): boolean => status === 'Terminated' || status === 'Completed';
    client(sim, 2500 + sim.random.below(MINUTE), `terminate ${id}`, () => sim.engine.terminate(id, 'enough'));
    return { planned: { id, name: 'chain', right }, input: { waits: [1000, MINUTE, 1000] } };
  },
];

const sent = new WeakMap<Simulation, Map<string, number>>();

/** Raises events of one instance in order: one whose turn has not come, or whose instance has not been started, waits. */
function ordered(sim: Simulation, id: string, value: number): void {
  const next = sent.get(sim) ?? new Map<string, number>();
  sent.set(sim, next);
  if ((next.get(id) ?? 0) < value || !sim.alive || !sim.store.instance(id))
    return sim.schedule(300, () => ordered(sim, id, value));
  sim.engine.raiseEvent(id, 'ev', String(value));
  next.set(id, value + 1);
}

/** Crashes by chance or right after a commit, and jumps of the machine's clock. */
function trouble(sim: Simulation): void {
  for (let crash = sim.random.below(4); crash > 0; crash--) {
    if (sim.random.chance(0.5)) sim.schedule(sim.random.below(3 * MINUTE), () => sim.crash('by chance'));
    else sim.schedule(sim.random.below(2 * MINUTE), () => sim.crashAfterCommits(1 + sim.random.below(15)));
  }
  for (let jump = sim.random.below(3); jump > 0; jump--)
    sim.schedule(sim.random.below(sim.random.chance(0.5) ? 8000 : 5 * MINUTE), () => {
      sim.skew += (sim.random.next() * 2 - 1) * 15 * MINUTE;
      sim.skew = Math.round(sim.skew);
      sim.note(`clock is off by ${sim.skew}`);
    });
}

/** What is wrong with the history of an instance. */
function historyFaults(id: string, history: readonly HistoryEvent[]): string[] {
  const faults: string[] = [];
  const completions: ReadonlySet<number> = new Set([
    EVENT.TaskCompleted,
    EVENT.TaskFailed,
    EVENT.TimerFired,
    EVENT.SubOrchestrationInstanceCompleted,
    EVENT.SubOrchestrationInstanceFailed,
  ]);
  const seen = new Set<string>();
  let last = '';
  for (const event of history) {
    if (event.EventType === EVENT.OrchestratorStarted) {
      if (event.Timestamp < last) faults.push(`${id}: time goes back from ${last} to ${event.Timestamp}`);
      last = event.Timestamp;
    }
    if (!completions.has(event.EventType)) continue;
    const key = `${event.EventType === EVENT.TimerFired ? 'timer' : 'task'} ${JSON.stringify((event as { TaskScheduledId?: number; TimerId?: number }).TaskScheduledId ?? (event as { TimerId?: number }).TimerId)}`;
    if (seen.has(key)) faults.push(`${id}: ${key} has two results`);
    seen.add(key);
  }
  return faults;
}

function check(sim: Simulation, all: readonly Planned[]): string[] {
  const faults = sim.errors.map((error) => `error in the log: ${error}`);
  for (const planned of all) {
    const view = sim.store.view(planned.id);
    const output: unknown = view?.output === null || view?.output === undefined ? null : JSON.parse(view.output);
    if (!view || !planned.right(view.status, output))
      faults.push(`${planned.id} (${planned.name}) ended ${view?.status ?? 'nowhere'} with ${JSON.stringify(output)}`);
    faults.push(
      ...historyFaults(
        planned.id,
        sim.store.history(planned.id).map((piece): HistoryEvent => JSON.parse(piece)),
      ),
    );
  }
  for (const [key, runs] of sim.started) {
    const extra = runs - (sim.recorded.get(key) ?? 0);
    if (extra > sim.crashes)
      faults.push(`${key} ran ${runs} times for ${sim.recorded.get(key) ?? 0} results and ${sim.crashes} crashes`);
  }
  const state = (key: string): number => Number(sim.store.entity(`@counter@${key}`)?.state ?? 0);
  const counted = all.filter((planned) => planned.name === 'counting');
  const ones = counted.reduce(
    (sum, planned) => sum + (JSON.parse(sim.store.view(planned.id)?.output ?? '[]') as unknown[]).length,
    0,
  );
  if (state('shared') !== counted.length * 100 + ones)
    faults.push(`the counter holds ${state('shared')}, not ${counted.length * 100 + ones}`);
  if (state('left') + state('right') !== 0) faults.push(`${state('left')} and ${state('right')} do not add up to 0`);
  for (const entity of sim.store.entities('@'))
    if (entity.locked_by !== null) faults.push(`${entity.id} is still locked by ${entity.locked_by}`);
  return faults;
}

/** Plays one seed; its log and what went wrong. */
export async function storm(
  seed: number,
): Promise<{ log: readonly string[]; faults: readonly string[]; commits: number }> {
  const sim = await Simulation.create(seed, ROUGH);
  try {
    const count = 2 + sim.random.below(5);
    const all: Planned[] = [];
    for (let index = 0; index < count; index++) {
      const plan = PLANS[sim.random.below(PLANS.length)];
      if (!plan) continue;
      const { planned, input } = plan(sim, `i${index}`);
      all.push(planned);
      start(sim, planned, input);
    }
    trouble(sim);
    const quiet = await sim.run(HORIZON_MS * 10);
    const faults = check(sim, all);
    if (!quiet) faults.push('it does not come to rest');
    for (const planned of all)
      sim.note(`${planned.id} ${sim.store.view(planned.id)?.status} ${sim.store.view(planned.id)?.output}`);
    return { log: sim.log, faults, commits: sim.store.commits };
  } finally {
    sim.close();
  }
}

/** Plays a seed twice: its faults, and whether both logs are the same. */
export async function stormTwice(seed: number): Promise<{ faults: readonly string[]; commits: number }> {
  const [first, second] = [await storm(seed), await storm(seed)];
  const differs = first.log.findIndex((line, index) => line !== second.log[index]);
  const repeatable = differs < 0 && first.log.length === second.log.length;
  const place = `the second run differs at line ${differs}: '${first.log[differs]}' and '${second.log[differs]}'`;
  return { faults: repeatable ? first.faults : [...first.faults, place], commits: first.commits };
}
