import type { AnyDocument } from '#domain/managed/types.ts';
import type { Doors } from './api.ts';
import type { Trouble } from './args.ts';
import type { Stack } from './running.ts';
import type { StatusDocument } from './status-document.ts';
import { wantedPools } from './view/facts.ts';
import { count } from './view/text.ts';

/** Brings the trouble of `--break` about and tells how it is met. */
export interface Troublemaker {
  /** Gives the simulated Azure its orders. @returns sentences for the screen */
  prepare(): Promise<readonly string[]>;
  /** Settles when the orders stand. */
  readonly prepared: Promise<void>;
  /** Looks at a running operation, acts when its time has come. @returns new sentences */
  look(document: StatusDocument): Promise<readonly string[]>;
}

interface Order {
  readonly faults: readonly object[];
  readonly sentence: string;
}

/** Orders for the simulator's door `POST /_simulator/faults`, aimed at what this cluster asks for. */
export function orderFor(trouble: Exclude<Trouble, 'kill'>, spec: AnyDocument['spec']): Order {
  const { location } = spec.azure;
  const [pool] = wantedPools(spec);
  if (trouble === 'quota') {
    return {
      faults: [{ quota: { location, family: 'cores', limit: 10 } }],
      sentence: `break quota: the subscription may use 10 cores in ${location}`,
    };
  }
  if (trouble === 'zone') {
    const zone = pool?.zones?.at(-1) ?? '3';
    const name = pool?.vmSize ?? ('controlPlane' in spec ? spec.controlPlane.vmSize : 'Standard_D2s_v5');
    return {
      faults: [{ sku: { name, location, zones: [zone] } }],
      sentence: `break zone: ${name} is not offered in zone ${zone} of ${location}`,
    };
  }
  return everywhere[trouble];
}

const everywhere: Readonly<Record<'keys' | 'throttle', Order>> = {
  keys: {
    faults: [
      {
        policy: {
          name: 'no-shared-keys',
          effect: 'modify',
          type: 'Microsoft.Storage/storageAccounts',
          property: 'properties.allowSharedKeyAccess',
          set: false,
        },
      },
    ],
    sentence: 'break keys: a policy of the subscription makes every new storage account refuse shared keys and SAS',
  },
  throttle: {
    faults: [
      {
        match: { method: 'PUT', probability: 0.5 },
        times: 12,
        action: {
          kind: 'status',
          status: 429,
          code: 'TooManyRequests',
          message: 'The request is being throttled.',
          retryAfter: 12,
        },
      },
    ],
    sentence: 'break throttle: Azure answers every second write with 429 and Retry-After 12, a dozen times',
  },
};

/** @param trouble undefined: orders of an earlier start are taken back */
export function createTroublemaker(
  trouble: Trouble | undefined,
  spec: AnyDocument['spec'],
  doors: Doors,
  stack: Stack,
): Troublemaker {
  const { promise: prepared, resolve } = Promise.withResolvers<void>();
  const look = looks(trouble, doors, stack);
  return {
    prepared,
    look,
    async prepare() {
      await doors.clearFaults();
      const order = trouble === undefined || trouble === 'kill' ? undefined : orderFor(trouble, spec);
      if (order !== undefined) await doors.order(order.faults);
      resolve();
      if (trouble === 'kill') return ['break kill: the Functions host will be killed in the middle of a step'];
      return order === undefined ? [] : [order.sentence];
    },
  };
}

function looks(trouble: Trouble | undefined, doors: Doors, stack: Stack): Troublemaker['look'] {
  if (trouble === 'kill') return killer(stack);
  if (trouble === 'throttle') return throttleCounter(doors);
  return async () => [];
}

/** Kills the host once, while a step from the control plane on is running. */
function killer(stack: Stack): Troublemaker['look'] {
  let killed = false;
  const early = new Set(['preflight', 'network', 'identity', 'image', 'keys', 'finish']);
  return async ({ status }) => {
    const step = status.steps.find(({ id, state }) => state === 'running' && !early.has(id));
    if (killed || step === undefined) return [];
    killed = true;
    const pid = await stack.killAndRestartHost();
    return [
      `killed the Functions host (pid ${pid ?? 'unknown'}, SIGKILL) in the middle of “${step.title}”; started it again on the same data`,
    ];
  };
}

/** Counts what the simulated Azure refused, and says so once the run has ended. */
function throttleCounter(doors: Doors): Troublemaker['look'] {
  let seen = 0;
  let refused = 0;
  return async ({ status }) => {
    const lines = await doors.requestsAfter(seen);
    seen = Math.max(seen, ...lines.map((line) => line.seq));
    refused += lines.filter((line) => line.status === 429).length;
    if (status.operation.state !== 'finished' || refused === 0) return [];
    const met = status.phase === 'Ready' ? '; each was made again after the time that Azure asked for' : '';
    return [`${count(refused, 'call')} got 429 with Retry-After${met}`];
  };
}
