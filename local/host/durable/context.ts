import type { DurableFunctions, EngineOptions, Environment } from './contracts.ts';
import type { ExecutionCache } from './executions.ts';
import type { DurableStore } from './store.ts';
import type { StrictCheck } from './strict.ts';
import type { Traps } from './traps.ts';

/** What an episode needs from its engine. */
export interface EpisodeContext {
  readonly store: DurableStore;
  readonly functions: DurableFunctions;
  readonly environment: Environment;
  readonly options: EngineOptions;
  readonly traps: Traps;
  readonly executions: ExecutionCache;
  readonly strict: StrictCheck;
}
