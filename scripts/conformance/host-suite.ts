import type { Report } from './report.ts';
export async function compareHost(_a: string, _b: string, _c: Report, _d: RegExp): Promise<void> {}
