import type { AzureReply, AzureRequest } from '../../service.ts';
import { ArmError } from './errors.ts';
import type { FaultAction } from './faults.ts';
import type { World } from './model.ts';

type Answer = (fault: FaultAction | undefined, headers: Record<string, string>) => AzureReply;

/**
 * Answers a request the way a fault rule wants it, adds the headers that every answer of ARM has, and turns refusals into
 * ARM's error form.
 */
export async function answerWithFaults(world: World, request: AzureRequest, answer: Answer): Promise<AzureReply> {
  const fault = world.faults.take(request);
  if (fault?.kind === 'reset-before') return { status: 0, headers: {}, reset: 'before-answer' };
  if (fault?.kind === 'status') return decorate(world, request, injected(world, fault), {});
  if (fault?.kind === 'token-expired') return decorate(world, request, expiredToken(world).reply(), {});
  const headers: Record<string, string> = {};
  if (fault?.kind === 'duplicate') tryAnswer(() => answer(undefined, {}));
  const reply = decorate(
    world,
    request,
    tryAnswer(() =>
      fault?.kind === 'stale' && request.method === 'GET'
        ? world.store.beforeLastWrite(request.path.toLowerCase(), () => answer(fault, headers))
        : answer(fault, headers),
    ),
    headers,
  );
  if (fault?.kind === 'reset-after') return { status: 0, headers: {}, reset: 'before-answer' };
  if (fault?.kind === 'truncate') return { ...reply, reset: 'truncate-body' };
  if (fault?.kind === 'delay') {
    await new Promise<void>((done) => {
      world.clock.after(fault.seconds, done);
    });
  }
  return reply;
}

function tryAnswer(answer: () => AzureReply): AzureReply {
  try {
    return answer();
  } catch (error) {
    if (error instanceof ArmError) return error.reply();
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return new ArmError(
      500,
      'InternalServerError',
      `The simulated Azure failed while it answered; this is a defect of the simulator: ${message}`,
      { cause: 'service' },
    ).reply();
  }
}

function expiredToken(world: World): ArmError {
  const message =
    'The access token expiry UTC time is earlier than current UTC time: the token was good when it was sent first.';
  return new ArmError(401, 'ExpiredAuthenticationToken', message, {
    cause: 'gateway',
    headers: {
      'www-authenticate': `Bearer authorization_uri="https://login.microsoftonline.com/${world.tenantId}", error="invalid_token", error_description="The access token has expired."`,
    },
  });
}

function injected(world: World, fault: Extract<FaultAction, { kind: 'status' }>): AzureReply {
  const { retryAfter, details, cause } = fault;
  const wait =
    typeof retryAfter === 'object'
      ? // A date is in wall time: the Azure seconds pass faster by the time scale.
        new Date(world.clock.now() + (retryAfter.seconds * 1000) / world.clock.timeScale).toUTCString()
      : retryAfter;
  return new ArmError(fault.status, fault.code, fault.message, {
    ...(details === undefined ? {} : { details: details.map(({ code, message }) => ({ code, message })) }),
    ...(cause === undefined ? {} : { cause }),
    ...(wait === undefined ? {} : { retryAfter: wait }),
  }).reply();
}

/** Request ids, routing id, cache headers and rate limits. The caller's correlation id is kept, as ARM does. */
function decorate(
  world: World,
  request: AzureRequest,
  reply: AzureReply,
  headers: Readonly<Record<string, string>>,
): AzureReply {
  const requestId = world.random.uuid();
  const correlation = request.headers['x-ms-correlation-request-id'];
  const correlationId = correlation !== undefined && /^[0-9a-f-]{36}$/iu.test(correlation) ? correlation : requestId;
  const client = request.headers['x-ms-client-request-id'];
  const time = new Date(world.clock.now()).toISOString().replaceAll(/[-:]|\.\d+/gu, '');
  return {
    ...reply,
    headers: {
      'cache-control': 'no-cache',
      pragma: 'no-cache',
      expires: '-1',
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'x-content-type-options': 'nosniff',
      'x-ms-request-id': requestId,
      'x-ms-correlation-request-id': correlationId,
      'x-ms-routing-request-id': `WESTEUROPE:${time}:${requestId}`,
      ...(client === undefined ? {} : { 'x-ms-client-request-id': client }),
      ...headers,
      ...reply.headers,
    },
  };
}
