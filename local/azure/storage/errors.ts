import type { AzureReply } from '../service.ts';

/** Status and text of the storage service's error codes (Blob service error codes of the REST reference). */
const known = {
  AuthenticationFailed: [
    403,
    'Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature.',
  ],
  AuthorizationFailure: [403, 'This request is not authorized to perform this operation.'],
  AuthorizationPermissionMismatch: [
    403,
    'This request is not authorized to perform this operation using this permission.',
  ],
  AuthorizationProtocolMismatch: [403, 'This request is not authorized to perform this operation using this protocol.'],
  AuthorizationResourceTypeMismatch: [
    403,
    'This request is not authorized to perform this operation using this resource type.',
  ],
  AuthorizationServiceMismatch: [403, 'This request is not authorized to perform this operation using this service.'],
  AuthorizationSourceIPMismatch: [
    403,
    'This request is not authorized to perform this operation using this source IP.',
  ],
  BlobAlreadyExists: [409, 'The specified blob already exists.'],
  BlobNotFound: [404, 'The specified blob does not exist.'],
  CannotVerifyCopySource: [403, 'Could not verify the copy source within the specified time.'],
  ConditionNotMet: [412, 'The condition specified using HTTP conditional header(s) is not met.'],
  ContainerAlreadyExists: [409, 'The specified container already exists.'],
  ContainerBeingDeleted: [409, 'The specified container is being deleted. Try operation later.'],
  ContainerNotFound: [404, 'The specified container does not exist.'],
  InvalidAuthenticationInfo: [
    401,
    'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
  ],
  EntityAlreadyExists: [409, 'The specified entity already exists.'],
  InvalidBlobType: [409, 'The blob type is invalid for this operation.'],
  InvalidBlockId: [400, 'The specified block ID is invalid. The block ID must be Base64-encoded.'],
  InvalidBlockList: [400, 'The specified block list is invalid.'],
  InvalidHeaderValue: [400, 'The value for one of the HTTP headers is not in the correct format.'],
  InvalidInput: [400, 'One of the request inputs is not valid.'],
  InvalidPageRange: [416, 'The page range specified is invalid.'],
  InvalidQueryParameterValue: [400, 'Value for one of the query parameters specified in the request URI is invalid.'],
  InvalidRange: [416, 'The range specified is invalid for the current size of the resource.'],
  InvalidResourceName: [400, 'The specified resource name contains invalid characters.'],
  InvalidUri: [400, 'The requested URI does not represent any resource on the server.'],
  InvalidXmlDocument: [400, 'XML specified is not syntactically valid.'],
  KeyBasedAuthenticationNotPermitted: [403, 'Key based authentication is not permitted on this storage account.'],
  LeaseAlreadyPresent: [409, 'There is already a lease present.'],
  LeaseIdMismatchWithBlobOperation: [412, 'The lease ID specified did not match the lease ID for the blob.'],
  LeaseIdMismatchWithLeaseOperation: [409, 'The lease ID specified did not match the lease ID for the blob.'],
  LeaseIdMissing: [412, 'There is currently a lease on the blob and no lease ID was specified in the request.'],
  LeaseLost: [412, 'A lease ID was specified, but the lease for the blob has expired.'],
  LeaseNotPresentWithBlobOperation: [412, 'There is currently no lease on the blob.'],
  LeaseNotPresentWithLeaseOperation: [409, 'There is currently no lease on the blob.'],
  Md5Mismatch: [
    400,
    'The MD5 value specified in the request did not match with the MD5 value calculated by the server.',
  ],
  MetadataTooLarge: [400, 'The size of the specified metadata exceeds the maximum size permitted.'],
  MissingRequiredHeader: [400, 'An HTTP header that is mandatory for this request is not specified.'],
  NoAuthenticationInformation: [
    401,
    'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
  ],
  NoPendingCopyOperation: [409, 'There is currently no pending copy operation.'],
  MessageNotFound: [404, 'The specified message does not exist.'],
  NotImplemented: [501, 'The requested operation is not implemented on the specified resource.'],
  OutOfRangeQueryParameterValue: [
    400,
    'A query parameter specified in the request URI is outside the permissible range.',
  ],
  PendingCopyOperation: [409, 'There is currently a pending copy operation.'],
  PropertiesNeedValue: [400, 'The values are not specified for all properties in the entity.'],
  PublicAccessNotPermitted: [409, 'Public access is not permitted on this storage account.'],
  PopReceiptMismatch: [400, 'The specified pop receipt did not match the pop receipt for a dequeued message.'],
  QueueAlreadyExists: [409, 'The specified queue already exists.'],
  QueueNotFound: [404, 'The specified queue does not exist.'],
  RequestBodyTooLarge: [413, 'The request body is too large and exceeds the maximum permissible limit.'],
  ResourceNotFound: [404, 'The specified resource does not exist.'],
  SequenceNumberConditionNotMet: [412, 'The sequence number condition specified was not met.'],
  ServerBusy: [503, 'The server is busy.'],
  SnapshotsPresent: [409, 'This operation is not permitted because the blob has snapshots.'],
  SourceConditionNotMet: [412, 'The source condition specified using HTTP conditional header(s) is not met.'],
  TableAlreadyExists: [409, 'The table specified already exists.'],
  TableNotFound: [404, 'The table specified does not exist.'],
  UnauthorizedBlobOverwrite: [403, 'This request is not authorized to perform blob overwrites.'],
  UpdateConditionNotSatisfied: [412, 'The update condition specified in the request was not satisfied.'],
  UnsupportedHeader: [400, 'One of the HTTP headers specified in the request is not supported.'],
} as const satisfies Readonly<Record<string, readonly [number, string]>>;

export type StorageErrorCode = keyof typeof known;

export interface StorageErrorDetails {
  /** Overrides the usual status of the code. */
  readonly status?: number;
  readonly message?: string;
  /** Text of `AuthenticationErrorDetail`. */
  readonly authenticationDetail?: string;
  /** What the source of a copy answered; sent in headers and in the body. */
  readonly copySource?: { readonly status: number; readonly code: string; readonly message: string };
  readonly headers?: Readonly<Record<string, string>>;
}

/** A refusal of the storage service. */
export class StorageError extends Error {
  readonly code: StorageErrorCode;
  readonly details: StorageErrorDetails;
  constructor(code: StorageErrorCode, details: StorageErrorDetails = {}) {
    super(details.message ?? known[code][1]);
    this.code = code;
    this.details = details;
  }

  get status(): number {
    return this.details.status ?? known[this.code][0];
  }
}

/** Escapes text for XML. */
export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** The body and headers of an error as the service sends them; the byte order mark is part of the real body. */
export function errorReply(error: StorageError, requestId: string, now: number): AzureReply {
  const { authenticationDetail: detail, copySource } = error.details;
  const text = `${escapeXml(error.message)}\nRequestId:${requestId}\nTime:${new Date(now).toISOString()}`;
  const more =
    detail === undefined ? '' : `<AuthenticationErrorDetail>${escapeXml(detail)}</AuthenticationErrorDetail>`;
  const source =
    copySource === undefined
      ? ''
      : `<CopySourceStatusCode>${copySource.status}</CopySourceStatusCode><CopySourceErrorCode>${copySource.code}</CopySourceErrorCode><CopySourceErrorMessage>${escapeXml(copySource.message)}</CopySourceErrorMessage>`;
  const sourceHeaders =
    copySource === undefined
      ? {}
      : { 'x-ms-copy-source-status-code': String(copySource.status), 'x-ms-copy-source-error-code': copySource.code };
  return {
    status: error.status,
    headers: {
      'content-type': 'application/xml',
      'x-ms-error-code': error.code,
      ...sourceHeaders,
      ...error.details.headers,
    },
    body: `\uFEFF<?xml version="1.0" encoding="utf-8"?><Error><Code>${error.code}</Code><Message>${text}</Message>${more}${source}</Error>`,
  };
}
