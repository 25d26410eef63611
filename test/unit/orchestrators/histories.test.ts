import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { type NonDeterminismError, replay } from '#local/host/durable/replay.ts';
import { orchestrators } from '../../support/orchestration.ts';

/**
 * Histories of earlier builds replay on today's orchestrators. They were recorded with `npm run record-histories`; a
 * change that breaks one would break running clusters and needs a new `defaultVersion` in host.json.
 */
const folder = path.resolve(import.meta.dirname, '../../fixtures/histories');

interface Recorded {
  readonly name: string;
  readonly instanceId: string;
  readonly executionId: string;
  readonly events: readonly {
    readonly EventType: number;
    readonly Input?: unknown;
    readonly [field: string]: unknown;
  }[];
}

interface Decision {
  readonly isDone: boolean;
  readonly actions: readonly (readonly { readonly actionType: number }[])[];
  readonly output?: unknown;
}

/** The SDK's own executor: the very code that runs in production. */
const require = createRequire(import.meta.url);
const { Orchestrator } = require('durable-functions/lib/src/orchestrations/Orchestrator.js') as {
  Orchestrator: new (generator: unknown) => { handle(trigger: unknown, context: unknown): Promise<Decision> };
};

async function decide(recorded: Recorded): Promise<Decision> {
  const started = recorded.events.find((event) => event.EventType === 0);
  const input = typeof started?.Input === 'string' ? (JSON.parse(started.Input) as unknown) : null;
  const trigger = {
    history: structuredClone(recorded.events),
    input,
    instanceId: recorded.instanceId,
    isReplaying: true,
    parentInstanceId: null,
    upperSchemaVersion: 1,
    upperSchemaVersionNew: 3,
    longRunningTimerIntervalDuration: '3.00:00:00',
    maximumShortTimerDuration: '6.00:00:00',
    defaultHttpAsyncRequestSleepTimeMillseconds: 30_000,
  };
  return new Orchestrator(orchestrators[recorded.name]).handle(trigger, { log: () => undefined });
}

const files = readdirSync(folder).filter((file) => file.endsWith('.json'));

describe('stored histories', () => {
  it('exist for every orchestrator', () => {
    const names = new Set(
      files.flatMap((file) =>
        (JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Recorded[]).map(({ name }) => name),
      ),
    );
    expect([...names].toSorted()).toEqual(Object.keys(orchestrators).toSorted());
  });

  for (const file of files) {
    const recordings = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Recorded[];
    it.each(recordings.map((recorded, index) => [`${recorded.name} #${index}`, recorded] as const))(
      `of ${file} replay: %s`,
      async (_title, recorded) => {
        const decision = await decide(recorded);
        const result = replay(
          recorded.instanceId,
          recorded.executionId,
          decision.actions[0] as never,
          recorded.events as never,
        );
        expect(result.newActions, 'a finished history leaves nothing new to do').toEqual([]);
        expect(decision.isDone || result.continueAsNew !== undefined).toBe(true);
      },
    );
  }

  it('show when code has changed: a history with another first activity does not fit', async () => {
    const [file = ''] = files;
    const recorded = (JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Recorded[]).find(
      ({ name }) => name === 'runStep',
    )!;
    const changed = {
      ...recorded,
      events: recorded.events.map((event) => (event.EventType === 4 ? { ...event, Name: 'somethingElse' } : event)),
    };
    const decision = await decide(changed);
    expect(() =>
      replay(changed.instanceId, changed.executionId, decision.actions[0] as never, changed.events as never),
    ).toThrow(expect.objectContaining({ name: 'NonDeterminismError' } satisfies Partial<NonDeterminismError>));
  });
});
