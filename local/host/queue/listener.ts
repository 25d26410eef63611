/** One queue trigger: polls, runs the function, deletes or releases messages, moves poison messages. */
import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue';
import type { QueueSettings } from '../config/host-json.ts';
import type { RegisteredFunction } from '../core/function-app.ts';
import type { Invoker } from '../core/invocation.ts';
import type { Log } from '../core/log.ts';
import { textOption, type TypedData } from '../core/protocol.ts';
import { invokeWithRetry } from '../core/retry.ts';
import { decodeMessage, messageText, queueMetadata } from './text.ts';

/** What a listener works with. */
export interface ListenerOptions {
  readonly fn: RegisteredFunction;
  readonly queue: QueueClient;
  /** Undefined for a queue that is a poison queue itself, or whose name leaves no room for the suffix. */
  readonly poisonQueue: QueueClient | undefined;
  readonly settings: QueueSettings;
  /** Messages in work at which the next batch is fetched. */
  readonly newBatchThreshold: number;
  readonly invoker: Invoker;
  readonly log: Log;
  readonly extraInputs: () => { name: string; data: TypedData }[];
}

/** Messages in work are invisible for this long, renewed at every third of it: after a crash they come again soon. */
const LEASE_SECONDS = 30;
/** Without a poison queue a failed message stays out of sight for this long, as on the real host. */
const FAILED_SECONDS = 600;
const STOP_BOUND_MS = 5000;
const SHORTEST_POLL_MS = 100;

/** HTTP status of an error of the storage SDK. */
export function statusOf(error: unknown): number | undefined {
  return typeof error === 'object' && error !== null && 'statusCode' in error ? Number(error.statusCode) : undefined;
}

/** See the head of this file. */
export class QueueListener {
  readonly #options: ListenerOptions;
  #pollMs = SHORTEST_POLL_MS;
  #inWork = 0;
  #paused = false;
  #wakeUp: (() => void) | undefined;
  #loop: Promise<void> | undefined;
  #unreachable = false;
  readonly #unsettled = new Set<Promise<void>>();

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Messages that are being processed. */
  get inWork(): number {
    return this.#inWork;
  }

  get queue(): QueueClient {
    return this.#options.queue;
  }

  get poisonQueue(): QueueClient | undefined {
    return this.#options.poisonQueue;
  }

  get queueName(): string {
    return this.#options.queue.name;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** Polls at once: somebody in this process has put a message there. */
  notify(): void {
    this.#pollMs = SHORTEST_POLL_MS;
    this.#wakeUp?.();
  }

  /** Fetches nothing more. */
  pause(): void {
    this.#paused = true;
    this.#wakeUp?.();
  }

  /** Waits until fetched messages have been deleted or released, so that none is lost from sight; at most five seconds. */
  async stop(): Promise<void> {
    this.pause();
    let timer: NodeJS.Timeout | undefined;
    const bound = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, STOP_BOUND_MS);
    });
    const settled = async (): Promise<void> => {
      await this.#loop;
      await Promise.all(this.#unsettled);
    };
    await Promise.race([settled(), bound]);
    clearTimeout(timer);
  }

  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = undefined;
  }

  async #run(): Promise<void> {
    const { settings, newBatchThreshold } = this.#options;
    while (!this.#paused) {
      if (this.#inWork > newBatchThreshold) {
        await this.#sleep(SHORTEST_POLL_MS);
        continue;
      }
      const messages = await this.#receive();
      for (const message of messages) this.#track(this.#paused ? this.#giveBack(message) : this.#process(message));
      if (messages.length > 0) {
        this.#pollMs = SHORTEST_POLL_MS;
        if (messages.length === settings.batchSize) continue;
      } else {
        this.#pollMs = Math.min(this.#pollMs * 1.7, Math.max(SHORTEST_POLL_MS, settings.maxPollingIntervalMs));
      }
      if (!this.#paused) await this.#sleep(this.#pollMs);
    }
  }

  async #receive(): Promise<DequeuedMessageItem[]> {
    const { queue, settings, log, fn } = this.#options;
    try {
      const answer = await queue.receiveMessages({
        numberOfMessages: settings.batchSize,
        visibilityTimeout: LEASE_SECONDS,
      });
      this.#reached();
      return answer.receivedMessageItems;
    } catch (error) {
      this.#pollMs = settings.maxPollingIntervalMs;
      // A queue that does not exist yet is waited for; an unreachable storage account is reported once.
      if (statusOf(error) === 404) this.#reached();
      else if (!this.#unreachable && !this.#paused) {
        this.#unreachable = true;
        const reason = error instanceof Error ? error.message : String(error);
        log.write({
          level: 'error',
          category: 'Host.Queue',
          message: `Queue '${queue.name}' of function '${fn.name}' cannot be read: ${reason}. The host goes on trying.`,
        });
      }
      return [];
    }
  }

  #reached(): void {
    if (!this.#unreachable) return;
    this.#unreachable = false;
    this.#options.log.write({
      level: 'warning',
      category: 'Host.Queue',
      message: `Queue '${this.queueName}' of function '${this.#options.fn.name}' can be reached again.`,
    });
  }

  async #process(message: DequeuedMessageItem): Promise<void> {
    const { queue, log } = this.#options;
    this.#inWork++;
    const lease = new MessageLease(queue, message, log);
    try {
      await this.#settle(message, lease);
    } catch (error) {
      // The message comes again when its visibility time is over.
      log.write({
        level: 'error',
        category: 'Host.Queue',
        message: `Message ${message.messageId} of '${queue.name}' could not be settled: ${error instanceof Error ? error.message : String(error)}`,
      });
    } finally {
      await lease.stop();
      this.#inWork--;
      if (this.#inWork === this.#options.newBatchThreshold) this.notify();
    }
  }

  async #settle(message: DequeuedMessageItem, lease: MessageLease): Promise<void> {
    const { fn, queue, poisonQueue, settings } = this.#options;
    const bytes = decodeMessage(message.messageText, settings.messageEncoding);
    if (!bytes && poisonQueue)
      return this.#toPoison(message, lease, poisonQueue, 'is not base64 (messageEncoding in host.json)');
    // It was taken from the queue too often without an end: the process that worked on it must have ended.
    if (poisonQueue && message.dequeueCount > settings.maxDequeueCount)
      return this.#toPoison(message, lease, poisonQueue, `has been taken ${message.dequeueCount} times`);
    const succeeded = bytes ? await this.#invoke(message, bytes) : false;
    await lease.stop();
    if (succeeded) {
      await queue.deleteMessage(message.messageId, lease.popReceipt);
      return;
    }
    if (poisonQueue && message.dequeueCount >= settings.maxDequeueCount)
      return this.#toPoison(
        message,
        lease,
        poisonQueue,
        `has failed ${message.dequeueCount} times in function '${fn.name}'`,
      );
    const seconds = poisonQueue ? Math.round(settings.visibilityTimeoutMs / 1000) : FAILED_SECONDS;
    await queue.updateMessage(message.messageId, lease.popReceipt, message.messageText, seconds);
  }

  /** Runs the function; false when it failed or when the bytes are no text for it. */
  async #invoke(message: DequeuedMessageItem, bytes: Buffer): Promise<boolean> {
    const { fn, invoker, log, extraInputs } = this.#options;
    const isBinary = textOption(fn.trigger, 'dataType').toLowerCase() === 'binary';
    const text = messageText(bytes);
    if (text === undefined && !isBinary) {
      log.write({
        level: 'error',
        category: `Function.${fn.name}`,
        message: `Message ${message.messageId} of '${this.queueName}' is not UTF-8 text: the function fails without being called.`,
      });
      return false;
    }
    const input = {
      triggerData: isBinary ? { bytes } : { string: text },
      triggerMetadata: queueMetadata(message, text ?? ''),
      extraInputs: extraInputs(),
    };
    return invokeWithRetry(invoker, fn, input, () => this.#paused);
  }

  #track(work: Promise<void>): void {
    this.#unsettled.add(work);
    void work.finally(() => this.#unsettled.delete(work));
  }

  /** Makes a message that came too late visible again. */
  async #giveBack(message: DequeuedMessageItem): Promise<void> {
    try {
      await this.#options.queue.updateMessage(message.messageId, message.popReceipt, message.messageText, 0);
    } catch {
      // It comes again when its visibility time is over.
    }
  }

  async #toPoison(
    message: DequeuedMessageItem,
    lease: MessageLease,
    poisonQueue: QueueClient,
    why: string,
  ): Promise<void> {
    const { queue, log } = this.#options;
    await lease.stop();
    log.write({
      level: 'warning',
      category: 'Host.Queue',
      message: `Message ${message.messageId} of '${queue.name}' ${why}: moved to the queue '${poisonQueue.name}'.`,
    });
    await poisonQueue.createIfNotExists();
    await poisonQueue.sendMessage(message.messageText);
    await queue.deleteMessage(message.messageId, lease.popReceipt);
  }
}

/** Keeps a message invisible while it is processed. */
class MessageLease {
  popReceipt: string;
  readonly #timer: NodeJS.Timeout;
  #renewal: Promise<void> = Promise.resolve();

  constructor(queue: QueueClient, message: DequeuedMessageItem, log: Log) {
    this.popReceipt = message.popReceipt;
    const renew = async (): Promise<void> => {
      try {
        const answer = await queue.updateMessage(
          message.messageId,
          this.popReceipt,
          message.messageText,
          LEASE_SECONDS,
        );
        this.popReceipt = answer.popReceipt ?? this.popReceipt;
      } catch (error) {
        log.write({
          level: 'warning',
          category: 'Host.Queue',
          message: `The visibility of message ${message.messageId} could not be renewed: ${error instanceof Error ? error.message : String(error)}`,
        });
      }
    };
    this.#timer = setInterval(
      () => {
        this.#renewal = this.#renewal.then(renew);
      },
      (LEASE_SECONDS * 1000) / 3,
    );
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewal;
  }
}
