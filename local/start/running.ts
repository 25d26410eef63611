import { type Child, type ChildExit, type ChildName, type ChildSpec, startChild, stopChildren } from './children.ts';

/** Longest time a stop may take before what is left is killed. */
const stopMilliseconds = 10_000;

/** The children while they run. */
export interface Stack {
  /** Settles when a child ends that nobody asked to end. */
  readonly died: Promise<ChildExit & { readonly logFile: string }>;
  pid(name: ChildName): number | undefined;
  /** SIGKILL to the host, then the same host again on the same data. @returns the pid that was killed */
  killAndRestartHost(): Promise<number | undefined>;
  /** SIGTERM to all, SIGKILL after ten seconds. */
  stop(): Promise<void>;
  /** SIGKILL to all, at once. */
  killAll(): void;
}

/** Starts all children side by side. */
export function startStack(specs: Readonly<Record<ChildName, ChildSpec>>): Stack {
  const { promise: died, resolve: reportDeath } = Promise.withResolvers<ChildExit & { readonly logFile: string }>();
  const children = new Map<ChildName, Child>();
  const wanted = new Set<Child>();
  let stopping = false;
  const begin = (spec: ChildSpec, append: boolean): void => {
    const child = startChild(spec, { append });
    children.set(spec.name, child);
    wanted.add(child);
    void child.exited.then((exit) => {
      // Ctrl-C reaches the children too, perhaps before us: only a death that outlives our own signal is a surprise.
      setTimeout(() => {
        if (!stopping && wanted.has(child)) reportDeath({ ...exit, logFile: child.logFile });
      }, 300);
    });
  };
  for (const spec of Object.values(specs)) begin(spec, false);
  const wave = (...names: readonly ChildName[]): readonly Child[] =>
    names.map((name) => children.get(name)).filter((child) => child !== undefined);
  return {
    died,
    pid: (name) => children.get(name)?.pid,
    async killAndRestartHost() {
      const host = children.get('host');
      if (host === undefined) return undefined;
      wanted.delete(host);
      host.signal('SIGKILL');
      await host.exited;
      if (!stopping) begin(specs.host, true);
      return host.pid;
    },
    async stop() {
      stopping = true;
      await stopChildren([wave('host'), wave('simulator', 'azurite')], stopMilliseconds);
    },
    killAll() {
      stopping = true;
      for (const child of children.values()) child.signal('SIGKILL');
    },
  };
}
