import { defineErrors } from './entry.ts';

/** 4xxx. */
export const bootstrapErrors = defineErrors({});
