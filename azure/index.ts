import { connect } from './clients/clients.ts';
import { readFacts, shareFrom, survey } from './facts/facts.ts';
import { findOwned } from './inventory/find.ts';
import { groupExists, managedCredentials } from './managed/credentials.ts';
import { surveyManaged } from './managed/facts.ts';
import { observeManaged } from './managed/observe.ts';
import { preflightManaged } from './managed/preflight.ts';
import { applyTags } from './inventory/tags.ts';
import { kinds } from './kinds.ts';
import { observeGroup, observeOthers } from './observe/observe.ts';
import { instanceView, serialConsole } from './machine/machine.ts';
import { preflight } from './preflight/preflight.ts';
import { createSecrets } from './secrets/secrets.ts';
import { createCopy } from './storage/copy.ts';
import { withUsers } from './storage/users.ts';
import { relayBlobs } from './storage/relay.ts';
import { listStorage } from './storage/inventory.ts';
import type { Azure, AzureSettings } from './types.ts';

export type * from './storage/copy-types.ts';
export type * from './types.ts';

/**
 * Connects Capstan to Azure. Nothing is loaded and nothing is asked before the first call.
 *
 * @throws Error when `gatewayUrl` is not an http address on the loopback interface
 */
export function createAzure(settings: AzureSettings): Azure {
  const connection = connect(settings);
  const secrets = createSecrets(connection);
  const copy = withUsers(connection, createCopy(connection, secrets));
  return {
    ensure: (request) => kinds[request.resource.kind].ensure(connection, request),
    remove: (request) => kinds[request.kind].remove(connection, request),
    survey: (document, uid, planned) => survey(connection, secrets, document, uid, planned),
    readFacts: (document, uid, planned) => readFacts(connection, secrets, document, uid, planned),
    shareFrom: (document, facts, from) => shareFrom(connection, document, facts, from),
    preflight: (plan, facts) => preflight(connection, plan, facts, { copy, secrets }),
    surveyManaged: (document) => surveyManaged(connection, document),
    preflightManaged: (plan, facts) => preflightManaged(connection, plan, facts),
    observeManaged: (plan) => observeManaged(connection, plan),
    managedCredentials: (plan, role) => managedCredentials(connection, plan, role),
    groupExists: (subscriptionId, name) => groupExists(connection, subscriptionId, name),
    copy,
    leaveCopy: (plan) => copy.leave(plan),
    listStorage: (subscriptionId, resourceGroup) => listStorage(connection, subscriptionId, resourceGroup),
    secrets,
    findOwned: (plan, options) => findOwned(connection, plan, options),
    applyTags: (plan, change, most) => applyTags(connection, plan, change, most),
    observe: (plan, resources) =>
      connection.withReads(plan.azure.subscriptionId, resources.length + 2, async () => {
        const group = observeGroup(connection, plan);
        const others = observeOthers(connection, plan);
        const rest = resources.map((resource) => kinds[resource.kind].observe(connection, plan, resource));
        return [...(await Promise.all([group, ...rest])), ...(await others)];
      }),
    serialConsole: (vmId) => serialConsole(connection, vmId),
    instanceView: (vmId) => instanceView(connection, vmId),
    relay: (plan) => relayBlobs(connection, plan),
  };
}
