import * as df from 'durable-functions';
import type { InvocationContext } from '@azure/functions';
import { type Config, readConfig } from '#config/config.ts';
import type { OrchestrationStarter, ServiceDependencies } from '#services/dependencies.ts';
import { createStore, type Store } from '#store/store.ts';

let opened: { readonly config: Config; readonly store: Store } | undefined;

/** Configuration and store of this process, opened on first use. */
export function application(): { readonly config: Config; readonly store: Store } {
  opened ??= open();
  return opened;
}

function open(): { readonly config: Config; readonly store: Store } {
  const config = readConfig(process.env);
  return { config, store: createStore(config.storage) };
}

/** What a function hands to the services: store, configuration and Durable behind a narrow door. */
export function dependenciesOf(context: InvocationContext): ServiceDependencies {
  return { ...application(), starter: starterOf(df.getClient(context)) };
}

function starterOf(client: df.DurableClient): OrchestrationStarter {
  return {
    async start(orchestrator, instanceId, input) {
      try {
        await client.startNew(orchestrator, { instanceId, input });
      } catch (error) {
        // 409: the instance is running already, which is what was wanted (functions-host-protocol.md §2.8).
        if (!(error instanceof Error) || !/\b409\b|already exists/i.test(error.message)) throw error;
      }
    },
    async status(instanceId) {
      try {
        return (await client.getStatus(instanceId)).runtimeStatus;
      } catch (error) {
        if (error instanceof Error && /\b404\b|not found/i.test(error.message)) return undefined;
        throw error;
      }
    },
  };
}
