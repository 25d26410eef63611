import type { PageBlobClient } from '@azure/storage-blob';
import type { CapstanError } from '#domain/errors/error.ts';
import { call, type CallResult } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { load, once } from '../clients/lazy.ts';
import { capstanError } from '../errors/capstan-error.ts';
import type { AzureFailure } from '../errors/failure.ts';
import { classify } from '../errors/classify.ts';
import type { EnsureFailed, EnsureWait } from '../types.ts';
import { findAccount } from './accounts.ts';
import { blobHttpClient } from './blob-http.ts';
import type { SourceAccess } from './copy-types.ts';
import { guarded, privateAddressCode } from './guarded-http.ts';
import { readSourceUrl, type SourceUrl } from './source-rules.ts';

/** A source that answered. */
export interface OpenSource {
  readonly access: SourceAccess;
  readonly client: PageBlobClient;
  /** Address for Put Page From URL; holds the SAS of the user's URL, so it is never shown. */
  readonly copyUrl: string;
  /** Address without its query. */
  readonly shown: string;
  readonly etag: string;
  readonly size: number;
  readonly blobType: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** Bearer token for the copy, when the account was resolved through ARM. */
  authorization(): Promise<{ scheme: 'Bearer'; value: string } | undefined>;
  /**
   * Address for Copy Blob, which takes no bearer: a user-delegation SAS where the source is read with Entra ID
   * (azure-behaviour.md §2, Auth combinations). Secret, as `copyUrl`.
   */
  signedUrl(): Promise<string>;
}

export type SourceOutcome = { readonly status: 'done'; readonly source: OpenSource } | EnsureWait | EnsureFailed;

/** Scope of tokens for blob data in every cloud. */
export const storageScope = 'https://storage.azure.com/.default';

async function clientFor(
  connection: Connection,
  source: SourceUrl,
  access: SourceAccess,
  trusted: boolean,
): Promise<PageBlobClient> {
  const { AnonymousCredential, PageBlobClient } = await load(() => import('@azure/storage-blob'));
  const base = await connection.httpClient();
  // With a gateway every request goes to the gateway, whatever the name.
  const transport = connection.gateway !== undefined || trusted ? base : guarded(base);
  const options = { httpClient: await blobHttpClient(transport), retryOptions: { maxTries: 1 } };
  if (access === 'entra') return new PageBlobClient(source.shown, await connection.credential(), options);
  return new PageBlobClient(source.url.href, new AnonymousCredential(), options);
}

type Properties = Awaited<ReturnType<PageBlobClient['getProperties']>>;

interface Attempt {
  readonly access: SourceAccess;
  readonly client: PageBlobClient;
  readonly result: CallResult<Properties>;
}

async function attempt(
  connection: Connection,
  source: SourceUrl,
  access: SourceAccess,
  trusted: boolean,
): Promise<Attempt> {
  const client = await clientFor(connection, source, access, trusted);
  return { access, client, result: await call(() => client.getProperties()) };
}

/** Refusals that another way of reading might not meet. */
function refused(failure: AzureFailure): boolean {
  return [401, 403, 404, 409].includes(failure.status ?? 0);
}

/**
 * Opens an image source under its rules: https, no IP literals, no redirects, only public addresses. It is read as
 * anybody could, or with the SAS in its own URL; a bearer token of Capstan goes to it only when its account was resolved
 * through ARM in an allowed subscription (architecture.md §4).
 */
export async function openSource(connection: Connection, text: string, subscriptionId: string): Promise<SourceOutcome> {
  const source = readSourceUrl(text, connection.cloud);
  if ('refused' in source) {
    return failed(
      capstanError('CAP-1007', 'The image source is refused.', { where: 'spec.image.vhd', cause: source.refused }),
    );
  }
  const open = await attempt(connection, source, source.hasSas ? 'urlSas' : 'anonymous', false);
  if (open.result.ok) return done(connection, source, open, open.result.value);
  const { failure } = open.result;
  const inside = failure.transport === privateAddressCode;
  if (!inside && !refused(failure)) return judge(source, failure);
  const account =
    source.account === undefined ? undefined : await findAccount(connection, source.account, subscriptionId);
  if (account !== undefined && !account.ok) return judge(source, account.failure);
  if (account?.value === undefined) {
    if (!inside) return judge(source, failure);
    return failed(
      capstanError('CAP-1007', 'The image source is refused.', {
        where: source.shown,
        cause:
          'its name resolves to a private, loopback or link-local address, and it is no account of an allowed subscription',
      }),
    );
  }
  // The SAS of the URL was tried already, unless the name led inside; where keys are refused a bearer still opens it.
  const keepSas = source.hasSas && failure.code !== 'KeyBasedAuthenticationNotPermitted';
  const own = await attempt(connection, source, keepSas ? 'urlSas' : 'entra', true);
  return own.result.ok ? done(connection, source, own, own.result.value) : judge(source, own.result.failure);
}

function done(connection: Connection, source: SourceUrl, open: Attempt, properties: Properties): SourceOutcome {
  const authorization = once(async () => {
    const token = await (await connection.credential()).getToken(storageScope);
    return { scheme: 'Bearer' as const, value: token?.token ?? '' };
  });
  return {
    status: 'done',
    source: {
      access: open.access,
      client: open.client,
      copyUrl: open.access === 'entra' ? source.shown : source.url.href,
      shown: source.shown,
      etag: properties.etag ?? '',
      size: properties.contentLength ?? 0,
      blobType: properties.blobType ?? '',
      metadata: properties.metadata ?? {},
      authorization: () => (open.access === 'entra' ? authorization() : Promise.resolve(undefined)),
      signedUrl: () => (open.access === 'entra' ? delegationUrl(connection, source) : Promise.resolve(source.url.href)),
    },
  };
}

const minute = 60_000;
/** A copy by the service has no time limit of its own; the SAS must outlive it. */
const delegationLife = 24 * 60 * minute;

/** The source with a user-delegation SAS for reading. Throws what the storage SDK throws. */
async function delegationUrl(connection: Connection, source: SourceUrl): Promise<string> {
  const sdk = await load(() => import('@azure/storage-blob'));
  const options = { httpClient: await blobHttpClient(await connection.httpClient()), retryOptions: { maxTries: 1 } };
  const service = new sdk.BlobServiceClient(source.url.origin, await connection.credential(), options);
  const startsOn = new Date(Date.now() - 15 * minute);
  const expiresOn = new Date(Date.now() + delegationLife);
  const key = await service.getUserDelegationKey(startsOn, expiresOn);
  const [, container = '', ...blob] = decodeURIComponent(source.url.pathname).split('/');
  const sas = sdk.generateBlobSASQueryParameters(
    {
      containerName: container,
      blobName: blob.join('/'),
      permissions: sdk.BlobSASPermissions.parse('r'),
      protocol: sdk.SASProtocol.Https,
      startsOn,
      expiresOn,
    },
    key,
    source.account ?? '',
  );
  return `${source.shown}?${sas.toString()}`;
}

function judge(source: SourceUrl, failure: AzureFailure): EnsureWait | EnsureFailed {
  const context = { key: source.shown, attempt: 0, where: source.shown, doing: 'read the image source' };
  if (failure.code === 'AuthorizationFailure') {
    return failed(storageError('CAP-3303', 'The network of the image source refuses Capstan.', source, failure));
  }
  if (failure.transport === 'ENOTFOUND' || failure.transport === 'RedirectRefused') {
    const cause =
      failure.transport === 'ENOTFOUND' ? `the name ${source.url.hostname} does not exist` : failure.message;
    return failed(capstanError('CAP-2012', 'The image source cannot be read.', { where: source.shown, cause }));
  }
  if (failure.status === 404) {
    return failed(storageError('CAP-2012', 'The image source does not exist or is not public.', source, failure));
  }
  if (refused(failure))
    return failed(storageError('CAP-3306', 'The image source refused to be read.', source, failure));
  const verdict = classify(failure, context);
  return verdict.kind === 'failed'
    ? failed(verdict.error)
    : { status: 'wait', retryAfter: verdict.retryAfter, sentence: `Reading the image source: ${verdict.reason}` };
}

function storageError(
  code: 'CAP-2012' | 'CAP-3303' | 'CAP-3306',
  message: string,
  source: SourceUrl,
  failure: AzureFailure,
): CapstanError {
  const cause = `${failure.status ?? ''} ${failure.code}`.trim();
  return capstanError(code, message, { where: source.shown, cause, correlationId: failure.correlationId });
}

function failed(error: CapstanError): EnsureFailed {
  return { status: 'failed', error };
}
