import type { VirtualWorld } from './virtual/world.ts';

export type { ActivityCall } from './virtual/host.ts';
export type { VirtualWorld } from './virtual/world.ts';

/** What a process on virtual time can do. */
export interface VirtualProcess {
  /** A world of its own; close it before the next one. The same seed and the same calls give the same world. */
  createWorld(seed: string): Promise<VirtualWorld>;
  /** Milliseconds since 1970 of virtual time. */
  now(): number;
}

/**
 * Turns this process into one that runs on virtual time, for good: `Date`, timers, key generation and the network are
 * replaced, so use it in a process of its own (a `*-runner.ts`) and import what belongs to the product after it.
 * Virtual time jumps to the next timer when nothing is left to do; a whole provision costs less than a second.
 */
export async function goVirtual(): Promise<VirtualProcess> {
  const { installTime, virtualTime } = await import('./virtual/time.ts');
  const { installKeys } = await import('./virtual/keys.ts');
  const { installHooks } = await import('./virtual/hooks.ts');
  installHooks();
  installKeys();
  const { loadApp } = await import('./virtual/host.ts');
  await loadApp();
  const { preload } = await import('./virtual/preload.ts');
  await preload();
  installTime();
  const { createWorld } = await import('./virtual/world.ts');
  return { createWorld, now: () => virtualTime.now };
}
