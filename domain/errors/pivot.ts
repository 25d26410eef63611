import { defineErrors } from './entry.ts';

/** 5xxx. */
export const pivotErrors = defineErrors({});
