import type { OrchestratorState } from './events.ts';

/** Deeper values, and those that contain themselves, are left to JSON. */
const DEEPEST = 100;

/** True for a value that means the same before and after it has been written as JSON and read again. */
function isPlain(value: unknown, depth = 0): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true;
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object') return value === undefined;
  if (depth > DEEPEST) return false;
  if (Array.isArray(value)) return value.every((item) => item !== undefined && isPlain(item, depth + 1));
  const prototype: unknown = Object.getPrototypeOf(value);
  return (
    (prototype === Object.prototype || prototype === null) &&
    Object.values(value).every((item) => isPlain(item, depth + 1))
  );
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

function readPlain(raw: { readonly actions: unknown[] }): OrchestratorState | undefined {
  const state: Record<string, unknown> = { ...raw };
  if (!isPlain(state['output']) || !isPlain(state['customStatus']) || typeof state['isDone'] !== 'boolean')
    return undefined;
  const actions: object[][] = [];
  for (const list of raw.actions) {
    const read = Array.isArray(list) ? list.map((action: object) => readAction(action)) : [undefined];
    if (read.includes(undefined)) return undefined;
    actions.push(read as object[]);
  }
  return { ...state, isDone: state['isDone'], actions: actions as OrchestratorState['actions'] };
}

/**
 * The state that an orchestrator function returned. Plain values are taken as they are; when the way over JSON would change
 * something (a Date, a class, HTTP and lock requests), it is gone. Undefined when this is no state; throws what JSON throws.
 */
export function readState(raw: unknown): OrchestratorState | undefined {
  if (typeof raw !== 'object' || raw === null || !('actions' in raw) || !Array.isArray(raw.actions)) return undefined;
  return readPlain({ ...raw, actions: raw.actions }) ?? JSON.parse(JSON.stringify(raw));
}
