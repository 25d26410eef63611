import type { SecretClient } from '@azure/keyvault-secrets';
import { CapstanFailure } from '#domain/errors/error.ts';
import { Secret } from '#domain/secret.ts';
import { type CallResult, call, capturePolicy } from '../clients/capture.ts';
import type { Connection } from '../clients/clients.ts';
import { collect } from '../clients/collect.ts';
import { load, once } from '../clients/lazy.ts';
import { capstanError } from '../errors/capstan-error.ts';
import { isPassing } from '../errors/classify.ts';
import type { AzureFailure } from '../errors/failure.ts';
import type { SecretVault } from '../types.ts';

/** Key Vault access is read many times; short troubles are retried by the SDK, long ones by the caller. */
const sdkRetries = 2;

/** Secrets of the clusters in Key Vault (architecture.md §3). Names hold the cluster's uid; values never enter errors. */
export function createSecrets(connection: Connection): SecretVault {
  const client = once(async () => {
    const { keyVaultUri } = connection.settings;
    if (keyVaultUri === undefined) {
      throw new CapstanFailure(
        capstanError('CAP-3401', 'No Key Vault is configured.', { where: 'CAPSTAN_KEY_VAULT_URI' }),
      );
    }
    const { SecretClient } = await load(() => import('@azure/keyvault-secrets'));
    return new SecretClient(keyVaultUri, await connection.credential(), {
      httpClient: await connection.httpClient(),
      retryOptions: { maxRetries: sdkRetries },
      additionalPolicies: [{ policy: capturePolicy, position: 'perRetry' }],
    });
  });
  const use = async <Value>(
    name: string,
    doing: string,
    run: (vault: SecretClient) => Promise<Value>,
  ): Promise<Value> => value(await attempt(client, run), connection, name, doing);
  const set = async (name: string, secret: Secret, tags: Readonly<Record<string, string>>): Promise<void> => {
    await use(name, 'store', (vault) => vault.setSecret(name, secret.reveal(), { tags: { ...tags } }));
  };
  const get = async (name: string, version?: string): Promise<Secret | undefined> => {
    const read = await attempt(client, (vault) => vault.getSecret(name, version === undefined ? {} : { version }));
    if (!read.ok && read.failure.status === 404) return undefined;
    const found = value(read, connection, name, 'read');
    return found.value === undefined ? undefined : new Secret(found.value);
  };
  return {
    get: (name) => get(name),
    set,
    async setIfAbsent(name, secret, tags) {
      const existing = await get(name);
      if (existing !== undefined) return existing;
      await set(name, secret, tags);
      return settle(name, tags, { get, set, versions: (of) => use(of, 'list', listVersions(of)) });
    },
    remove: (name) => remove(name, client, connection),
  };
}

function listVersions(name: string) {
  return async (vault: SecretClient) => {
    const versions = await collect(vault.listPropertiesOfSecretVersions(name));
    return versions
      .map(({ version = '', createdOn }) => ({ version, at: createdOn?.getTime() ?? 0 }))
      .sort((a, b) => a.at - b.at || (a.version < b.version ? -1 : 1));
  };
}

/**
 * Key Vault has no conditional write: two writers make two versions. The oldest wins; when the newest is another one,
 * the winner's value is written again, so that a plain read gives it too.
 */
async function settle(
  name: string,
  tags: Readonly<Record<string, string>>,
  vault: {
    get(name: string, version?: string): Promise<Secret | undefined>;
    set(name: string, secret: Secret, tags: Readonly<Record<string, string>>): Promise<void>;
    versions(name: string): Promise<readonly { readonly version: string }[]>;
  },
): Promise<Secret> {
  const versions = await vault.versions(name);
  const winner = await vault.get(name, versions[0]?.version);
  if (winner === undefined) {
    throw new CapstanFailure(capstanError('CAP-3401', 'A secret vanished right after it was stored.', { where: name }));
  }
  if (versions.length > 1) await vault.set(name, winner, tags);
  return winner;
}

async function remove(
  name: string,
  client: () => Promise<SecretClient>,
  connection: Connection,
): ReturnType<SecretVault['remove']> {
  const deleted = await attempt(client, async (vault) => {
    const poller = await vault.beginDeleteSecret(name);
    return { until: poller.getOperationState().result?.scheduledPurgeDate };
  });
  if (!deleted.ok && deleted.failure.status !== 404) value(deleted, connection, name, 'delete');
  let until = deleted.ok ? deleted.value.until : undefined;
  if (!deleted.ok) {
    const gone = await attempt(client, (vault) => vault.getDeletedSecret(name));
    if (!gone.ok) {
      if (gone.failure.status === 404) return { purged: true };
      return value(gone, connection, name, 'delete');
    }
    until = gone.value.scheduledPurgeDate;
  }
  // Refused without the right or under purge protection, and for some seconds while the deletion itself goes on.
  const purged = await attempt(client, (vault) => vault.purgeDeletedSecret(name));
  return {
    purged: purged.ok,
    ...(purged.ok || until === undefined ? {} : { recoverableUntil: until.toISOString() }),
  };
}

async function attempt<Value>(
  client: () => Promise<SecretClient>,
  run: (vault: SecretClient) => Promise<Value>,
): Promise<CallResult<Value>> {
  const vault = await client();
  return call(() => run(vault));
}

function value<Value>(result: CallResult<Value>, connection: Connection, name: string, doing: string): Value {
  if (result.ok) return result.value;
  const error = vaultError(result.failure, connection.settings.keyVaultUri ?? '', name, doing);
  throw new CapstanFailure(error, { passing: isPassing(result.failure) });
}

function vaultError(failure: AzureFailure, vault: string, name: string, doing: string) {
  const cause = failure.transport ?? `${failure.status ?? ''} ${failure.code} ${failure.innerCodes.join(' ')}`.trim();
  return capstanError('CAP-3401', `Capstan could not ${doing} the secret ${name}.`, {
    where: vault,
    cause: cause === '' ? failure.message : cause,
    correlationId: failure.correlationId,
  });
}
