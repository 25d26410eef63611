import crypto, { KeyObject, webcrypto } from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { promisify } from 'node:util';

/**
 * Cryptography for virtual time: everything is made at once in this thread, so that no answer comes from outside in an
 * order of its own; RSA keys come from a handful that are made once, ids and random bytes from a seed.
 */
const realGenerate = crypto.generateKeyPairSync;
const prepared: { readonly publicKey: KeyObject; readonly privateKey: KeyObject }[] = [];
const preparedCount = 5;
let taken = 0;

function preparedRsa(): { publicKey: KeyObject; privateKey: KeyObject } {
  const index = taken++ % preparedCount;
  prepared[index] ??= makeRsa(`prepared ${index}`);
  return prepared[index];
}

/** The same RSA-2048 key for the same text: names in a cluster depend on the fingerprint of its authority. */
function makeRsa(text: string): { publicKey: KeyObject; privateKey: KeyObject } {
  const [p, q] = [makePrime(`${text} p`), makePrime(`${text} q`)].sort((a, b) => (a < b ? 1 : -1)) as [bigint, bigint];
  const e = 65_537n;
  const d = inverse(e, (p - 1n) * (q - 1n));
  const parts = { n: p * q, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const encoded = Object.entries(parts).map(([name, value]) => [name, base64url(value)]);
  const key: Record<string, string> = { kty: 'RSA', ...Object.fromEntries(encoded) };
  const privateKey = crypto.createPrivateKey({ key, format: 'jwk' });
  return { privateKey, publicKey: crypto.createPublicKey(privateKey) };
}

/** The first prime of 1024 bits above a number that the text gives, with its two highest bits set. */
function makePrime(text: string): bigint {
  const digest = crypto.createHash('shake256', { outputLength: 128 }).update(text).digest('hex');
  let candidate = BigInt(`0x${digest}`) | (3n << 1022n) | 1n;
  while (candidate % 65_537n === 1n || !crypto.checkPrimeSync(candidate)) candidate += 2n;
  return candidate;
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [r, next, s, nextS] = [value, modulus, 1n, 0n];
  while (next !== 0n) [r, next, s, nextS] = [next, r % next, nextS, s - (r / next) * nextS];
  return ((s % modulus) + modulus) % modulus;
}

function base64url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').toString('base64url');
}

let seed = '';
let drawn = 0;

/** Starts the sequence of ids and random bytes anew. */
export function seedRandom(text: string): void {
  seed = text;
  drawn = 0;
  taken = 0;
}

function bytes(count: number): Buffer {
  const parts: Buffer[] = [];
  for (let size = 0; size < count; size += 32)
    parts.push(crypto.createHash('sha256').update(`${seed} ${drawn++}`).digest());
  return Buffer.concat(parts).subarray(0, count);
}

function uuid(): string {
  const hex = bytes(16).toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

type Algorithm = { readonly name: string; readonly namedCurve?: string };
const hashOf = (algorithm: unknown): string => {
  const name =
    typeof algorithm === 'string'
      ? algorithm
      : ((algorithm as { hash?: string | { name: string } }).hash ?? (algorithm as { name: string }).name);
  return (typeof name === 'string' ? name : name.name).replace('-', '').toLowerCase();
};
const curves: Readonly<Record<string, string>> = { 'P-256': 'prime256v1', 'P-384': 'secp384r1' };

function generate(type: string, options: object): { publicKey: KeyObject; privateKey: KeyObject } {
  return type === 'rsa' ? preparedRsa() : (realGenerate(type as 'ec', options as never) as never);
}

/** A key pair in the form that `options` asks for, as Node gives it. */
function generateSync(type: string, options: { publicKeyEncoding?: object; privateKeyEncoding?: object } = {}): object {
  if (type !== 'rsa') return realGenerate(type as 'ec', options as never);
  const { publicKey, privateKey } = preparedRsa();
  return {
    publicKey:
      options.publicKeyEncoding === undefined ? publicKey : publicKey.export(options.publicKeyEncoding as never),
    privateKey:
      options.privateKeyEncoding === undefined ? privateKey : privateKey.export(options.privateKeyEncoding as never),
  };
}

const buffer = (data: BufferSource): Buffer =>
  ArrayBuffer.isView(data) ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.from(data);
const exact = (data: Buffer): ArrayBuffer => new Uint8Array(data).buffer;
const signer = (algorithm: unknown, key: KeyObject): object =>
  (algorithm as Algorithm).name === 'ECDSA' ? { key, dsaEncoding: 'ieee-p1363' } : { key };
type CryptoKey = webcrypto.CryptoKey;
const nameOf = (algorithm: unknown): Algorithm =>
  typeof algorithm === 'string' ? { name: algorithm } : (algorithm as Algorithm);
const signHash = (algorithm: unknown, key: CryptoKey): string =>
  hashOf('hash' in (nameOf(algorithm) as object) ? algorithm : key.algorithm);

const subtle = {
  async digest(algorithm: unknown, data: BufferSource): Promise<ArrayBuffer> {
    return exact(crypto.createHash(hashOf(algorithm)).update(buffer(data)).digest());
  },
  async sign(algorithm: unknown, key: CryptoKey, data: BufferSource): Promise<ArrayBuffer> {
    if (key.type === 'secret') {
      return exact(crypto.createHmac(hashOf(key.algorithm), KeyObject.from(key)).update(buffer(data)).digest());
    }
    const hash = signHash(algorithm, key);
    return exact(crypto.sign(hash, buffer(data), signer(nameOf(algorithm), KeyObject.from(key)) as never));
  },
  async verify(algorithm: unknown, key: CryptoKey, signature: BufferSource, data: BufferSource): Promise<boolean> {
    const hash = signHash(algorithm, key);
    return crypto.verify(
      hash,
      buffer(data),
      signer(nameOf(algorithm), KeyObject.from(key)) as never,
      buffer(signature),
    );
  },
  async generateKey(algorithm: Algorithm, extractable: boolean, usages: string[]): Promise<object> {
    const type = algorithm.name === 'ECDSA' ? 'ec' : 'rsa';
    const { publicKey, privateKey } = generate(type, {
      namedCurve: curves[algorithm.namedCurve ?? ''] ?? 'prime256v1',
    });
    const keep = (use: string) => usages.filter((usage) => usage === use) as never[];
    return {
      publicKey: publicKey.toCryptoKey(algorithm, true, keep('verify')),
      privateKey: privateKey.toCryptoKey(algorithm, extractable, keep('sign')),
    };
  },
  async exportKey(format: string, key: CryptoKey): Promise<unknown> {
    const object = KeyObject.from(key);
    if (format === 'jwk') return object.export({ format: 'jwk' });
    if (format === 'raw') return exact(object.export());
    return exact(object.export({ format: 'der', type: format as 'pkcs8' }));
  },
  async importKey(
    format: string,
    data: BufferSource & JsonWebKey,
    algorithm: Algorithm,
    extractable: boolean,
    usages: string[],
  ): Promise<CryptoKey> {
    const object =
      format === 'raw'
        ? crypto.createSecretKey(buffer(data))
        : format === 'pkcs8'
          ? crypto.createPrivateKey({ key: buffer(data), format: 'der', type: 'pkcs8' })
          : crypto.createPublicKey({ key: buffer(data), format: 'der', type: 'spki' });
    return object.toCryptoKey(nameOf(algorithm), extractable, usages as never[]);
  },
};
type JsonWebKey = webcrypto.JsonWebKey;
type BufferSource = ArrayBuffer | ArrayBufferView;

/** Replaces Node's asynchronous and random cryptography in this process; there is no way back. */
export function installKeys(): void {
  const generatePair = (
    type: string,
    options: object,
    done: (error: undefined, publicKey: object, privateKey: object) => void,
  ): void => {
    const pair = generateSync(type, options) as { publicKey: object; privateKey: object };
    setImmediate(() => done(undefined, pair.publicKey, pair.privateKey));
  };
  Object.assign(generatePair, {
    [promisify.custom]: async (type: string, options: object) => generateSync(type, options),
  });
  Object.assign(crypto, {
    generateKeyPairSync: generateSync,
    generateKeyPair: generatePair,
    randomUUID: uuid,
    randomBytes: (count: number, done?: (error: undefined, bytes: Buffer) => void) => {
      if (done === undefined) return bytes(count);
      setImmediate(() => done(undefined, bytes(count)));
      return undefined;
    },
  });
  for (const [name, value] of Object.entries(subtle))
    Object.defineProperty(Object.getPrototypeOf(webcrypto.subtle), name, { value, configurable: true });
  Object.defineProperty(globalThis.crypto, 'randomUUID', { value: uuid, configurable: true });
  Math.random = () => bytes(4).readUInt32BE(0) / 2 ** 32;
  syncBuiltinESMExports();
}
