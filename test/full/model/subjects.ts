import { managed } from './aks.ts';
import { selfManaged } from './iaas.ts';
import type { Subject } from './subject.ts';

/** What lives are played on; every second one on AKS. */
export const subjects: readonly Subject[] = [selfManaged, managed];
