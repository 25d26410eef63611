import { defineErrors } from './entry.ts';

/** 3xxx. */
export const azureErrors = defineErrors({});
