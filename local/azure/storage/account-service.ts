import type { Clock } from '../clock.ts';
import type { TokenIssuer } from '../identity/tokens.ts';
import type { AzureDirectory, AzureReply, AzureRequest, AzureService, UnmodelledRequest } from '../service.ts';
import { type AccessNeeds, authorizeAccount } from './account-access.ts';
import { StorageError } from './errors.ts';

export interface AccountServiceOptions {
  /** File of the state. */
  readonly file: string;
  readonly clock: Clock;
  readonly tokens: TokenIssuer;
  readonly tenantId: string;
  readonly ids: () => string;
  readonly azure: () => AzureDirectory;
}

export interface AccountService {
  readonly service: AzureService;
  unmodelled(): readonly UnmodelledRequest[];
  clear(): void;
  close(): void;
}

/** What the queue and the table service of an account do each in its own way. */
export interface AccountServiceParts {
  /** One letter, as in an account SAS (`ss`). */
  readonly letter: 'q' | 't';
  readonly store: { clear(): void; close(): void };
  /** What a request asks for, before anybody looks whether it may. @throws StorageError */
  readonly find: (
    request: AzureRequest,
    account: string,
  ) => { readonly needs: AccessNeeds; readonly run: () => AzureReply };
  /** Headers of every answer beside the request's id. */
  readonly headers: (request: AzureRequest) => Readonly<Record<string, string>>;
  readonly refusal: (error: StorageError, id: string, now: number) => AzureReply;
}

/** A storage service of the simulated accounts: finds the account, looks whether the caller may, counts what is not modelled. */
export function createAccountService(options: AccountServiceOptions, parts: AccountServiceParts): AccountService {
  const refused: UnmodelledRequest[] = [];
  const answer = (request: AzureRequest): AzureReply => {
    const name = request.host.split('.')[0] ?? '';
    const directory = options.azure();
    const account = directory.storageAccount(name);
    if (account === undefined) {
      const message = `${request.host} does not resolve: there is no storage account ${name} in the simulated Azure.`;
      throw new StorageError('ResourceNotFound', { status: 502, message });
    }
    const { needs, run } = parts.find(request, name);
    const { tokens, tenantId, clock } = options;
    authorizeAccount(request, account, needs, {
      directory,
      tokens,
      tenantId,
      now: clock.now(),
      service: parts.letter,
    });
    return run();
  };
  const answerOrRefuse = (request: AzureRequest, id: string): AzureReply => {
    try {
      return answer(request);
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      const { method, host, path } = request;
      if (error.code === 'NotImplemented') refused.push({ method, host, path, message: error.message });
      return parts.refusal(error, id, options.clock.now());
    }
  };
  return {
    unmodelled: () => refused,
    clear() {
      parts.store.clear();
      refused.length = 0;
    },
    close: () => parts.store.close(),
    service: async (request) => {
      const id = options.ids();
      const reply = answerOrRefuse(request, id);
      return { ...reply, headers: { ...parts.headers(request), 'x-ms-request-id': id, ...reply.headers } };
    },
  };
}
