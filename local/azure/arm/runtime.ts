import type { Clock } from '../clock.ts';
import type { MachineHost } from '../machines.ts';
import type { StorageDataPlane } from '../service.ts';
import { finishOperation } from './engine/complete.ts';
import { createFaults } from './engine/faults.ts';
import type { Tuning, World } from './engine/model.ts';
import { createRandom } from '../random.ts';
import { type Operation, openStore } from './engine/store.ts';
import { CLUSTERS, machinesChanged } from './kinds/agentPools.ts';
import { KINDS } from './kinds/index.ts';
import { bootedMachine, powerOf } from './kinds/machinePower.ts';
import { SEED, seedAzure } from './seed.ts';

export interface RuntimeOptions {
  /** Folder for the state (`arm.sqlite`). */
  readonly directory: string;
  readonly clock: Clock;
  readonly storage: StorageDataPlane;
  readonly machines: MachineHost;
  /** Fill an empty state with the seeded Azure (default true). */
  readonly seed?: boolean;
  /** Decides durations, ids and probabilities; the same seed and requests give the same answers. */
  readonly randomSeed?: string;
  readonly tuning?: Partial<Tuning>;
}

type Submit = World['submit'];

const TUNING: Tuning = { pageSize: 200, rolePropagationSeconds: 20, identityReplicationSeconds: 30 };
const MACHINES = 'Microsoft.Compute/virtualMachines';

/** State and time of the simulated ARM: what is due happens, and every change is atomic. */
class Runtime {
  readonly world: World;
  readonly #options: RuntimeOptions;
  readonly #timers = new Set<{ cancel(): void }>();
  #started = false;
  #closed = false;

  constructor(options: RuntimeOptions, submit: Submit) {
    this.#options = options;
    const store = openStore(options.directory);
    const random = createRandom(options.randomSeed ?? 'capstan', Number(store.setting('randomPosition') ?? 0));
    this.world = {
      store,
      clock: options.clock,
      random,
      storage: options.storage,
      machines: options.machines,
      faults: createFaults(random.draw),
      tuning: { ...TUNING, ...options.tuning },
      tenantId: SEED.tenantId,
      kinds: KINDS,
      schedule: (operation) => this.#schedule(operation),
      submit,
    };
    this.#fill();
  }

  /** Runs one atomic change; the position of the random sequence is part of it. */
  readonly write = <T>(work: () => T): T => {
    const { store, random } = this.world;
    const before = random.position;
    return store.transaction(() => {
      const result = work();
      if (random.position !== before) store.putSetting('randomPosition', random.position);
      return result;
    });
  };

  /** Ends every operation whose time has come, in the order of their ends. */
  readonly settle = (): void => {
    const { store, clock } = this.world;
    const due = store.pendingOperations().filter(({ dueAt }) => dueAt !== null && dueAt <= clock.now());
    for (const operation of due.sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0))) {
      this.write(() => finishOperation(this.world, operation));
    }
  };

  /** Resumes operations in flight and boots the running machines again; once. */
  readonly start = (): void => {
    if (this.#started || this.#closed) return;
    this.#started = true;
    const { store, machines } = this.world;
    for (const operation of store.pendingOperations()) this.#schedule(operation);
    for (const machine of store.ofType(MACHINES)) {
      if (powerOf(machine) !== 'running' || machine.state === 'Deleting') continue;
      machines.start(bootedMachine(this.world, machine), { resumed: true });
    }
    for (const cluster of store.ofType(CLUSTERS)) {
      if (cluster.state !== 'Creating' && cluster.state !== 'Deleting') machinesChanged(this.world, cluster);
    }
  };

  /** Back to the seeded Azure. */
  readonly reset = (): void => {
    const { store, machines, faults } = this.world;
    for (const machine of store.ofType(MACHINES)) {
      if (powerOf(machine) === 'running') machines.stop(machine.id, 'deleted');
    }
    for (const cluster of store.ofType(CLUSTERS)) machines.managedClusters?.remove(cluster.id);
    faults.clear();
    store.clear();
    this.#fill();
  };

  readonly close = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    for (const timer of this.#timers) timer.cancel();
    this.world.store.close();
  };

  #schedule(operation: Operation): void {
    if (operation.dueAt === null || this.#closed) return;
    const { clock } = this.world;
    const seconds = (Math.max(0, operation.dueAt - clock.now()) / 1000) * clock.timeScale;
    const timer = clock.after(seconds, () => {
      this.#timers.delete(timer);
      if (!this.#closed) this.settle();
    });
    this.#timers.add(timer);
  }

  #fill(): void {
    const { store } = this.world;
    if (this.#options.seed === false || store.setting('seeded') === true) return;
    this.write(() => {
      seedAzure(this.world);
      store.putSetting('seeded', true);
    });
  }
}

/**
 * Opens the state and seeds it when it is empty.
 *
 * @param submit how a request of ARM's own is answered
 */
export function createRuntime(options: RuntimeOptions, submit: Submit): Runtime {
  return new Runtime(options, submit);
}
