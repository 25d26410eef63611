import { createPipelineRequest } from '@azure/core-rest-pipeline';
import { type CallResult, call } from './capture.ts';
import type { Connection } from './clients.ts';

/** Pages of one list that are followed. */
const maxPages = 20;

/**
 * A GET of Azure Resource Manager that no installed SDK package has (policies, permissions at a subscription), through
 * the pipeline of one that is there: the same token, budget, capture and gateway.
 *
 * @param path ARM path with its query, api-version included
 * @returns the bodies: one of a resource, the elements of a list
 */
export async function readArm(
  connection: Connection,
  subscriptionId: string,
  path: string,
): Promise<CallResult<readonly unknown[]>> {
  const client = await connection.clients(subscriptionId).authorization();
  return call(async () => {
    const found: unknown[] = [];
    let url: string | undefined = `${connection.cloud.resourceManager}${path}`;
    for (let page = 0; url !== undefined && page < maxPages; page++) {
      const response = await client.sendRequest(createPipelineRequest({ url }));
      // Never read: `call` reports the answer that the capture policy kept.
      if (response.status >= 400) throw new Error(`status ${response.status}`);
      const body = JSON.parse(response.bodyAsText ?? 'null') as { value?: unknown; nextLink?: unknown } | null;
      if (Array.isArray(body?.value)) found.push(...(body.value as readonly unknown[]));
      else found.push(body);
      url = typeof body?.nextLink === 'string' && isOwn(connection, body.nextLink) ? body.nextLink : undefined;
    }
    return found;
  });
}

/** The token goes to Azure Resource Manager and nowhere else. */
function isOwn(connection: Connection, url: string): boolean {
  return url.startsWith(`${connection.cloud.resourceManager}/`);
}
