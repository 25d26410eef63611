import type { Clock } from '#local/azure/clock.ts';
import type { Json } from '../objects.ts';
import { isJson } from '../objects.ts';
import { type ArmRequest, sendRequest } from './arm-send.ts';

/** An answer that is not a success; `code` is Azure's error code. */
export class ArmError extends Error {
  readonly status: number;
  readonly code: string;
  /** Azure seconds, from Retry-After. */
  readonly retryAfter: number | undefined;

  constructor(status: number, code: string, message: string, retryAfter?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** Which managed identity of which machine signs in. */
export interface SignIn {
  /** ARM id of the virtual machine on which the controller's pod runs. */
  readonly vmId: string;
  readonly clientId: string | undefined;
  readonly identityId: string | undefined;
}

/** Azure Resource Manager as a pod reaches it: managed identity from the metadata service, long-running operations polled. */
export interface ArmClient {
  /** The resource, or undefined when it does not exist. */
  get(path: string, apiVersion: string, query?: Record<string, string>): Promise<ArmResource | undefined>;
  /** Creates or replaces and waits until the operation has ended. */
  put(path: string, apiVersion: string, body: Json, etag?: string): Promise<ArmResource>;
  patch(path: string, apiVersion: string, body: Json): Promise<void>;
  /** Deletes and waits; an absent resource is fine. */
  remove(path: string, apiVersion: string): Promise<void>;
}

export interface ArmResource {
  id: string;
  name: string;
  etag?: string;
  location?: string;
  tags?: Record<string, string>;
  identity?: { userAssignedIdentities?: Record<string, unknown> };
  properties: Json & { provisioningState?: string };
  [field: string]: unknown;
}

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Json;
}

const ARM = 'management.azure.com';
const METADATA = '169.254.169.254';
const POLL_SECONDS = 10;
const THROTTLE_RETRIES = 6;

async function send(gateway: string, request: ArmRequest): Promise<Reply> {
  const { status, headers, text } = await sendRequest(gateway, request);
  return { status, headers, body: parseBody(text) };
}

function parseBody(text: string): Json {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : {};
  } catch {
    return {};
  }
}

function header(reply: Reply, name: string): string | undefined {
  const value = reply.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

function errorOf(reply: Reply): ArmError {
  const error = isJson(reply.body['error']) ? reply.body['error'] : {};
  const code = typeof error['code'] === 'string' ? error['code'] : `HTTP${reply.status}`;
  const message = typeof error['message'] === 'string' ? error['message'] : 'no message';
  const retryAfter = Number(header(reply, 'retry-after'));
  return new ArmError(
    reply.status,
    code,
    `RESPONSE ${reply.status}: ${code}: ${message}`,
    Number.isFinite(retryAfter) ? retryAfter : undefined,
  );
}

/** Managed-identity tokens of one machine: fetched on first use and again shortly before they expire. */
function createTokenSource(gatewayUrl: string, clock: Clock, signIn: SignIn): () => Promise<string> {
  let token: { value: string; expires: number } | undefined;
  return async () => {
    if (token !== undefined && token.expires > clock.now() + 60_000) return token.value;
    const query = new URLSearchParams({ 'api-version': '2018-02-01', resource: `https://${ARM}/` });
    if (signIn.clientId !== undefined) query.set('client_id', signIn.clientId);
    else if (signIn.identityId !== undefined) query.set('msi_res_id', signIn.identityId);
    const headers = {
      Metadata: 'true',
      'Proxy-Authorization': `Basic ${Buffer.from(`${signIn.vmId}:`).toString('base64')}`,
    };
    const reply = await send(gatewayUrl, {
      method: 'GET',
      host: METADATA,
      path: `/metadata/identity/oauth2/token?${query.toString()}`,
      headers,
    });
    const value = reply.body['access_token'];
    if (reply.status !== 200 || typeof value !== 'string') {
      const description = reply.body['error_description'] ?? reply.body['error'];
      throw new ArmError(
        reply.status,
        'ManagedIdentityCredential',
        `ManagedIdentityCredential authentication failed: the requested identity isn't assigned to this resource (${typeof description === 'string' ? description : `HTTP ${reply.status}`})`,
      );
    }
    const expires = Number(reply.body['expires_on']) * 1000;
    token = { value, expires: Number.isFinite(expires) ? expires : clock.now() + 600_000 };
    return value;
  };
}

/** Creates a client that signs in from a machine and waits for the operations that it starts. */
export function createArmClient(gatewayUrl: string, clock: Clock, signIn: SignIn): ArmClient {
  const bearer = createTokenSource(gatewayUrl, clock, signIn);
  const sleep = (seconds: number): Promise<void> => new Promise((resolve) => void clock.after(seconds, resolve));

  const call = async (method: string, path: string, body?: Json, etag?: string): Promise<Reply> => {
    for (let attempt = 0; ; attempt += 1) {
      const headers: Record<string, string> = {
        Authorization: `Bearer ${await bearer()}`,
        Accept: 'application/json',
        'User-Agent': 'cluster-api-provider-azure/v1.26.0',
      };
      if (body !== undefined) headers['Content-Type'] = 'application/json';
      if (etag !== undefined) headers['If-Match'] = etag;
      const reply = await send(gatewayUrl, {
        method,
        host: ARM,
        path,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const isBusy = reply.status === 429 || reply.status >= 500;
      if (!isBusy || attempt >= THROTTLE_RETRIES) return reply;
      await sleep(Number(header(reply, 'retry-after')) || 2 ** attempt);
    }
  };

  /** Follows Azure-AsyncOperation or Location, whichever the answer carries. */
  const settle = async (first: Reply): Promise<void> => {
    const operation = header(first, 'azure-asyncoperation');
    const location = header(first, 'location');
    const target = operation ?? (first.status === 202 ? location : undefined);
    if (target === undefined) return;
    const { pathname, search } = new URL(target);
    let wait = Number(header(first, 'retry-after')) || POLL_SECONDS;
    for (;;) {
      await sleep(wait);
      const reply = await call('GET', `${pathname}${search}`);
      if (reply.status >= 400) throw errorOf(reply);
      wait = Number(header(reply, 'retry-after')) || POLL_SECONDS;
      const status = reply.body['status'];
      if (operation === undefined ? reply.status !== 202 : status === 'Succeeded') return;
      if (status === 'Failed' || status === 'Canceled') throw errorOf({ ...reply, status: 200 });
    }
  };

  const get = async (
    path: string,
    apiVersion: string,
    query: Record<string, string> = {},
  ): Promise<ArmResource | undefined> => {
    const reply = await call(
      'GET',
      `${path}?${new URLSearchParams({ 'api-version': apiVersion, ...query }).toString()}`,
    );
    if (reply.status === 404) return undefined;
    if (reply.status >= 400) throw errorOf(reply);
    return reply.body as unknown as ArmResource;
  };
  return {
    get,
    put: async (path, apiVersion, body, etag) => {
      const reply = await call('PUT', `${path}?api-version=${apiVersion}`, body, etag);
      if (reply.status >= 400) throw errorOf(reply);
      await settle(reply);
      const created = await get(path, apiVersion);
      if (created === undefined) throw new ArmError(404, 'ResourceNotFound', `${path} vanished while it was created`);
      return created;
    },
    patch: async (path, apiVersion, body) => {
      const reply = await call('PATCH', `${path}?api-version=${apiVersion}`, body);
      if (reply.status >= 400) throw errorOf(reply);
      await settle(reply);
    },
    remove: async (path, apiVersion) => {
      const reply = await call('DELETE', `${path}?api-version=${apiVersion}`);
      if (reply.status === 404 || reply.status === 204) return;
      if (reply.status >= 400) throw errorOf(reply);
      await settle(reply);
    },
  };
}
