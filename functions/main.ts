/** Entry of the Function app: importing a file registers what it defines. One entry, one copy of the library. */
import { app } from '@azure/functions';
import '#activities/register.ts';
import '#orchestrators/register.ts';
import './check-clusters.ts';
import './cluster-action.ts';
import './cluster-apply.ts';
import './cluster-bundle.ts';
import './cluster-delete.ts';
import './cluster-events.ts';
import './cluster-get.ts';
import './cluster-kubeconfig.ts';
import './cluster-list.ts';
import './cluster-plan.ts';
import './cluster-requests.ts';
import './dashboard.ts';
import './gateway-apply.ts';
import './gateway-delete.ts';
import './gateway-get.ts';
import './gateway-list.ts';
import './health.ts';
import './openapi.ts';
import './operation-cancel.ts';
import './operation-get.ts';
import './request-get.ts';
import './storage-list.ts';
import './sweep-operations.ts';
import './versions-get.ts';
import { application } from './runtime.ts';

app.hook.appStart(() => {
  // A wrong configuration ends the start with the whole list of problems, not the first request at night.
  application();
});
