/** Cross-origin requests as `func start` treats them: `Host.CORS` and `Host.CORSCredentials` of local.settings.json. */
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Origins that may call, `*` for all; and whether they may send credentials. */
export interface Cors {
  readonly origins: readonly string[];
  readonly credentials: boolean;
}

/** Sets the headers of an allowed origin; true when the request was a preflight and needs nothing but its 204. */
export function applyCors(cors: Cors, request: IncomingMessage, response: ServerResponse): boolean {
  const { origin } = request.headers;
  if (origin === undefined) return false;
  const method = request.headers['access-control-request-method'];
  const isPreflight = request.method === 'OPTIONS' && method !== undefined;
  const anybody = cors.origins.includes('*');
  if (cors.origins.length > 1 && !anybody) response.setHeader('Vary', 'Origin');
  if (!anybody && !cors.origins.some((known) => known.toLowerCase() === origin.toLowerCase())) return isPreflight;
  response.setHeader('Access-Control-Allow-Origin', anybody ? '*' : origin);
  if (cors.credentials) response.setHeader('Access-Control-Allow-Credentials', 'true');
  if (!isPreflight) return false;
  const headers = request.headers['access-control-request-headers'];
  if (headers !== undefined) response.setHeader('Access-Control-Allow-Headers', headers);
  response.setHeader('Access-Control-Allow-Methods', method);
  return true;
}
