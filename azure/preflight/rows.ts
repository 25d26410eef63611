import type { PreflightCheck } from '../types.ts';

export function passed(id: string, title: string, detail: string): PreflightCheck {
  return { id, title, ok: true, detail };
}

export function refused(id: string, title: string, error: NonNullable<PreflightCheck['error']>): PreflightCheck {
  return { id, title, ok: false, detail: error.message, error };
}
