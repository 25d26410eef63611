import type { OrchestratorState } from './events.ts';

/** True for a value that means the same before and after it has been written as JSON and read again. */
function isPlain(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return value === undefined;
  if (Array.isArray(value)) return value.every((item) => item !== undefined && isPlain(item));
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && Object.values(value).every(isPlain);
}

/** Fields that hold values of the app; all others come from the SDK alone. */
const USER_FIELDS = ['input'];

function readAction(action: object): object | undefined {
  const fields: Record<string, unknown> = { ...action };
  if (fields['httpRequest'] !== undefined || fields['lockSet'] !== undefined) return undefined;
  if (USER_FIELDS.some((name) => !isPlain(fields[name]))) return undefined;
  if (fields['fireAt'] instanceof Date) fields['fireAt'] = fields['fireAt'].toISOString();
  const nested = fields['compoundActions'];
  if (!Array.isArray(nested)) return fields;
  const children = nested.map((child: object) => readAction(child));
  return children.includes(undefined) ? undefined : { ...fields, compoundActions: children };
}

/**
 * The state that an orchestrator function returned, without the way over JSON; undefined when that way would change it
 * (a Date, a class, a Map, undefined in a list, HTTP and lock requests) and so must be gone.
 */
export function readState(raw: unknown): OrchestratorState | undefined {
  if (typeof raw !== 'object' || raw === null || !('actions' in raw) || !Array.isArray(raw.actions)) return undefined;
  const state: Record<string, unknown> = { ...raw };
  if (!isPlain(state['output']) || !isPlain(state['customStatus'])) return undefined;
  const lists: (object[] | undefined)[] = raw.actions.map((list: object[]) => {
    const read = list.map(readAction);
    return read.includes(undefined) ? undefined : (read as object[]);
  });
  if (lists.includes(undefined) || typeof state['isDone'] !== 'boolean') return undefined;
  return { ...state, isDone: state['isDone'], actions: lists as OrchestratorState['actions'] };
}
