import { goVirtual } from '../../support/virtual.ts';

/** Plays the scenes, in a process of their own, and says of each how it went. `--only TEXT` takes those with the text. */
const virtual = await goVirtual();
const { playScene, scenes } = await import('./scenes.ts');
const index = process.argv.indexOf('--only');
const only = index === -1 ? '' : (process.argv[index + 1] ?? '');
for (const scene of scenes.filter(({ name }) => name.includes(only))) {
  let failure: string | undefined;
  try {
    await playScene(virtual, scene);
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  process.stdout.write(`${JSON.stringify({ name: scene.name, failure })}\n`);
}
process.exit(0);
