import type { AccountService, AccountServiceOptions } from '../account-service.ts';
import { createAccountService } from '../account-service.ts';
import { errorReply, StorageError } from '../errors.ts';
import { queueOperations } from './operations.ts';
import { openQueueStore } from './store.ts';

/** The queue service of the simulated accounts: queues, messages with their receipts and times, keys, SAS and roles. */
export function createQueueService(options: AccountServiceOptions): AccountService {
  const store = openQueueStore(options.file);
  const { clock, ids: newId } = options;
  return createAccountService(options, {
    letter: 'q',
    store,
    find: (request, account) => {
      const [, queue = '', part = '', message = ''] = request.path.split('/').map((text) => decodeURIComponent(text));
      const place = queue === '' ? 'service' : part === '' ? 'queue' : message === '' ? 'messages' : 'message';
      const operation = queueOperations[`${request.method} ${place} ${request.query.get('comp') ?? ''}`];
      if (operation === undefined || (part !== '' && part !== 'messages'))
        throw new StorageError('NotImplemented', {
          message: `The simulated queue service does not model ${request.method} ${request.path} ${request.query.get('comp') ?? ''}.`,
        });
      return { needs: operation, run: () => operation.run({ store, clock, newId, request, account, queue, message }) };
    },
    headers: (request) => {
      const echo = request.headers['x-ms-client-request-id'];
      return {
        server: 'Windows-Azure-Queue/1.0 Microsoft-HTTPAPI/2.0',
        'x-ms-version': request.headers['x-ms-version'] ?? '2025-11-05',
        ...(echo === undefined ? {} : { 'x-ms-client-request-id': echo }),
      };
    },
    refusal: errorReply,
  });
}
