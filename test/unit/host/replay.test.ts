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

  const past = (EventType: number, fields: object = {}): HistoryEvent[] => [...begin, event(EventType, fields, 0)];
  const timer: Action = { actionType: ACTION.CreateTimer, fireAt: at(5) };
  const child: Action = { actionType: ACTION.CallSubOrchestrator, functionName: 'c' };
  const made = { Name: 'old', Version: '', InstanceId: 'i' };
  const started = 'Was a change made to the orchestrator code after this instance had already started running?';
  const before = 'Non-Deterministic workflow detected: A previous execution of this orchestration scheduled';
  test.each([
    [
      [timer],
      past(EVENT.TaskScheduled, { Name: 'old' }),
      "an activity task with sequence number 0 named 'old', but the current orchestration replay instead produced a CreateTimerOrchestratorAction action with this sequence number.",
    ],
    [
      [],
      past(EVENT.TimerCreated),
      "a timer task with sequence number 0 but the current replay execution hasn't (yet?) scheduled this task.",
    ],
    [
      [activity('new')],
      past(EVENT.TimerCreated),
      'a timer task with sequence number 0 named but the current orchestration replay instead produced a ScheduleTaskOrchestratorAction action with this sequence number.',
    ],
    [
      [child],
      past(EVENT.SubOrchestrationInstanceCreated, made),
      "a sub-orchestration task with sequence ID 0 and name 'old' (version '', instance ID 'i'), but the current orchestration replay instead scheduled a sub-orchestration task with name c at this sequence number.",
    ],
    [
      [timer],
      past(EVENT.EventSent, made),
      "a send event task with sequence ID 0, type 'EventSent', name 'old', instance ID 'i', but the current orchestration replay instead scheduled a CreateTimerOrchestratorAction task at this sequence number.",
    ],
  ])('says what the code asks for now and what the history holds: %j', (actions, history, text) => {
    expect(() => replay('i', 'e', actions, history)).toThrow(`${before} ${text} ${started}`);
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

  const retrying = (retry: object): Action => ({
    ...activity('a'),
    actionType: ACTION.CallActivityWithRetry,
    retryOptions: { firstRetryIntervalInMilliseconds: 1000, maxNumberOfAttempts: 2, ...retry },
  });
  const failedOnce = [
    ...begin,
    event(EVENT.TaskScheduled, { Name: 'a' }, 0),
    event(EVENT.OrchestratorStarted, { Timestamp: at(9) }),
    event(EVENT.TaskFailed, { TaskScheduledId: 0, Reason: 'no', Details: '' }),
  ];

  test.each([
    ['the time-out has passed', { retryTimeoutInMilliseconds: 5000 }],
    ['the longest interval is zero', { maxRetryIntervalInMilliseconds: 0 }],
  ])('gives up without the closing timer of a retry when %s', (_name, retry) => {
    const result = replay('i', 'e', [retrying(retry)], failedOnce);
    expect(result).toMatchObject({ newActions: [], openTasks: 0, finished: true });
    expect(result.traps.map((trap) => trap.trap)).toEqual(['retry-timeout']);
  });

  test('does not retry what says that it must not be retried', () => {
    const failed = event(EVENT.TaskFailed, { TaskScheduledId: 0, FailureDetails: { IsNonRetriable: true } });
    const result = replay('i', 'e', [retrying({})], [...failedOnce.slice(0, -1), failed]);
    expect(result).toMatchObject({ newActions: [], finished: true });
  });

  test('caps the delay of a retry, and closes the last one with a timer that is due at once', () => {
    const due = (retry: object): unknown[] => replay('i', 'e', [retrying(retry)], failedOnce).newActions.slice();
    expect(due({})).toEqual([{ kind: 'timer', id: 1, fireAt: Date.parse(at(10)) }]);
    expect(due({ maxRetryIntervalInMilliseconds: 400 })).toMatchObject([{ fireAt: Date.parse(at(9)) + 400 }]);
    expect(due({ maxNumberOfAttempts: 1 })).toMatchObject([{ fireAt: Date.parse(at(9)) }]);
    expect(due({ maxNumberOfAttempts: 1, retryTimeoutInMilliseconds: 5000 })).toMatchObject([
      { fireAt: Date.parse(at(9)) },
    ]);
  });

  test('gives a child with an empty id one of its own', () => {
    expect(replay('i', 'e', [{ ...child, instanceId: '' }], begin).newActions).toMatchObject([
      { kind: 'sub', instanceId: undefined },
    ]);
  });

  test('releases locks in the order in which their entities were last called', () => {
    const call = (key: string): Action => ({ actionType: ACTION.CallEntity, instanceId: `@c@${key}`, operation: 'o' });
    const lock: Action = {
      actionType: ACTION.LockEntities,
      lockSet: ['a', 'b', 'c'].map((key) => ({ name: 'C', key })),
    };
    const actions = [lock, call('b'), call('a'), { actionType: ACTION.ReleaseEntities }];
    const history: HistoryEvent[] = begin.slice();
    const targets: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      const { newActions } = replay('i', 'e', actions, history);
      for (const action of newActions) {
        if (action.kind !== 'send') throw new Error(action.kind);
        if (action.name === 'release') targets.push(action.target);
        const { id } = action.payload as { id: string };
        history.push(
          event(EVENT.EventSent, { Name: action.name }, action.id),
          event(EVENT.EventRaised, { Name: id, Input: '{}' }),
        );
      }
    }
    expect(targets).toEqual(['@c@c', '@c@b', '@c@a']);
  });

  describe('of callHttp', () => {
    const request = { method: 'POST', uri: 'http://a/b', content: 'x', headers: { 'X-Functions-Key': 'k', q: '1' } };
    const answered = (headers: object, ...later: HistoryEvent[]): ReturnType<typeof replay> =>
      replay(
        'i',
        'e',
        [{ actionType: ACTION.CallHttp, httpRequest: request }, activity('next')],
        [
          ...begin,
          event(EVENT.TaskScheduled, { Name: 'BuiltIn::HttpActivity' }, 0),
          event(EVENT.TaskCompleted, {
            TaskScheduledId: 0,
            Result: JSON.stringify({ statusCode: 202, headers, content: '' }),
          }),
          ...later,
        ],
      );
    const fired = [event(EVENT.TimerCreated, {}, 1), event(EVENT.TimerFired, { TimerId: 1 })];

    test('waits as long as the answer says, then asks the other address without body and function key', () => {
      expect(answered({ Location: '/c', 'Retry-After': '0' }).newActions).toMatchObject([
        { fireAt: Date.parse(at(0)) },
      ]);
      expect(answered({ Location: '/c' }).newActions).toMatchObject([{ fireAt: Date.parse(at(30)) }]);
      const poll = answered({ location: '/c', 'retry-after': '2' }, ...fired).newActions;
      const input = { method: 'GET', uri: 'http://a/c', content: undefined, headers: { q: '1' } };
      expect(poll).toMatchObject([{ kind: 'activity', input }]);
    });

    test('disagrees with the SDK about a 202 without Location, and about a date as Retry-After', () => {
      expect(answered({}).newActions).toMatchObject([{ kind: 'timer', id: 1 }]);
      expect(answered({}, ...fired).newActions).toMatchObject([{ id: 2, name: 'next' }]);
      const dated = answered({ Location: '/c', 'Retry-After': 'Fri, 20 Nov 2026 22:06:03 GMT' });
      expect(dated.newActions).toMatchObject([{ id: 1, name: 'next' }]);
      expect(dated.traps.map((trap) => trap.trap)).toEqual(['http-poll']);
    });
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
