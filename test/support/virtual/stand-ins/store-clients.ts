import type { StorageClients } from '../../../../store/clients.ts';

/**
 * Stands in for `store/clients.ts`: tables, blobs and queues of the app's own storage account in memory, as far as the
 * store uses them. Rows and their ETags behave as test/contract/store.test.ts asks of the real service.
 */
export type { StorageClients } from '../../../../store/clients.ts';

type Entity = Readonly<Record<string, unknown>> & { readonly partitionKey: string; readonly rowKey: string };

class StorageError extends Error {
  readonly statusCode: number;
  constructor(statusCode: number, message: string) {
    super(message);
    this.name = 'RestError';
    this.statusCode = statusCode;
  }
}

let etags = 0;
const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Conditions of the filters that the store writes: `Property op 'value'` joined by `and`. */
function parseFilter(filter: string): ((entity: Entity) => boolean)[] {
  return filter.split(' and ').map((text) => {
    const match = /^(PartitionKey|RowKey) (eq|ge|lt) '([^']*)'$/.exec(text);
    if (match === null) throw new Error(`the table in memory does not know the filter ${text}`);
    const [, property, operator, value = ''] = match;
    const read = (entity: Entity): string => (property === 'RowKey' ? entity.rowKey : entity.partitionKey);
    if (operator === 'eq') return (entity) => read(entity) === value;
    return operator === 'ge' ? (entity) => read(entity) >= value : (entity) => read(entity) < value;
  });
}

class MemoryTable {
  readonly #rows = new Map<string, Map<string, { entity: Entity; etag: string }>>();

  #partition(key: string): Map<string, { entity: Entity; etag: string }> {
    let rows = this.#rows.get(key);
    if (rows === undefined) this.#rows.set(key, (rows = new Map()));
    return rows;
  }

  #put(entity: Entity): void {
    this.#partition(entity.partitionKey).set(entity.rowKey, { entity: { ...entity }, etag: `W/"${++etags}"` });
  }

  async getEntity(partition: string, row: string): Promise<object> {
    const found = this.#rows.get(partition)?.get(row);
    if (found === undefined) throw new StorageError(404, 'ResourceNotFound');
    return { ...found.entity, etag: found.etag };
  }

  async createEntity(entity: Entity): Promise<void> {
    if (this.#rows.get(entity.partitionKey)?.has(entity.rowKey) === true)
      throw new StorageError(409, 'EntityAlreadyExists');
    this.#put(entity);
  }

  async updateEntity(entity: Entity, _mode: 'Replace', { etag }: { readonly etag: string }): Promise<void> {
    const found = this.#rows.get(entity.partitionKey)?.get(entity.rowKey);
    if (found === undefined) throw new StorageError(404, 'ResourceNotFound');
    if (found.etag !== etag) throw new StorageError(412, 'UpdateConditionNotSatisfied');
    this.#put(entity);
  }

  async upsertEntity(entity: Entity): Promise<void> {
    this.#put(entity);
  }

  async deleteEntity(partition: string, row: string): Promise<void> {
    if (this.#rows.get(partition)?.delete(row) !== true) throw new StorageError(404, 'ResourceNotFound');
  }

  async *listEntities({
    queryOptions,
  }: {
    readonly queryOptions: { readonly filter: string };
  }): AsyncGenerator<object> {
    const conditions = parseFilter(queryOptions.filter);
    const named = /PartitionKey eq '([^']*)'/.exec(queryOptions.filter)?.[1];
    const partitions = named === undefined ? [...this.#rows.keys()].sort(order) : [named];
    for (const partition of partitions) {
      const rows = [...(this.#rows.get(partition)?.values() ?? [])];
      const chosen = rows.filter(({ entity }) => conditions.every((holds) => holds(entity)));
      chosen.sort((a, b) => order(a.entity.rowKey, b.entity.rowKey));
      for (const { entity, etag } of chosen) yield { ...entity, etag };
    }
  }
}

class MemoryContainer {
  readonly #blobs = new Map<string, Buffer>();

  async createIfNotExists(): Promise<void> {}

  getBlobClient(name: string) {
    return {
      download: async () => {
        const bytes = this.#blobs.get(name);
        if (bytes === undefined) throw new StorageError(404, 'BlobNotFound');
        return { contentLength: bytes.length, readableStreamBody: [bytes] };
      },
      deleteIfExists: async () => {
        this.#blobs.delete(name);
      },
    };
  }

  getBlockBlobClient(name: string) {
    return {
      upload: async (bytes: Buffer) => {
        this.#blobs.set(name, Buffer.from(bytes));
      },
    };
  }
}

class MemoryAccount {
  readonly #tables = new Map<string, MemoryTable>();
  readonly #containers = new Map<string, MemoryContainer>();
  readonly messages: string[] = [];

  table(name: string): MemoryTable {
    let table = this.#tables.get(name);
    if (table === undefined) this.#tables.set(name, (table = new MemoryTable()));
    return table;
  }

  getContainerClient(name: string): MemoryContainer {
    let container = this.#containers.get(name);
    if (container === undefined) this.#containers.set(name, (container = new MemoryContainer()));
    return container;
  }
}

let account = new MemoryAccount();

/** An empty account, for a world that begins. */
export function emptyAccount(): MemoryAccount {
  account = new MemoryAccount();
  return account;
}

export function createStorageClients(): StorageClients {
  const queue = {
    createIfNotExists: async () => {},
    sendMessage: async (text: string) => void account.messages.push(text),
  };
  return {
    table: async (name: string) => tableOf(name),
    blobs: async () => ({ getContainerClient: (name: string) => containerOf(name) }),
    queues: async () => ({ getQueueClient: () => queue }),
  } as unknown as StorageClients;
}

/** The store keeps its clients; what they reach is the account of the present world. */
function tableOf(name: string): object {
  return new Proxy({}, { get: (_target, member) => bound(account.table(name), member) });
}

function containerOf(name: string): object {
  return new Proxy({}, { get: (_target, member) => bound(account.getContainerClient(name), member) });
}

function bound(target: object, member: string | symbol): unknown {
  const value: unknown = Reflect.get(target, member);
  // A promise that resolves with this object must not take it for another promise.
  return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : undefined;
}
