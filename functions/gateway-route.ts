import type { HttpRequest } from '@azure/functions';
import { CapstanFailure } from '#domain/errors/error.ts';
import { requestError } from '#domain/spec/parse.ts';
import { gatewayName } from '#domain/storage/gateway.ts';

/**
 * The `{name}` of a gateway's address. Names that cannot be a gateway's never reach a query.
 *
 * @throws CapstanFailure CAP-1001
 */
export function gatewayInRoute(request: HttpRequest): string {
  const parsed = gatewayName.safeParse(request.params['name'] ?? '');
  if (parsed.success) return parsed.data;
  const message = parsed.error.issues[0]?.message ?? 'is no name';
  throw new CapstanFailure(requestError([{ path: 'name', message, code: 'CAP-1001' }]));
}
