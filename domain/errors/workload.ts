import { defineErrors } from './entry.ts';

/** 6xxx. */
export const workloadErrors = defineErrors({});
