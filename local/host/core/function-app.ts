/** A loaded Function app: its functions and hooks (functions-host-protocol.md, 1.3 and 1.4). */
import fs, { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { installCoreModule, programmingModel, setRegistrar, systemError } from './core-module.ts';
import type { Log } from './log.ts';
import type { Binding, FunctionCallback, FunctionMetadata, LogLevel, ProgrammingModel } from './protocol.ts';

export type HookName = 'appStart' | 'appTerminate' | 'preInvocation' | 'postInvocation' | 'log';
type Hook = (context: object) => unknown;

/** One registered function with its trigger picked out. */
export interface RegisteredFunction {
  readonly name: string;
  readonly metadata: FunctionMetadata;
  readonly callback: FunctionCallback;
  /** Name of the trigger binding and the binding itself. */
  readonly triggerName: string;
  readonly trigger: Binding;
  /** The file that registered it, relative to the app folder. */
  readonly file: string;
}

const DEFAULT_CAPABILITIES = [
  'RawHttpBodyBytes',
  'RpcHttpTriggerMetadataRemoved',
  'RpcHttpBodyOnly',
  'IgnoreEmptyValuedRpcHttpHeaders',
  'UseNullableValueDictionaryForHttp',
  'WorkerStatus',
  'TypedDataCollection',
  'HandlesWorkerTerminateMessage',
];

/** Loads an app folder and keeps what it registered. */
export class FunctionApp {
  readonly folder: string;
  readonly functions = new Map<string, RegisteredFunction>();
  readonly appHookData: object = {};
  readonly log: Log;
  #hooks: Record<HookName, Hook[]> = { appStart: [], appTerminate: [], preInvocation: [], postInvocation: [], log: [] };
  #model: ProgrammingModel | undefined;
  #startHookData: object = {};
  #loading = '';
  #httpUri: string | undefined;
  #namesakes: readonly [string, string] | undefined;

  /** @param folder absolute path of the app, where `package.json` lies. */
  constructor(folder: string, log: Log) {
    this.folder = folder;
    this.log = log;
  }

  /** Name, trigger and bindings of a function, ignoring the case of the name; undefined when there is none. */
  find(name: string): RegisteredFunction | undefined {
    return this.functions.get(name.toLowerCase());
  }

  /** Where the library takes HTTP requests itself (streaming), or undefined when the app does not stream. */
  get httpUri(): string | undefined {
    return this.#httpUri;
  }

  /** Two functions whose names differ in case only, if there are some: the real host does not run with them. */
  get namesakes(): readonly [string, string] | undefined {
    return this.#namesakes;
  }

  /** True when hooks of this kind are registered. */
  hasHooks(name: HookName): boolean {
    return this.#hooks[name].length > 0;
  }

  /** The library's programming model; throws before the app has loaded it. */
  get model(): ProgrammingModel {
    if (!this.#model) throw systemError(new Error('The app has not registered a programming model.'));
    return this.#model;
  }

  /**
   * Loads every file that the `main` glob of `package.json` names, runs the appStart hooks and closes registration.
   * Throws when a file cannot be loaded: the real worker ends then and no function is available.
   */
  async load(): Promise<void> {
    installCoreModule();
    setRegistrar({
      registerFunction: (metadata, callback) => this.#register(metadata, callback),
      registerHook: (name, callback) => this.#registerHook(name, callback),
      log: (level, category, message) => this.emitLog(level, category, message),
    });
    try {
      await this.#loadFiles();
      this.#model = programmingModel();
      const context = {
        hookData: this.#startHookData,
        appHookData: this.appHookData,
        functionAppDirectory: this.folder,
      };
      await this.runHooks('appStart', context);
      const defaults = Object.fromEntries(DEFAULT_CAPABILITIES.map((name) => [name, 'true']));
      const capabilities = (await this.#model?.getCapabilities?.(defaults)) ?? defaults;
      this.#httpUri = capabilities['HttpUri'];
    } finally {
      setRegistrar(undefined);
    }
  }

  /** Runs the hooks of one kind in the order of their registration, each awaited. */
  async runHooks(name: Exclude<HookName, 'log'>, context: object): Promise<void> {
    for (const hook of this.#hooks[name]) await hook(context);
  }

  /** Runs the appTerminate hooks; errors are logged, never thrown. */
  async terminate(): Promise<void> {
    try {
      await this.runHooks('appTerminate', { hookData: this.#startHookData, appHookData: this.appHookData });
    } catch (error) {
      this.log.write({ level: 'error', category: 'Host', message: `An appTerminate hook failed: ${String(error)}` });
    }
  }

  /** Passes a record through the log hooks, which may change level and message, and writes it. */
  emitLog(
    level: LogLevel,
    category: string,
    message: string,
    from?: { name: string; invocationId: string; context?: object },
  ): void {
    const context = {
      hookData: {},
      appHookData: this.appHookData,
      level,
      message,
      category,
      invocationContext: from?.context,
    };
    for (const hook of this.#hooks.log) hook(context);
    const owner = from ? `Function.${from.name}` : 'Host.App';
    this.log.write({
      level: context.level,
      category: category === 'user' ? `${owner}.User` : owner,
      message: context.message,
      invocationId: from?.invocationId,
    });
  }

  #register(metadata: FunctionMetadata, callback: FunctionCallback): () => void {
    const id = metadata.functionId ?? metadata.name;
    const key = metadata.name.toLowerCase();
    const known = this.functions.get(key);
    if (known && known.name !== metadata.name) this.#namesakes = [known.name, metadata.name];
    else if (known) throw systemError(new Error(`A function with id "${id}" has already been registered.`));
    const trigger = Object.entries(metadata.bindings).find(([, binding]) => /trigger$/i.test(binding.type));
    if (!trigger) throw systemError(new Error(`Function "${metadata.name}" has no trigger binding.`));
    const [triggerName, binding] = trigger;
    this.functions.set(key, {
      name: metadata.name,
      metadata: { ...metadata, functionId: id },
      callback,
      triggerName,
      trigger: binding,
      file: this.#loading,
    });
    return () => {
      this.functions.delete(key);
    };
  }

  #registerHook(name: string, callback: Hook): () => void {
    if (!Object.hasOwn(this.#hooks, name)) throw systemError(new RangeError(`Unrecognized hook "${name}"`));
    const list = this.#hooks[name as HookName];
    list.push(callback);
    return () => {
      const index = list.indexOf(callback);
      if (index >= 0) list.splice(index, 1);
    };
  }

  #manifest(file: string): { main?: string; type?: string } {
    if (!fs.existsSync(file)) return {};
    try {
      return JSON.parse(readFileSync(file, 'utf8').replace(/^\ufeff/, ''));
    } catch (error) {
      throw new Error(`${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`, {
        cause: error,
      });
    }
  }

  /** A hint for apps of the programming model before v4. */
  #oldModel(): string {
    const [found] = fs.globSync('*/function.json', { cwd: this.folder });
    return found === undefined
      ? ''
      : ` There is ${found}: apps of the v3 model (function.json) do not run here, only those that register their functions with app.* of @azure/functions 4.`;
  }

  async #loadFiles(): Promise<void> {
    const packageFile = path.join(this.folder, 'package.json');
    const manifest = this.#manifest(packageFile);
    if (!manifest.main) {
      this.log.write({
        level: 'warning',
        category: 'Host',
        message: `${packageFile} has no "main": no functions found. Set "main" to the built entry file or a glob.${this.#oldModel()}`,
      });
      return;
    }
    const files = fs.globSync(manifest.main, { cwd: this.folder }).sort();
    if (files.length === 0) {
      throw new Error(
        `Worker was unable to load entry point "${manifest.main}": Found zero files matching the supplied pattern (app folder ${this.folder}; was the app built?)`,
      );
    }
    const load = createRequire(packageFile);
    for (const file of files) {
      const full = path.join(this.folder, file);
      this.#loading = file;
      const isModule = file.endsWith('.mjs') || (!file.endsWith('.cjs') && manifest.type === 'module');
      try {
        if (isModule) await import(pathToFileURL(full).href);
        else load(full);
      } catch (error) {
        const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
        throw new Error(`Worker was unable to load entry point "${file}": ${reason}`, { cause: error });
      }
    }
  }
}
