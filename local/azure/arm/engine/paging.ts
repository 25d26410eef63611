import type { AzureReply, AzureRequest } from '../../service.ts';
import { ArmError, jsonReply } from './errors.ts';
import type { JsonObject } from './json.ts';
import type { World } from './model.ts';

/** A page of a list: `value`, and `nextLink` to this ARM when there is more. */
export function pageReply(world: World, request: AzureRequest, items: readonly JsonObject[]): AzureReply {
  const asked = Number(request.query.get('$top') ?? world.tuning.pageSize);
  const size = Number.isInteger(asked) && asked > 0 ? Math.min(asked, world.tuning.pageSize) : world.tuning.pageSize;
  const token = request.query.get('$skiptoken');
  const start = token === null ? 0 : Number(Buffer.from(token, 'base64url').toString('utf8') || Number.NaN);
  if (!Number.isInteger(start) || start < 0)
    throw new ArmError(400, 'InvalidSkipToken', `The $skiptoken '${token ?? ''}' is not one that this API gave out.`);
  const value = items.slice(start, start + size);
  if (start + size >= items.length) return jsonReply(200, { value });
  const query = new URLSearchParams(request.query);
  query.set('$skiptoken', Buffer.from(String(start + size)).toString('base64url'));
  return jsonReply(200, { value, nextLink: `https://management.azure.com${request.path}?${query.toString()}` });
}
