/** A request as the gateway hands it to one simulated Azure service. The body is buffered (at most 8 MiB). */
export interface AzureRequest {
  readonly method: string;
  /** Host the caller addressed, lower case, without port. */
  readonly host: string;
  /** Path as sent, still percent-encoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Path and query exactly as sent. */
  readonly rawUrl: string;
  /** Names in lower case; repeated headers joined with `, `. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  /** What a fault rule does to the service's own handling of the request. */
  readonly fault?: ServiceFault;
}

/** A long operation that the request begins never ends or fails; a read shows the state before the last write. */
export type ServiceFault =
  | { readonly kind: 'never-ends' }
  | {
      readonly kind: 'operation-fails';
      readonly code: string;
      readonly message: string;
      readonly after?: number | undefined;
    }
  | { readonly kind: 'stale' };

export interface AzureReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Fault injection: break the connection instead of answering (before anything is sent, or in the middle of the body). */
  readonly reset?: 'before-answer' | 'truncate-body';
}

export type AzureService = (request: AzureRequest) => Promise<AzureReply>;

/** Who a bearer token speaks for. */
export interface Principal {
  /** Object id (principal id) in Entra ID. */
  readonly objectId: string;
  readonly clientId: string;
  readonly tenantId: string;
  readonly audience: string;
  readonly expiresAt: number;
}

/** What the data planes (storage, vault, tokens, gateway) ask the control plane. Implemented by `local/azure/arm`. */
export interface AzureDirectory {
  storageAccount(name: string): StorageAccountView | undefined;
  vault(name: string): { readonly id: string; readonly location: string } | undefined;
  /** Every user-assigned identity. */
  identities(): readonly IdentityView[];
  identity(query: { readonly resourceId?: string; readonly clientId?: string }): IdentityView | undefined;
  /** User-assigned identities of a running machine, or undefined when there is no such running machine. */
  machineIdentityIds(vmId: string): readonly string[] | undefined;
  /** RBAC for data actions, propagation delay included. `scope` is the resource id of the account, container or vault. */
  allowsDataAction(principalObjectId: string, dataAction: string, scope: string): boolean;
  /** Machines behind the public name of a load balancer and the guest port that `port` is forwarded to. */
  /** From inside a virtual network names of private zones count too. */
  backendsOf(
    fqdn: string,
    port: number,
    from?: 'inside',
  ): readonly { readonly vmId: string; readonly guestPort: number }[];
}

export interface StorageAccountView {
  readonly id: string;
  readonly name: string;
  readonly location: string;
  readonly allowSharedKeyAccess: boolean;
  readonly allowBlobPublicAccess: boolean;
  readonly minimumTlsVersion: string;
  /** The network the caller is in gets through: a rule, or a private endpoint. */
  readonly callerReaches: boolean;
  /** The managed storage of one disk: nothing but its pages can be read and written. */
  readonly isDisk?: true;
  readonly sasExpirationAction: 'Log' | 'Block' | undefined;
  /** `d.hh:mm:ss` when a SAS policy is set. */
  readonly sasExpirationPeriod: string | undefined;
  /** Base64 account keys. */
  readonly keys: readonly string[];
}

export interface IdentityView {
  readonly id: string;
  readonly clientId: string;
  readonly principalId: string;
  readonly tenantId: string;
}

/** What the control plane asks the storage data plane. Implemented by `local/azure/storage`. */
export interface StorageDataPlane {
  /** Creates a container; returns false when it exists already (its public access is then updated). */
  createContainer(account: string, container: string, publicAccess: 'None' | 'Blob' | 'Container'): boolean;
  deleteContainer(account: string, container: string): boolean;
  listContainers(account: string): readonly {
    readonly name: string;
    readonly publicAccess: 'None' | 'Blob' | 'Container';
    readonly lastModified: string;
    readonly etag: string;
  }[];
  /** The empty page blob behind a disk that is written through a SAS. */
  createDisk(account: string, size: number): void;
  /** Removes every byte of a deleted account. */
  deleteAccount(account: string): void;
  /** What an image import needs to know of a blob, or undefined when it is absent. */
  blob(
    account: string,
    container: string,
    blob: string,
  ):
    | { readonly blobType: string; readonly size: number; readonly etag: string; readonly endsWithVhdFooter: boolean }
    | undefined;
}

/** One entry of `GET /_simulator/requests`. Bodies are kept for writes only, with secrets redacted. */
export interface RequestLogEntry {
  readonly seq: number;
  readonly at: string;
  readonly service: 'arm' | 'blob' | 'queue' | 'table' | 'vault' | 'token' | 'metadata' | 'graph';
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;
  readonly status: number;
  /** Error code of the answer, when it is an error. */
  readonly code?: string;
  /** Object id of the caller, when it is known. */
  readonly caller?: string;
  readonly correlationId?: string;
}

/** A request for something that a simulated data plane does not model. */
export interface UnmodelledRequest {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly message: string;
}
