/**
 * The `@azure/functions-core` module. The real worker hands it out when somebody requires that name; here a resolve and a
 * load hook answer the name with a small CommonJS module, which works for CommonJS and ESM apps, bundled or not
 * (functions-host-protocol.md, 1.1 and 1.2). The library caches what it got, so one module object serves the whole process
 * and forwards to the app that is being loaded.
 */
import nodeModule from 'node:module';
import {
  HOST_VERSION,
  type FunctionCallback,
  type FunctionMetadata,
  type LogLevel,
  type ProgrammingModel,
} from './protocol.ts';

/** What a loading app receives from the library. */
export interface Registrar {
  registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): () => void;
  registerHook(name: string, callback: (context: object) => unknown): () => void;
  log(level: LogLevel, category: string, message: string): void;
}

const SPECIFIER = '@azure/functions-core';
const MODULE_URL = 'functions-host:core';
const GLOBAL_KEY = 'functions-host.core';

class Disposable {
  #run: (() => unknown) | undefined;

  constructor(run: () => unknown) {
    this.#run = run;
  }

  /** One disposable for several. */
  static from(...parts: { dispose(): unknown }[]): Disposable {
    return new Disposable(() => {
      for (const part of parts) part.dispose();
    });
  }

  dispose(): unknown {
    const run = this.#run;
    this.#run = undefined;
    return run?.();
  }
}

/** An error that the library shows as one of the platform rather than of the app. */
export function systemError<E extends Error>(error: E): E {
  return Object.assign(error, { isAzureFunctionsSystemError: true });
}

let registrar: Registrar | undefined;
let model: ProgrammingModel | undefined;
let installed = false;

function current(): Registrar {
  if (!registrar) throw systemError(new Error('A function can only be registered during app startup.'));
  return registrar;
}

const coreModule = {
  version: '3.13.0',
  hostVersion: HOST_VERSION,
  Disposable,
  registerFunction(metadata: FunctionMetadata, callback: FunctionCallback): Disposable {
    return new Disposable(current().registerFunction(metadata, callback));
  },
  registerHook(name: string, callback: (context: object) => unknown): Disposable {
    return new Disposable(current().registerHook(name, callback));
  },
  setProgrammingModel(value: ProgrammingModel): void {
    model = value;
  },
  getProgrammingModel(): ProgrammingModel | undefined {
    return model;
  },
  log(level: LogLevel, category: string, message: string): void {
    registrar?.log(level, category, message);
  },
};

/** Makes `@azure/functions-core` available to everything that is loaded from now on. Idempotent. */
export function installCoreModule(): void {
  if (installed) return;
  installed = true;
  Object.defineProperty(globalThis, Symbol.for(GLOBAL_KEY), { value: coreModule });
  nodeModule.registerHooks({
    resolve: (specifier, context, next) =>
      specifier === SPECIFIER ? { url: MODULE_URL, format: 'commonjs', shortCircuit: true } : next(specifier, context),
    load: (url, context, next) =>
      url === MODULE_URL
        ? {
            format: 'commonjs',
            shortCircuit: true,
            source: `module.exports = globalThis[Symbol.for('${GLOBAL_KEY}')];`,
          }
        : next(url, context),
  });
}

/** Registrations go to this app until another one is set; `undefined` ends registration. */
export function setRegistrar(value: Registrar | undefined): void {
  registrar = value;
}

/** The programming model of the library that was loaded last, if any. */
export function programmingModel(): ProgrammingModel | undefined {
  return model;
}
