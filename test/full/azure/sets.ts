import type { VirtualWorld } from '../../support/virtual.ts';
import { type Cell, cellsOf, faults, ruleOf } from './cells.ts';
import { type DataCell, dataCellsOf, dataMayFail, dataRule, dataTitle } from './data-cells.ts';
import {
  type Case,
  cluster,
  deleteAll,
  document,
  type Ending,
  group,
  judgeProvision,
  leftovers,
  nameOfCall,
  type Recording,
  storyOf,
  troubleWith,
} from './matrix.ts';

/** The sets of runs that the matrix is made of. */
export const sets: Readonly<Record<string, (recording: Recording) => readonly Case[]>> = {
  /** Every fault at every call of a provision. */
  provision: (recording) => cellsOf(recording.calls).map(provisionCase),
  /** Every fault at every call of a provision to storage, Key Vault and the token endpoint. */
  data: (recording) => dataCellsOf(recording.dataCalls).map(dataCase),
  /** Every fault at every call of a deletion. */
  deletion: (recording) => cellsOf(recording.deletionCalls).map(deletionCase),
  /** A provision that fails at every activity, one whose host dies there, and one that is cancelled there. */
  steps: (recording) =>
    recording.activities.flatMap((activity) =>
      // What a report says of itself changes nothing, and an operation that is ending cannot be stopped.
      /^finish|reportStep/.test(activity)
        ? []
        : [failCase(activity), crashCase(activity), cancelCase(activity, 'keep'), cancelCase(activity, 'delete')],
    ),
};

const wrong = (detail: string): Ending => ({ ended: 'wrong', detail, hit: true });

function titleOf({ call, fault }: Cell): string {
  return `${fault} @ ${call.method} ${call.template}`;
}

/** Calls that a fault refuses as too many. */
function refusals({ fault }: Cell): number {
  const action = faults[fault]?.action;
  return action !== undefined && 'status' in action && action.status === 429 ? 1 : 0;
}

function provisionCase(cell: Cell): Case {
  return {
    title: titleOf(cell),
    async run(world, before, recording) {
      const number = await world.fault(ruleOf(cell, group));
      await world.apply(document());
      const judged = await judgeProvision(world, recording);
      if (judged.ended === 'wrong') return wrong(judged.detail);
      if (judged.ended === 'Failed' && faults[cell.fault]?.mayFail !== true)
        return wrong(`${judged.detail} (a passing trouble failed the run)`);
      const left = await deleteAll(world, before);
      const trouble = await troubleWith(world, recording, refusals(cell));
      if (left !== '' || trouble !== '') return wrong(`${judged.ended} ${judged.detail}, and then: ${left}${trouble}`);
      return { ...judged, hit: (await world.struck(number)) > 0 };
    },
  };
}

function dataCase(cell: DataCell): Case {
  return {
    title: dataTitle(cell),
    async run(world, before, recording) {
      const name = await world.fault(dataRule(cell));
      await world.apply(document());
      const judged = await judgeProvision(world, recording);
      if (judged.ended === 'wrong') return wrong(judged.detail);
      if (judged.ended === 'Failed' && !dataMayFail(cell))
        return wrong(`${judged.detail} (a passing trouble failed the run)`);
      const left = await deleteAll(world, before);
      const trouble = await troubleWith(world, recording);
      if (left !== '' || trouble !== '') return wrong(`${judged.ended} ${judged.detail}, and then: ${left}${trouble}`);
      return { ...judged, hit: (await world.struck(name)) > 0 };
    },
  };
}

/** A deletion may end Failed too; then the second one, undisturbed, must leave nothing. */
function deletionCase(cell: Cell): Case {
  return {
    title: `delete: ${titleOf(cell)}`,
    async run(world, before, recording) {
      await world.apply(document());
      const { phase } = await world.settled(cluster);
      if (phase !== 'Ready') return wrong(`the provision ended in phase ${phase}`);
      const number = await world.fault(ruleOf(cell, group));
      await world.delete(cluster);
      const first = await world.settled(cluster);
      const hit = (await world.struck(number)) > 0;
      if (first.phase === 'Deleted') {
        const left = await leftovers(world, before);
        const trouble = await troubleWith(world, recording, refusals(cell));
        return left === '' && trouble === '' ? { ended: 'Deleted', detail: '', hit } : wrong(left + trouble);
      }
      const judged = await judgeProvision(world, recording);
      if (judged.ended !== 'Failed') return wrong(judged.detail);
      if (faults[cell.fault]?.mayFail !== true)
        return wrong(`${judged.detail} (a passing trouble failed the deletion)`);
      const left = await deleteAll(world, before);
      return left === '' ? { ended: 'Failed', detail: judged.detail, hit } : wrong(`${judged.detail}, then: ${left}`);
    },
  };
}

/** The activity does its work, and says that it has failed: what it began is there and nobody has noted it. */
function failCase(activity: string): Case {
  return {
    title: `fails: ${activity}`,
    async run(world, before, recording) {
      let hit = false;
      world.host.onActivity(async (call, run) => {
        const outcome = await run();
        if (nameOfCall(call) !== activity || hit) return outcome;
        hit = true;
        const error = { code: 'CAP-9001', message: 'injected by the matrix' };
        return { ok: true, resultJson: JSON.stringify({ status: 'failed', error }) };
      });
      await world.apply(document());
      const judged = await judgeProvision(world, recording);
      if (judged.ended !== 'Failed') return wrong(`ended ${judged.ended} although ${activity} failed`);
      const left = await deleteAll(world, before);
      const trouble = await troubleWith(world, recording);
      return left === '' && trouble === ''
        ? { ...judged, hit }
        : wrong(`${judged.detail}, and then: ${left}${trouble}`);
    },
  };
}

/** The host dies after the activity has done its work and before that was recorded: the next host does it again. */
function crashCase(activity: string): Case {
  return {
    title: `crashes: ${activity}`,
    async run(world, before, recording) {
      let hit = false;
      world.host.onActivity(async (call, run) => {
        const outcome = await run();
        if (nameOfCall(call) === activity && !hit) {
          hit = true;
          world.host.crash();
        }
        return outcome;
      });
      await world.apply(document());
      const judged = await judgeProvision(world, recording);
      if (judged.ended !== 'Ready') return wrong(`ended ${judged.ended}: ${judged.detail}`);
      const left = await deleteAll(world, before);
      const trouble = await troubleWith(world, recording);
      return left === '' && trouble === '' ? { ...judged, hit } : wrong(left + trouble);
    },
  };
}

/** Somebody cancels while the activity runs. `keep` leaves what exists: then it is applied again, and deleted. */
function cancelCase(activity: string, then: 'keep' | 'delete'): Case {
  return {
    title: `cancelled, ${then}: ${activity}`,
    async run(world, before, recording) {
      let hit = false;
      world.host.onActivity(async (call, run) => {
        if (nameOfCall(call) !== activity || hit) return run();
        hit = true;
        const [outcome] = await Promise.all([run(), world.cancel(cluster, then)]);
        return outcome;
      });
      await world.apply(document());
      const ended = then === 'delete' ? await settledTwice(world) : await world.settled(cluster);
      if (then === 'delete') {
        if (ended.phase !== 'Deleted') return wrong(`ended in phase ${ended.phase}:\n${await storyOf(world)}`);
        const left = await leftovers(world, before);
        const trouble = await troubleWith(world, recording);
        return left === '' && trouble === '' ? { ended: 'Deleted', detail: '', hit } : wrong(left + trouble);
      }
      if (ended.head.operation.error?.code !== 'CAP-9005')
        return wrong(`ended in phase ${ended.phase} instead of cancelled:\n${await storyOf(world)}`);
      await world.apply(document(), 'again');
      const again = await judgeProvision(world, recording);
      if (again.ended !== 'Ready') return wrong(`applied again, it is ${again.ended}: ${again.detail}`);
      const left = await deleteAll(world, before);
      const trouble = await troubleWith(world, recording);
      return left === '' && trouble === '' ? { ...again, hit } : wrong(`applied again, and then: ${left}${trouble}`);
    },
  };
}

/** Until the deletion that follows a cancelled provision has ended. */
async function settledTwice(world: VirtualWorld): Promise<Awaited<ReturnType<VirtualWorld['settled']>>> {
  await world.until(
    async () => (await world.store.clusters.head(cluster))?.value.operation.kind === 'delete',
    'the deletion that was asked for',
  );
  return world.settled(cluster);
}
