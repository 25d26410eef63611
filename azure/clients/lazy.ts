let queue: Promise<unknown> = Promise.resolve();

/**
 * Runs imports one after the other: several of the SDK packages imported at the same moment, unbundled, fail with
 * ERR_REQUIRE_ESM_RACE_CONDITION on Node 24 (azure-behaviour.md, Import cost).
 */
export function load<Module>(importer: () => Promise<Module>): Promise<Module> {
  const next = queue.then(importer).then(withNames);
  queue = next.catch(() => undefined);
  return next;
}

/** A CommonJS package in a split bundle arrives with its exports below `default` alone (arm-authorization is one). */
function withNames<Module>(module: Module): Module {
  if (typeof module !== 'object' || module === null || Object.keys(module).join() !== 'default') return module;
  return (module as unknown as { default: Module }).default;
}

/** Calls `create` at the first call and keeps its result; a failed creation is tried again at the next call. */
export function once<Value>(create: () => Promise<Value>): () => Promise<Value> {
  let kept: Promise<Value> | undefined;
  return () => {
    kept ??= create().catch((error: unknown) => {
      kept = undefined;
      throw error;
    });
    return kept;
  };
}
