import { z } from 'zod';
import type { Clock } from '../clock.ts';
import { jsonReply } from '../gateway/exchange.ts';
import type { AzureReply, AzureRequest } from '../service.ts';
import { badParameter, conflict, secretNotFound, VaultError } from './errors.ts';
import type { SecretStore, SecretVersion } from './secret-store.ts';

/** Days for which a deleted secret can be recovered. */
const recoverableDays = 90;
/** Azure seconds until a deletion or a recovery is complete; the first GETs in between find nothing. */
const transitionSeconds = 5;
const largestValue = 25 * 1024;

const attributes = z.looseObject({
  enabled: z.boolean().optional(),
  nbf: z.int().optional(),
  exp: z.int().optional(),
});
const setBody = z.looseObject({
  value: z.string(),
  contentType: z.string().max(255).optional(),
  tags: z.record(z.string(), z.string()).optional(),
  attributes: attributes.optional(),
});
const patchBody = setBody.omit({ value: true });

/** One authorised request on a vault. */
export interface VaultContext {
  readonly store: SecretStore;
  readonly clock: Clock;
  readonly newId: () => string;
  readonly request: AzureRequest;
  readonly vault: string;
  readonly name: string;
  readonly version: string;
}

function baseUrl(vault: string): string {
  return `https://${vault}.vault.azure.net`;
}

function attributesOf(secret: SecretVersion): Record<string, unknown> {
  return {
    enabled: secret.enabled,
    ...(secret.notBefore === undefined ? {} : { nbf: secret.notBefore }),
    ...(secret.expires === undefined ? {} : { exp: secret.expires }),
    created: Math.floor(secret.created / 1000),
    updated: Math.floor(secret.updated / 1000),
    recoveryLevel: 'Recoverable+Purgeable',
    recoverableDays,
  };
}

function item(secret: SecretVersion, withVersion: boolean): Record<string, unknown> {
  const id = `${baseUrl(secret.vault)}/secrets/${secret.name}${withVersion ? `/${secret.version}` : ''}`;
  return {
    ...(secret.contentType === undefined ? {} : { contentType: secret.contentType }),
    id,
    attributes: attributesOf(secret),
    tags: secret.tags,
  };
}

function bundle(secret: SecretVersion): Record<string, unknown> {
  return { value: secret.value, ...item(secret, true) };
}

function elapsed({ clock }: VaultContext, since: number): boolean {
  return clock.now() >= since + (transitionSeconds * 1000) / clock.timeScale;
}

/** State of a secret as the caller may see it; a recovery that is over makes the secret active again. */
function currentState(context: VaultContext, name = context.name): 'active' | 'deleting' | 'deleted' | 'recovering' {
  const { store, vault } = context;
  const state = store.state(vault, name);
  if (state === undefined) return 'active';
  const done = state.endless !== 1 && elapsed(context, state.since);
  if (state.state === 'deleted') return done ? 'deleted' : 'deleting';
  if (!done) return 'recovering';
  store.setState(vault, name, undefined);
  return 'active';
}

function parse<T>(schema: z.ZodType<T>, request: AzureRequest): T {
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString('utf8'));
  } catch {
    throw badParameter('The request body is not JSON.');
  }
  const result = schema.safeParse(body);
  if (!result.success) throw badParameter(`The request body is not valid: ${z.prettifyError(result.error)}`);
  return result.data;
}

function active(context: VaultContext): void {
  const state = currentState(context);
  if (state !== 'active') throw secretNotFound(context.name);
}

/** Set Secret: always a new version. */
export function setSecret(context: VaultContext): AzureReply {
  const { store, vault, name, request, clock } = context;
  if (!/^[0-9a-zA-Z-]{1,127}$/.test(name)) {
    throw badParameter(`The request URI contains an invalid name: ${name}`);
  }
  const body = parse(setBody, request);
  if (Buffer.byteLength(body.value) > largestValue) {
    throw badParameter('The value of a secret is at most 25 KiB long.');
  }
  const state = currentState(context);
  if (state === 'deleted') throw conflict(name, 'ObjectIsDeletedButRecoverable');
  if (state === 'deleting') throw conflict(name, 'ObjectIsBeingDeleted');
  if (state === 'recovering') throw conflict(name, 'ObjectIsBeingRecovered');
  const now = clock.now();
  const secret: SecretVersion = {
    vault,
    name: store.latest(vault, name)?.name ?? name,
    version: context.newId().replaceAll('-', ''),
    value: body.value,
    contentType: body.contentType,
    tags: body.tags ?? {},
    enabled: body.attributes?.enabled ?? true,
    notBefore: body.attributes?.nbf,
    expires: body.attributes?.exp,
    created: now,
    updated: now,
  };
  store.add(secret);
  return jsonReply(200, bundle(secret));
}

function find(context: VaultContext): SecretVersion {
  const { store, vault, name, version } = context;
  active(context);
  const secret = version === '' ? store.latest(vault, name) : store.version(vault, name, version);
  if (secret === undefined) throw secretNotFound(version === '' ? name : `${name}/${version}`);
  return secret;
}

/** Get Secret, the newest version or a named one. */
export function getSecret(context: VaultContext): AzureReply {
  const secret = find(context);
  if (!secret.enabled) {
    throw new VaultError(403, 'Forbidden', 'Operation get is not allowed on a disabled secret.', {
      inner: 'SecretDisabled',
    });
  }
  return jsonReply(200, bundle(secret));
}

/** Update Secret: attributes, tags and content type of one version. */
export function updateSecret(context: VaultContext): AzureReply {
  const secret = find(context);
  const body = parse(patchBody, context.request);
  const after: SecretVersion = {
    ...secret,
    contentType: body.contentType ?? secret.contentType,
    tags: body.tags ?? secret.tags,
    enabled: body.attributes?.enabled ?? secret.enabled,
    notBefore: body.attributes?.nbf ?? secret.notBefore,
    expires: body.attributes?.exp ?? secret.expires,
    updated: context.clock.now(),
  };
  context.store.update(after);
  return jsonReply(200, item(after, true));
}

function pageOf(
  context: VaultContext,
  path: string,
  items: readonly SecretVersion[],
  show: (s: SecretVersion) => unknown,
): AzureReply {
  const size = pageSize(context);
  const last = items[size - 1];
  const more = items.length > size && last !== undefined;
  const version = context.request.query.get('api-version') ?? '';
  const token = more ? Buffer.from(last.name).toString('base64url') : '';
  const nextLink = `${baseUrl(context.vault)}${path}?api-version=${version}&$skiptoken=${token}&maxresults=${size}`;
  return jsonReply(200, { value: items.slice(0, size).map(show), nextLink: more ? nextLink : null });
}

function pageSize({ request }: VaultContext): number {
  const size = Number(request.query.get('maxresults') ?? 25);
  if (!Number.isInteger(size) || size < 1 || size > 25) throw badParameter('maxresults lies between 1 and 25.');
  return size;
}

function marker({ request }: VaultContext): string {
  return Buffer.from(request.query.get('$skiptoken') ?? '', 'base64url').toString('utf8');
}

/** Get Secrets: the newest version of each, without values. */
export function listSecrets(context: VaultContext): AzureReply {
  const { store, vault } = context;
  const found = store.list(vault, false, marker(context), pageSize(context) + 1);
  const visible = found.filter((secret) => currentState(context, secret.name) === 'active');
  return pageOf(context, '/secrets', visible, (secret) => item(secret, false));
}

/** Get Secret Versions. */
export function listVersions(context: VaultContext): AzureReply {
  active(context);
  const versions = context.store.versions(context.vault, context.name);
  return jsonReply(200, { value: versions.map((secret) => item(secret, true)), nextLink: null });
}

function deletedBundle(secret: SecretVersion, since: number): Record<string, unknown> {
  const deletedDate = Math.floor(since / 1000);
  return {
    recoveryId: `${baseUrl(secret.vault)}/deletedsecrets/${secret.name}`,
    deletedDate,
    scheduledPurgeDate: deletedDate + recoverableDays * 86_400,
    ...item(secret, true),
  };
}

function endless({ request }: VaultContext): 0 | 1 {
  return request.fault?.kind === 'never-ends' ? 1 : 0;
}

/** Delete Secret: soft; the name stays taken until it is recovered or purged. */
export function deleteSecret(context: VaultContext): AzureReply {
  const { store, vault, name, clock } = context;
  const secret = find({ ...context, version: '' });
  const since = clock.now();
  store.setState(vault, name, { state: 'deleted', since, endless: endless(context) });
  return jsonReply(200, deletedBundle(secret, since));
}

function deleted(context: VaultContext): { readonly secret: SecretVersion; readonly since: number } {
  const { store, vault, name } = context;
  const state = currentState(context);
  if (state === 'deleting') throw conflict(name, 'ObjectIsBeingDeleted');
  const secret = store.latest(vault, name);
  const since = store.state(vault, name)?.since;
  if (state !== 'deleted' || secret === undefined || since === undefined) throw secretNotFound(name);
  return { secret, since };
}

/** Get Deleted Secret: 404 until the deletion is complete. */
export function getDeletedSecret(context: VaultContext): AzureReply {
  if (currentState(context) === 'deleting') throw secretNotFound(context.name);
  const { secret, since } = deleted(context);
  return jsonReply(200, deletedBundle(secret, since));
}

/** Get Deleted Secrets. */
export function listDeletedSecrets(context: VaultContext): AzureReply {
  const { store, vault } = context;
  const found = store.list(vault, true, marker(context), pageSize(context) + 1);
  const visible = found.filter((secret) => currentState(context, secret.name) === 'deleted');
  return pageOf(context, '/deletedsecrets', visible, (secret) =>
    deletedBundle(secret, store.state(vault, secret.name)?.since ?? secret.updated),
  );
}

/** Recover Deleted Secret. */
export function recoverSecret(context: VaultContext): AzureReply {
  const { secret } = deleted(context);
  const since = context.clock.now();
  context.store.setState(context.vault, context.name, { state: 'recovering', since, endless: endless(context) });
  return jsonReply(200, item(secret, true));
}

/** Purge Deleted Secret: final, all versions. */
export function purgeSecret(context: VaultContext): AzureReply {
  deleted(context);
  context.store.purge(context.vault, context.name);
  return { status: 204, headers: {} };
}
