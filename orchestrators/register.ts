import * as df from 'durable-functions';
import { provisionCluster, updateCluster } from './cluster.ts';
import { deleteCluster, removeBatch } from './delete.ts';
import { applyManagedCluster, deleteManagedCluster } from './managed.ts';
import { pursue } from './pursue.ts';
import { provisionPool, runStep } from './run-step.ts';

df.app.orchestration('provisionCluster', provisionCluster);
df.app.orchestration('updateCluster', updateCluster);
df.app.orchestration('deleteCluster', deleteCluster);
df.app.orchestration('applyManagedCluster', applyManagedCluster);
df.app.orchestration('deleteManagedCluster', deleteManagedCluster);
df.app.orchestration('removeBatch', removeBatch);
df.app.orchestration('runStep', runStep);
df.app.orchestration('provisionPool', provisionPool);
df.app.orchestration('pursue', pursue);
