import type { PageBlobClient } from '@azure/storage-blob';
import type { CapstanError } from '#domain/errors/error.ts';
import type { ErrorCode } from '#domain/errors/registry.ts';
import type { ClusterPlan } from '#domain/plan/types.ts';
import { Secret } from '#domain/secret.ts';
import { type CallResult, call } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { blobUrl } from '../clients/cloud.ts';
import { load } from '../clients/lazy.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { classify } from '../errors/classify.ts';
import type { AzureFailure } from '../errors/failure.ts';
import { parseArmId } from '../resource/arm-id.ts';
import type { EnsureFailed, EnsureWait } from '../types.ts';
import { blobHttpClient } from './blob-http.ts';
import type { CredentialReport } from './copy-types.ts';
import { type CredentialState, type Decision, decide, firstCredential } from './credential-policy.ts';

/** A call on the destination blob: its value, or what to return instead. */
export type Reached<Value> = { readonly status: 'done'; readonly value: Value } | Refused;

/** The call did not come through; `failure` is kept where the caller can do better than the general answer. */
export type Refused = (EnsureWait | EnsureFailed) & { readonly failure?: AzureFailure };

/** The blob that the base image is copied to, reached with whatever credential the account accepts. */
export interface Destination {
  readonly url: string;
  report(): CredentialReport;
  run<Value>(doing: string, use: (client: PageBlobClient) => Promise<Value>): Promise<Reached<Value>>;
}

/** What is remembered for each account while the process lives. */
interface AccountMemory {
  state: CredentialState;
  key: Secret | undefined;
  /** Clients by the address of their blob and the letters of their SAS. */
  readonly clients: Map<string, { readonly client: PageBlobClient; readonly until: number }>;
}

const minute = 60_000;
/** A SAS lives for an hour and starts in the past, because clocks differ (azure-behaviour.md §1). */
const usualSas = { life: 60 * minute, skew: 15 * minute, reserve: 10 * minute };
/** What a SAS policy that blocks long ones still lets through: ten minutes in all. */
const shortSas = { life: 6 * minute, skew: 4 * minute, reserve: 2 * minute };
const rememberedClients = 50;
/** Enough for: first SAS, a new one, Entra ID, and changes by operations in flight at the same time. */
const triesPerCall = 6;

/** @param permissions letters of the SAS: read, create and write unless said otherwise */
export type Destinations = (plan: ClusterPlan, permissions?: string) => Destination;

const ofConnections = new WeakMap<Connection, Destinations>();

/** The destinations of a connection: they share what is known about their accounts. */
export function createDestinations(connection: Connection): Destinations {
  const made = ofConnections.get(connection) ?? makeDestinations(connection);
  ofConnections.set(connection, made);
  return made;
}

function makeDestinations(connection: Connection): Destinations {
  const memories = new Map<string, AccountMemory>();
  return (plan, permissions = 'rcw') => {
    const { account, authentication, sharedKeyAccess } = plan.storage;
    const memoryKey = `${account.id.toLowerCase()} ${authentication}`;
    const known = account.owned ? sharedKeyAccess : 'allowed';
    const memory = memories.get(memoryKey) ?? {
      state: firstCredential(authentication, known),
      key: undefined,
      clients: new Map(),
    };
    memories.set(memoryKey, memory);
    return new AccountDestination(connection, plan, memory, permissions);
  };
}

/** The failure with the code that the source of a copy gave, which stands in a header of its own. */
function withSourceCode({ failure, last }: Extract<CallResult<unknown>, { readonly ok: false }>): AzureFailure {
  const code = last?.headers['x-ms-copy-source-error-code'];
  return code === undefined ? failure : { ...failure, innerCodes: [...failure.innerCodes, code] };
}

type Problem = Extract<Decision, { readonly action: 'fail' }>['problem'];

const problems: Readonly<
  Record<
    Problem,
    {
      readonly code: ErrorCode;
      readonly text: (account: string) => string;
      readonly remedy?: (accountId: string) => string;
    }
  >
> = {
  keysRefused: { code: 'CAP-3301', text: (account) => `the storage account ${account} refuses keys and SAS` },
  roleMissing: {
    code: 'CAP-3302',
    text: (account) => `its data role is missing in the storage account ${account}`,
    remedy: (id) => `Give the identity of Capstan the role Storage Blob Data Contributor at ${id}, then apply again.`,
  },
  network: { code: 'CAP-3303', text: (account) => `the network rules of the storage account ${account} refuse it` },
  sasRefused: { code: 'CAP-3304', text: (account) => `the storage account ${account} refused a fresh SAS` },
};

class AccountDestination implements Destination {
  readonly url: string;
  readonly #connection: Connection;
  readonly #plan: ClusterPlan;
  readonly #memory: AccountMemory;
  readonly #permissions: string;

  constructor(connection: Connection, plan: ClusterPlan, memory: AccountMemory, permissions: string) {
    this.#permissions = permissions;
    this.#connection = connection;
    this.#plan = plan;
    this.#memory = memory;
    const { account, container, blob } = plan.storage;
    this.url = blobUrl(connection.cloud, account.name, container.name, blob);
  }

  report(): CredentialReport {
    const { credential, reason } = this.#memory.state;
    return { credential, ...(reason === undefined ? {} : { reason }) };
  }

  async run<Value>(doing: string, use: (client: PageBlobClient) => Promise<Value>): Promise<Reached<Value>> {
    for (let tries = 0; tries < triesPerCall; tries++) {
      const before = this.#memory.state;
      const opened = await this.#open();
      const plane = opened.ok ? 'blob' : 'listKeys';
      const result: CallResult<Value> = opened.ok ? await call(() => use(opened.value)) : opened;
      if (result.ok) {
        const { reminted, roleWaits } = this.#memory.state;
        if (reminted || roleWaits > 0) this.#memory.state = { ...this.#memory.state, reminted: false, roleWaits: 0 };
        return { status: 'done', value: result.value };
      }
      // Operations in flight at the same time: one of them may have changed the credential already.
      if (this.#memory.state !== before) continue;
      const failure = withSourceCode(result);
      const decision = decide(this.#memory.state, this.#plan.storage.authentication, {
        plane,
        status: failure.status,
        code: failure.code,
      });
      if (decision.action === 'retry') {
        this.#memory.state = decision.state;
        this.#memory.clients.clear();
        if (decision.remint) this.#memory.key = undefined;
        continue;
      }
      return this.#refuse(decision, failure, doing);
    }
    throw new Error('the credential policy did not come to an end');
  }

  #refuse(decision: Exclude<Decision, { action: 'retry' }>, failure: AzureFailure, doing: string): Refused {
    if (decision.action === 'wait') {
      this.#memory.state = decision.state;
      const sentence = 'Waiting for the data role of Capstan to arrive at the storage account';
      return { status: 'wait', retryAfter: decision.retryAfter, sentence, failure };
    }
    if (decision.action === 'fail') {
      return { status: 'failed', error: this.#credentialError(decision.problem, failure, doing), failure };
    }
    const verdict = classify(failure, { key: this.url, attempt: 0, where: this.url, doing });
    return verdict.kind === 'failed'
      ? { status: 'failed', error: verdict.error, failure }
      : { status: 'wait', retryAfter: verdict.retryAfter, sentence: verdict.reason, failure };
  }

  #credentialError(problem: Problem, failure: AzureFailure, doing: string): CapstanError {
    const { name, id } = this.#plan.storage.account;
    const rest = {
      where: id,
      cause: `${failure.status ?? ''} ${failure.code}`.trim(),
      correlationId: failure.correlationId,
    };
    const because = `Capstan could not ${doing}:`;
    const { code, text, remedy } = problems[problem];
    return capstanError(code, `${because} ${text(name)}.`, { ...rest, remedy: remedy?.(id) });
  }

  /** A client with the credential of the moment. Lists keys only when SAS is wanted. */
  async #open(): Promise<CallResult<PageBlobClient>> {
    const memory = this.#memory;
    const now = Date.now();
    const known = memory.clients.get(this.#key());
    if (known !== undefined && known.until > now) return { ok: true, value: known.client, last: undefined };
    const options = {
      httpClient: await blobHttpClient(await this.#connection.httpClient()),
      retryOptions: { maxTries: 1 },
    };
    const sdk = await load(() => import('@azure/storage-blob'));
    if (memory.state.credential === 'entra') {
      const client = new sdk.PageBlobClient(this.url, await this.#connection.credential(), options);
      return this.#remember(client, Number.POSITIVE_INFINITY);
    }
    const key =
      memory.key === undefined ? await this.#listKey() : { ok: true as const, value: memory.key, last: undefined };
    if (!key.ok) return key;
    memory.key = key.value;
    const { account, container, blob } = this.#plan.storage;
    const { life, skew, reserve } = memory.state.shortLived ? shortSas : usualSas;
    const sas = sdk.generateBlobSASQueryParameters(
      {
        containerName: container.name,
        blobName: blob,
        permissions: sdk.BlobSASPermissions.parse(this.#permissions),
        startsOn: new Date(now - skew),
        expiresOn: new Date(now + life),
        protocol: sdk.SASProtocol.Https,
      },
      new sdk.StorageSharedKeyCredential(account.name, key.value.reveal()),
    );
    const client = new sdk.PageBlobClient(`${this.url}?${sas.toString()}`, new sdk.AnonymousCredential(), options);
    return this.#remember(client, now + life - reserve);
  }

  #key(): string {
    return `${this.url} ${this.#permissions}`;
  }

  #remember(client: PageBlobClient, until: number): CallResult<PageBlobClient> {
    const { clients } = this.#memory;
    if (clients.size >= rememberedClients) clients.clear();
    clients.set(this.#key(), { client, until });
    return { ok: true, value: client, last: undefined };
  }

  async #listKey(): Promise<CallResult<Secret>> {
    const id = parseArmId(this.#plan.storage.account.id);
    const { storageAccounts } = await this.#connection.clients(id.subscriptionId).storage();
    const listed = await call(() => storageAccounts.listKeys(id.resourceGroup, id.names[0] ?? ''));
    return listed.ok ? { ...listed, value: new Secret(listed.value.keys?.[0]?.value ?? '') } : listed;
  }
}
