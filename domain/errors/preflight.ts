import { defineErrors } from './entry.ts';

/** 2xxx. */
export const preflightErrors = defineErrors({});
