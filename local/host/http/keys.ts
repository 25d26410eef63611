/** Function, host and master keys as the plain host keeps and checks them (host-recordings, http-auth). */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Who may call: `anonymous` everybody, `function` holders of any key, `admin` holders of the master key. */
export type AuthLevel = 'anonymous' | 'function' | 'admin';

interface Key {
  readonly name: string;
  readonly value: string;
  readonly encrypted: boolean;
}

interface HostKeys {
  readonly masterKey: Key;
  readonly functionKeys: readonly Key[];
  readonly systemKeys: readonly Key[];
}

const SYSTEM_KEY = 'durabletask_extension';

function newKey(name: string): Key {
  return { name, value: randomBytes(42).toString('base64url'), encrypted: false };
}

function same(left: string, right: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

/** Reads a key file, or writes it with fresh keys when there is none. Throws an Error when it cannot be read. */
function readOrCreate<T extends object>(file: string, create: () => T): T {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    const rest = { hostName: 'localhost', instanceId: '', source: 'runtime', decryptionKeyId: '' };
    const value = { ...create(), ...rest };
    writeFileSync(file, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
    return value;
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`The key file ${file} is not JSON. Repair it, or delete it to get new keys.`);
  }
}

/** The keys of an app, kept as files `host.json` and `<function>.json` in a folder. */
export class Keys {
  readonly #host: HostKeys;
  readonly #functions = new Map<string, readonly Key[]>();

  /** @param folder where the files are; made when it is missing. @param functionNames HTTP functions. */
  constructor(folder: string, functionNames: readonly string[]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#host = readOrCreate(path.join(folder, 'host.json'), () => ({
      masterKey: newKey('master'),
      functionKeys: [newKey('default')],
      systemKeys: [newKey(SYSTEM_KEY)],
    }));
    for (const name of functionNames) {
      const file = path.join(folder, `${name.toLowerCase()}.json`);
      const { keys } = readOrCreate<{ keys: readonly Key[] }>(file, () => ({ keys: [newKey('default')] }));
      this.#functions.set(name.toLowerCase(), keys);
    }
  }

  /** The key that the durable web hooks ask for. */
  get systemKey(): string {
    return this.#host.systemKeys.find((key) => key.name === SYSTEM_KEY)?.value ?? this.#host.masterKey.value;
  }

  /** Host keys, for the administration API. */
  get hostKeys(): readonly Key[] {
    return this.#host.functionKeys;
  }

  /** True when the presented key opens a function of that level. */
  opens(level: AuthLevel, functionName: string, presented: string | undefined): boolean {
    if (level === 'anonymous') return true;
    if (presented === undefined || presented === '') return false;
    if (same(presented, this.#host.masterKey.value)) return true;
    if (level === 'admin') return false;
    const keys = [...this.#host.functionKeys, ...(this.#functions.get(functionName.toLowerCase()) ?? [])];
    return keys.some((key) => same(presented, key.value));
  }

  /** True when the presented key opens the durable web hooks. */
  opensWebhook(presented: string | undefined): boolean {
    return presented !== undefined && (same(presented, this.systemKey) || this.opens('admin', '', presented));
  }
}

/** The key of a request: the header wins over the query. */
export function presentedKey(
  header: string | string[] | undefined,
  query: ReadonlyMap<string, string>,
): string | undefined {
  if (typeof header === 'string' && header !== '') return header;
  return [...query].find(([name]) => name.toLowerCase() === 'code')?.[1];
}

/** The level of an HTTP function; `function` when the binding names none or an unknown one. */
export function authLevelOf(value: unknown): AuthLevel {
  const text = typeof value === 'string' ? value.toLowerCase() : 'function';
  return text === 'anonymous' || text === 'admin' ? text : 'function';
}
