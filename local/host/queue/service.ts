/** Queue triggers and queue outputs of an app on its storage accounts. */
import os from 'node:os';
import { type QueueClient, QueueServiceClient } from '@azure/storage-queue';
import { HostConfigError, type QueueSettings } from '../config/host-json.ts';
import { storageConnection } from '../config/settings.ts';
import type { FunctionApp, RegisteredFunction } from '../core/function-app.ts';
import type { Invoker } from '../core/invocation.ts';
import type { Log } from '../core/log.ts';
import { textOption, type Binding, type InvocationResponse, type TypedData } from '../core/protocol.ts';
import { QueueListener, statusOf } from './listener.ts';
import { encodeMessage, outputMessages, queueMetadata } from './text.ts';

/** What the service works with. */
export interface QueueServiceOptions {
  readonly app: FunctionApp;
  readonly invoker: Invoker;
  readonly settings: NodeJS.ProcessEnv;
  readonly config: QueueSettings;
  readonly log: Log;
  readonly clientInputs: (fn: RegisteredFunction) => { name: string; data: TypedData }[];
}

/** Settings of a connection without a key, after its name. */
const IDENTITY = /^(AzureWebJobs)?__(queueServiceUri|serviceUri|accountName)$/i;
const POISON = '-poison';
const LONGEST_NAME = 63;
const QUEUE_NAME = /^[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]$/;

/** Replaces `%NAME%` in a binding option by the setting of that name. */
export function resolveSettings(text: string, settings: NodeJS.ProcessEnv): string {
  return text.replace(/%([^%]+)%/g, (whole, name: string) => {
    const value = settings[name];
    if (value === undefined) throw new HostConfigError(`'${whole}' cannot be resolved: there is no setting '${name}'.`);
    return value;
  });
}

/** See the head of this file. */
export class QueueService {
  readonly #options: QueueServiceOptions;
  readonly #services = new Map<string, QueueServiceClient>();
  readonly #clients = new Map<string, QueueClient>();
  readonly #listeners: QueueListener[] = [];

  constructor(options: QueueServiceOptions) {
    this.#options = options;
  }

  /** Starts the listeners. A function whose queue or connection cannot be used is left out with an error. */
  async start(): Promise<void> {
    const { app, log, config, invoker } = this.#options;
    for (const fn of app.functions.values()) {
      if (fn.trigger.type.toLowerCase() !== 'queuetrigger') continue;
      try {
        const queue = this.#client(fn.trigger);
        const poisonName = `${queue.name}${POISON}`;
        const hasPoison = !queue.name.endsWith(POISON) && poisonName.length <= LONGEST_NAME;
        const poisonQueue = hasPoison ? this.#client({ ...fn.trigger, queueName: poisonName }) : undefined;
        const newBatchThreshold =
          config.newBatchThreshold ?? Math.floor(config.batchSize / 2) * os.availableParallelism();
        const extraInputs = (): { name: string; data: TypedData }[] => this.inputs(fn);
        const listener = new QueueListener({
          fn,
          queue,
          poisonQueue,
          settings: config,
          newBatchThreshold,
          invoker,
          log,
          extraInputs,
        });
        this.#listeners.push(listener);
        listener.start();
      } catch (error) {
        if (!(error instanceof HostConfigError)) throw error;
        log.write({
          level: 'error',
          category: 'Host.Queue',
          message: `The '${fn.name}' function is in error: ${error.message}`,
        });
      }
    }
  }

  pause(): void {
    for (const listener of this.#listeners) listener.pause();
  }

  async stop(): Promise<void> {
    await Promise.all(this.#listeners.map(async (listener) => listener.stop()));
  }

  /** Messages in work per queue. */
  state(): Record<string, number> {
    return Object.fromEntries(this.#listeners.map((listener) => [listener.queueName, listener.inWork]));
  }

  /** Messages in work, about how many are in each queue and its poison queue; null when a queue cannot be read or is not there. */
  async depths(): Promise<object[]> {
    const count = async (queue: QueueClient | undefined): Promise<number | null> =>
      queue?.getProperties().then(
        (answer) => answer.approximateMessagesCount ?? 0,
        () => null,
      ) ?? null;
    return Promise.all(
      this.#listeners.map(async (listener) => ({
        queue: listener.queueName,
        inWork: listener.inWork,
        messages: await count(listener.queue),
        poison: await count(listener.poisonQueue),
      })),
    );
  }

  /** Runs a function once with a text that lies in no queue. Throws what it throws. */
  async call(fn: RegisteredFunction, text: string): Promise<void> {
    const facts = { messageId: '', popReceipt: '', dequeueCount: 0 };
    const times = { insertedOn: new Date(), expiresOn: new Date(), nextVisibleOn: new Date() };
    await this.#options.invoker.invoke(fn, {
      triggerData: { string: text },
      triggerMetadata: queueMetadata({ ...facts, ...times }, text),
      extraInputs: this.inputs(fn),
    });
  }

  /** Data of the further input bindings of a function. */
  inputs(fn: RegisteredFunction): { name: string; data: TypedData }[] {
    return this.#options.clientInputs(fn);
  }

  /** Sends what an invocation left for its queue outputs. Throws when a message cannot be sent. */
  async writeOutputs(fn: RegisteredFunction, response: InvocationResponse): Promise<void> {
    for (const [name, binding] of Object.entries(fn.metadata.bindings)) {
      if (binding.direction !== 'out' || binding.type.toLowerCase() !== 'queue') continue;
      const data =
        name === '$return' ? response.returnValue : response.outputData?.find((item) => item.name === name)?.data;
      const messages = outputMessages(data);
      if (messages.length > 0) await this.#send(binding, messages);
    }
  }

  async #send(binding: Binding, messages: readonly (string | Buffer)[]): Promise<void> {
    const client = this.#client(binding);
    for (const message of messages) {
      const text = encodeMessage(message, this.#options.config.messageEncoding);
      try {
        await client.sendMessage(text);
      } catch (error) {
        if (statusOf(error) !== 404) throw error;
        await client.createIfNotExists();
        await client.sendMessage(text);
      }
    }
    for (const listener of this.#listeners) if (listener.queueName === client.name) listener.notify();
  }

  #client(binding: Binding): QueueClient {
    const { settings } = this.#options;
    const connection = storageConnection(settings, binding['connection']);
    const shown = textOption(binding, 'connection') || 'AzureWebJobsStorage';
    if (connection === undefined || connection === '') {
      const identity = Object.keys(settings).find((name) => IDENTITY.test(name.replace(shown, '')));
      if (identity?.includes(shown) === true)
        throw new HostConfigError(
          `the storage connection '${shown}' is identity-based ('${identity}'), which this host does not have. Set '${shown}' to a connection string to run the app here.`,
        );
      throw new HostConfigError(
        `the storage connection '${shown}' is not set. Put a connection string into the environment or into the Values of local.settings.json.`,
      );
    }
    const queueName = resolveSettings(textOption(binding, 'queueName'), settings).toLowerCase();
    if (!QUEUE_NAME.test(queueName))
      throw new HostConfigError(
        `'${queueName}' is not a valid queue name (3 to 63 letters, digits and single dashes).`,
      );
    const key = `${shown} ${queueName}`;
    let client = this.#clients.get(key);
    if (!client) {
      client = this.#service(shown, connection).getQueueClient(queueName);
      this.#clients.set(key, client);
    }
    return client;
  }

  #service(name: string, connection: string): QueueServiceClient {
    let service = this.#services.get(name);
    if (!service) {
      const text = connection.trim() === 'UseDevelopmentStorage=true' ? 'UseDevelopmentStorage=true' : connection;
      try {
        service = QueueServiceClient.fromConnectionString(text, { retryOptions: { maxTries: 2 } });
      } catch {
        // The message of the SDK may quote the connection string, which holds a key.
        throw new HostConfigError(`the setting '${name}' is not a storage connection string.`);
      }
      this.#services.set(name, service);
    }
    return service;
  }
}
