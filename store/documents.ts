import { createHash } from 'node:crypto';
import type { ContainerClient } from '@azure/storage-blob';
import type { StorageClients } from './clients.ts';
import { statusOf } from './table.ts';

/** SHA-256 of a text, hexadecimal. */
export function sha256(text: string | Uint8Array): string {
  return createHash('sha256').update(text).digest('hex');
}

/** JSON with sorted keys, so that equal documents have equal hashes. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Documents in blob containers: immutable ones named by their hash, and named ones that are replaced. */
export interface DocumentStore {
  /** Stores JSON under its SHA-256. Idempotent. @returns the hash */
  putContent(value: unknown): Promise<string>;
  getContent<Value>(sha: string): Promise<Value>;
  /** Replaces a named text (a poller, a journal, a node list). */
  put(name: string, text: string): Promise<void>;
  get(name: string): Promise<string | undefined>;
  delete(name: string): Promise<void>;
  /** A blob of the `requests` container, at most `limit` bytes; undefined when absent or larger. */
  readRequest(name: string, limit: number): Promise<string | undefined>;
  deleteRequest(name: string): Promise<void>;
  /** A component manifest of the `components` container. */
  readComponent(name: string): Promise<string | undefined>;
  /** A manifest of an add-on, of the `add-ons` container. */
  readAddOn(name: string): Promise<string | undefined>;
}

/** Texts named by their hash never change, and many activities and every status need the same ones. */
const rememberedCharacters = 16 * 1024 ** 2;

/** Remembers the texts that were used last, up to so many characters together. */
function recentTexts(most: number) {
  const texts = new Map<string, string>();
  let size = 0;
  const forget = (key: string): void => {
    size -= texts.get(key)?.length ?? 0;
    texts.delete(key);
  };
  return {
    get: (key: string): string | undefined => texts.get(key),
    keep(key: string, text: string): void {
      forget(key);
      texts.set(key, text);
      size += text.length;
      for (const oldest of texts.keys()) {
        if (size <= most) break;
        forget(oldest);
      }
    },
  };
}

/** Opens the document containers. */
export function createDocumentStore(clients: StorageClients): DocumentStore {
  const containers = new Map<string, Promise<ContainerClient>>();
  const container = (name: string): Promise<ContainerClient> => {
    let pending = containers.get(name);
    if (pending === undefined) {
      pending = clients.blobs().then(async (service) => {
        const client = service.getContainerClient(name);
        await client.createIfNotExists();
        return client;
      });
      pending.catch(() => containers.delete(name));
      containers.set(name, pending);
    }
    return pending;
  };
  const read = async (where: string, name: string, limit = Number.POSITIVE_INFINITY): Promise<string | undefined> => {
    const blob = (await container(where)).getBlobClient(name);
    try {
      // One GET: a named document may be replaced between two calls, and the size of the first would be wrong.
      const answer = await blob.download();
      if ((answer.contentLength ?? 0) > limit) return undefined;
      const chunks: Uint8Array[] = [];
      for await (const chunk of answer.readableStreamBody ?? []) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks).toString('utf8');
    } catch (error) {
      if (statusOf(error) === 404) return undefined;
      throw error;
    }
  };
  const contents = recentTexts(rememberedCharacters);
  const write = async (name: string, text: string): Promise<void> => {
    const bytes = Buffer.from(text);
    await (await container('capstan')).getBlockBlobClient(name).upload(bytes, bytes.length);
  };
  return {
    async putContent(value) {
      const text = canonicalJson(value);
      const sha = sha256(text);
      await write(`content/${sha}`, text);
      return sha;
    },
    async getContent(sha) {
      const text = contents.get(sha) ?? (await read('capstan', `content/${sha}`));
      if (text === undefined) throw new Error(`document ${sha} is missing from the container capstan`);
      contents.keep(sha, text);
      return JSON.parse(text);
    },
    put: (name, text) => write(`named/${name}`, text),
    get: (name) => read('capstan', `named/${name}`),
    async delete(name) {
      await (await container('capstan')).getBlobClient(`named/${name}`).deleteIfExists();
    },
    readRequest: (name, limit) => read('requests', name, limit),
    async deleteRequest(name) {
      await (await container('requests')).getBlobClient(name).deleteIfExists();
    },
    readComponent: (name) => read('components', name),
    readAddOn: (name) => read('add-ons', name),
  };
}
