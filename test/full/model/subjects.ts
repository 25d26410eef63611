import { selfManaged } from './iaas.ts';
import type { Subject } from './subject.ts';

/** What lives are played on. */
export const subjects: readonly Subject[] = [selfManaged];
