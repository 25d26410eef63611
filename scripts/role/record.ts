import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { callsOf, dataOf, dynamicLives, live, prepare, staticLives } from '#test/full/role-lives.ts';
import { startStack } from '#test/support/stack.ts';
import type { Recording } from './definitions.ts';

const principalId = '44444444-4444-4444-8444-444444444444';

/** Lets clusters live and die on the simulated Azure and keeps the calls that Capstan made, without names. */
export async function record(): Promise<void> {
  const stack = await startStack();
  try {
    await prepare(stack);
    const before = (await stack.requests()).length;
    await live(stack, dynamicLives);
    const between = (await stack.requests()).length;
    await live(stack, staticLives);
    const all = await stack.requests();
    const recording: Recording = {
      dynamic: callsOf(all.slice(before, between), principalId),
      static: callsOf(all.slice(between), principalId),
      data: dataOf(all.slice(before), principalId),
    };
    writeFileSync(path.join(import.meta.dirname, 'calls.json'), `${JSON.stringify(recording, undefined, 2)}\n`);
  } finally {
    await stack.stop();
  }
}
