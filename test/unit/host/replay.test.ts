import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ACTION, EVENT, type Action, type HistoryEvent } from '../../../local/host/durable/events.ts';
import { NonDeterminismError, replay } from '../../../local/host/durable/replay.ts';
import { deterministicUuid, sevenDigitTime } from '../../../local/host/durable/uuid.ts';
import { FIXTURES, REFERENCE } from './support.ts';

interface Episode {
  readonly instanceId: string;
  readonly executionId: string;
  readonly actions: readonly Action[];
  readonly history: readonly HistoryEvent[];
  readonly expected: readonly string[];
}

const KINDS: Record<number, string> = { 4: 'activity', 7: 'sub', 10: 'timer', 14: 'send' };

function line(kind: string, id: number, name: string | null | undefined, fireAt: string | number | undefined): string {
  const time = kind === 'timer' ? `@${new Date(fireAt ?? 0).toISOString().slice(0, 23)}` : '';
  return `${kind}#${id}:${(name ?? '').toLowerCase()}${time}`;
}

/** Episodes of a recording that have a following payload: what the real extension wrote in between is expected. */
function episodesOf(file: string): Episode[] {
  const recording = JSON.parse(readFileSync(file, 'utf8'));
  if (recording.thinned) return [];
  const executions = new Map<string, any[]>();
  for (const item of recording.invocations) {
    if (item.kind !== 'orchestrator' || !item.payload?.history) continue;
    const executionId = item.payload.history.find((event: any) => event.EventType === 0)?.OrchestrationInstance
      .ExecutionId;
    const key = `${item.instanceId}|${executionId}`;
    executions.set(key, [...(executions.get(key) ?? []), item]);
  }
  const episodes: Episode[] = [];
  for (const [key, list] of executions) {
    for (const [index, item] of list.entries()) {
      const next = list[index + 1];
      if (!next || next.payload.history.length <= item.payload.history.length) continue;
      if (next.payload.history.some((event: any) => event.EventType === 17)) continue;
      const message: string = item.reply?.error?.message ?? '';
      const at = message.lastIndexOf('$OutOfProcData$:');
      const state = item.reply?.result?.json ?? (at < 0 ? undefined : JSON.parse(message.slice(at + 16)));
      if (!state?.actions) continue;
      const rest: HistoryEvent[] = next.payload.history.slice(item.payload.history.length);
      const end = rest.findIndex((event) => event.EventType === 13);
      const expected = rest
        .slice(0, Math.max(0, end))
        .filter((event) => KINDS[event.EventType])
        .map((event) => line(KINDS[event.EventType]!, event.EventId, event.Name, event.FireAt));
      episodes.push({
        instanceId: item.instanceId,
        executionId: key.split('|')[1]!,
        actions: state.actions[0],
        history: item.payload.history,
        expected,
      });
    }
  }
  return episodes;
}

function scheduled({ instanceId, executionId, actions, history }: Episode): string[] {
  return replay(instanceId, executionId, actions, history).newActions.map((action) =>
    line(
      action.kind,
      action.id,
      'name' in action ? action.name : undefined,
      action.kind === 'timer' ? action.fireAt : undefined,
    ),
  );
}

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const event = (EventType: number, fields: object = {}, EventId = -1): HistoryEvent => ({
  EventType,
  EventId,
  IsPlayed: false,
  Timestamp: at(0),
  ...fields,
});
const begin = [event(EVENT.OrchestratorStarted), event(EVENT.ExecutionStarted, { Name: 'x' })];
const activity = (functionName: string): Action => ({ actionType: ACTION.CallActivity, functionName });

describe('replay', () => {
  const fixture: Episode[] = JSON.parse(readFileSync(path.join(FIXTURES, 'episodes.json'), 'utf8'));
  test.each(fixture.map((episode) => [`${episode.instanceId} (${episode.history.length} events)`, episode] as const))(
    'schedules what the real extension scheduled: %s',
    (_name, episode) => {
      expect(scheduled(episode)).toEqual(episode.expected);
    },
  );

  const recordings = path.join(REFERENCE, 'durable-recordings');
  test.skipIf(!existsSync(recordings))('schedules what the real extension scheduled in all recorded episodes', () => {
    let count = 0;
    for (const name of readdirSync(recordings).filter((file) => /^\d.*\.json$/.test(file))) {
      for (const episode of episodesOf(path.join(recordings, name))) {
        count++;
        expect(scheduled(episode), `${name} ${episode.instanceId}`).toEqual(episode.expected);
      }
    }
    expect(count).toBe(401);
  });

  test('names a history that the code does not match', () => {
    const history = [...begin, event(EVENT.TaskScheduled, { Name: 'old', Version: '' }, 0)];
    expect(() => replay('i', 'e', [activity('new')], history)).toThrow(NonDeterminismError);
    expect(() => replay('i', 'e', [], history)).toThrow("hasn't (yet?) scheduled this task");
  });

  test('spends no id on what cannot be scheduled and goes on with the next action', () => {
    const actions = [activity('missing'), activity('known')];
    const result = replay('i', 'e', actions, begin, {
      refuse: (action) => (action.functionName === 'missing' ? 'there is none' : undefined),
    });
    expect(result.newActions).toEqual([{ kind: 'activity', id: 0, name: 'known', input: undefined }]);
    expect(result.traps.map((trap) => trap.trap)).toEqual(['not-scheduled']);
  });

  test('schedules nothing while suspended and everything after the resume', () => {
    const paused = [
      ...begin,
      event(EVENT.TaskScheduled, { Name: 'a' }, 0),
      event(EVENT.ExecutionSuspended),
      event(EVENT.TaskCompleted, { TaskScheduledId: 0, Result: null }),
    ];
    const actions = [activity('a'), activity('b')];
    expect(replay('i', 'e', actions, paused)).toMatchObject({ suspended: true, newActions: [] });
    expect(replay('i', 'e', actions, [...paused, event(EVENT.ExecutionResumed)]).newActions).toMatchObject([
      { id: 1, name: 'b' },
    ]);
  });

  test('gives every branch of a fan-out its own id, whatever order the results come in', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), fc.array(fc.nat(), { maxLength: 20 }), (size, picks) => {
        const compoundActions = Array.from({ length: size }, (_, index) => activity(`a${index}`));
        const actions: Action[] = [{ actionType: ACTION.WhenAll, compoundActions }, activity('after')];
        const open = compoundActions.map((_, index) => index);
        const history = [...begin, ...open.map((id) => event(EVENT.TaskScheduled, { Name: `a${id}` }, id))];
        for (const pick of picks) {
          const [id] = open.splice(pick % Math.max(1, open.length), 1);
          if (id !== undefined) history.push(event(EVENT.TaskCompleted, { TaskScheduledId: id, Result: null }));
        }
        const result = replay('i', 'e', actions, history);
        expect(result.openTasks).toBe(open.length + (open.length === 0 ? 1 : 0));
        expect(result.newActions.map((action) => action.id)).toEqual(open.length === 0 ? [size] : []);
      }),
    );
  });
});

describe('request ids', () => {
  test('are version-5 UUIDs of instance, episode time and number', () => {
    expect(sevenDigitTime('2026-11-20T22:05:41.309698Z')).toBe('2026-11-20T22:05:41.3096980Z');
    expect(sevenDigitTime('2026-11-20T22:05:41.123Z')).toBe('2026-11-20T22:05:41.1230000Z');
    expect(deterministicUuid('11b-locks-two_2026-11-20T22:05:01.1801248Z_0')).toBe(
      '50bc7713-2881-50eb-b29e-fbacefb187f0',
    );
  });
});
