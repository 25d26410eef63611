import type { Clock } from '../clock.ts';
import type { AzureReply, AzureRequest } from '../service.ts';
import { escapeXml } from '../storage/errors.ts';
import { jsonReply } from './exchange.ts';
import type { ServiceName } from './names.ts';

/** A refusal as a fault rule names it. */
interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly details?: readonly { readonly code: string; readonly message: string }[] | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text of `AuthenticationErrorDetail` of the blob service. */
  readonly authenticationDetail?: string;
}

/** An error in the form of the service. */
export function refusalOf(service: ServiceName, refusal: Refusal): AzureReply {
  const { status, code, message, details, authenticationDetail: detail } = refusal;
  const headers = { 'x-ms-error-code': code, ...refusal.headers };
  if (service === 'blob' || service === 'queue') {
    const more =
      detail === undefined ? '' : `<AuthenticationErrorDetail>${escapeXml(detail)}</AuthenticationErrorDetail>`;
    const body = `\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>${escapeXml(code)}</Code><Message>${escapeXml(message)}</Message>${more}</Error>`;
    return { status, headers: { 'content-type': 'application/xml', ...headers }, body };
  }
  if (service === 'table')
    return jsonReply(status, { 'odata.error': { code, message: { lang: 'en-US', value: message } } }, headers);
  if (service === 'vault' || service === 'graph') {
    const inner = details?.[0] === undefined ? {} : { innererror: { code: details[0].code } };
    return jsonReply(status, { error: { code, message, ...inner } }, headers);
  }
  return jsonReply(status, { error: code, error_description: message }, headers);
}

/** Retry-After of a rule: seconds, or a date. A date is in wall time: Azure seconds pass faster by the time scale. */
export function retryAfterText(value: number | { readonly seconds: number }, clock: Clock): string {
  if (typeof value === 'number') return String(value);
  return new Date(clock.now() + (value.seconds * 1000) / clock.timeScale).toUTCString();
}

/** How a service refuses credentials whose time is over; undefined for a request that carries none that could expire. */
export function expiredReply(service: ServiceName, request: AzureRequest, tenantId: string): AzureReply | undefined {
  const bearer = /^Bearer /i.test(request.headers['authorization'] ?? '');
  const signIn = `https://login.microsoftonline.com/${tenantId}`;
  if (service === 'blob' || service === 'queue' || service === 'table') {
    const code = bearer ? 'InvalidAuthenticationInfo' : 'AuthenticationFailed';
    const message = `Server failed to authenticate the request. ${bearer ? 'Please refer to the information in the www-authenticate header.' : 'Make sure the value of Authorization header is formed correctly including the signature.'}`;
    const headers = {
      'www-authenticate': `Bearer authorization_uri=${signIn}/oauth2/authorize resource_id=https://storage.azure.com`,
    };
    if (bearer)
      return refusalOf(service, {
        status: 401,
        code,
        message,
        headers,
        authenticationDetail: 'Lifetime validation failed. The token is expired.',
      });
    const authenticationDetail = 'Signature not valid in the specified time frame: the signature has expired.';
    return request.query.has('sig')
      ? refusalOf(service, { status: 403, code, message, authenticationDetail })
      : undefined;
  }
  if (service === 'token') {
    if (request.path.startsWith('/msi/') || request.method !== 'POST') return undefined;
    return refusalOf(service, {
      status: 401,
      code: 'invalid_client',
      message: 'AADSTS7000222: The provided client secret keys for the app are expired.',
    });
  }
  if (!bearer) return undefined;
  if (service === 'vault')
    return refusalOf(service, {
      status: 401,
      code: 'Unauthorized',
      message: 'Error validating token: IDX10223: Lifetime validation failed. The token is expired.',
      headers: { 'www-authenticate': `Bearer authorization="${signIn}", resource="https://vault.azure.net"` },
    });
  return refusalOf(service, {
    status: 401,
    code: 'InvalidAuthenticationToken',
    message: 'Lifetime validation failed, the token is expired.',
  });
}
