import type { Clock } from '../../clock.ts';
import type { TokenIssuer } from '../../identity/tokens.ts';
import type { AzureDirectory, AzureReply, AzureRequest, AzureService, UnmodelledRequest } from '../../service.ts';
import { authorizeAccount } from '../account-access.ts';
import { errorReply, StorageError } from '../errors.ts';
import { queueOperations } from './operations.ts';
import { openQueueStore } from './store.ts';

export interface QueueServiceOptions {
  /** File of the state. */
  readonly file: string;
  readonly clock: Clock;
  readonly tokens: TokenIssuer;
  readonly tenantId: string;
  readonly ids: () => string;
  readonly azure: () => AzureDirectory;
}

export interface QueueService {
  readonly service: AzureService;
  unmodelled(): readonly UnmodelledRequest[];
  clear(): void;
  close(): void;
}

/** The queue service of the simulated accounts: queues, messages with their receipts and times, keys, SAS and roles. */
export function createQueueService(options: QueueServiceOptions): QueueService {
  const store = openQueueStore(options.file);
  const refused: UnmodelledRequest[] = [];
  const answer = (request: AzureRequest): AzureReply => {
    const name = request.host.split('.')[0] ?? '';
    const directory = options.azure();
    const account = directory.storageAccount(name);
    if (account === undefined) {
      const message = `${request.host} does not resolve: there is no storage account ${name} in the simulated Azure.`;
      throw new StorageError('ResourceNotFound', { status: 502, message });
    }
    const [, queue = '', part = '', message = ''] = request.path.split('/').map((text) => decodeURIComponent(text));
    const place = queue === '' ? 'service' : part === '' ? 'queue' : message === '' ? 'messages' : 'message';
    const operation = queueOperations[`${request.method} ${place} ${request.query.get('comp') ?? ''}`];
    if (operation === undefined || (part !== '' && part !== 'messages'))
      throw new StorageError('NotImplemented', {
        message: `The simulated queue service does not model ${request.method} ${request.path} ${request.query.get('comp') ?? ''}.`,
      });
    const { tokens, tenantId, clock } = options;
    authorizeAccount(request, account, operation, { directory, tokens, tenantId, now: clock.now(), service: 'q' });
    return operation.run({ store, clock, newId: options.ids, request, account: name, queue, message });
  };
  return {
    unmodelled: () => refused,
    clear() {
      store.clear();
      refused.length = 0;
    },
    close: () => store.close(),
    service: async (request) => {
      const id = options.ids();
      const echo = request.headers['x-ms-client-request-id'];
      const common = {
        server: 'Windows-Azure-Queue/1.0 Microsoft-HTTPAPI/2.0',
        'x-ms-request-id': id,
        'x-ms-version': request.headers['x-ms-version'] ?? '2025-11-05',
        ...(echo === undefined ? {} : { 'x-ms-client-request-id': echo }),
      };
      try {
        const reply = answer(request);
        return { ...reply, headers: { ...common, ...reply.headers } };
      } catch (error) {
        if (!(error instanceof StorageError)) throw error;
        const { method, host, path } = request;
        if (error.code === 'NotImplemented') refused.push({ method, host, path, message: error.message });
        const reply = errorReply(error, id, options.clock.now());
        return { ...reply, headers: { ...common, ...reply.headers } };
      }
    },
  };
}
