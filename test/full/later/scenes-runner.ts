import { goVirtual } from '../../support/virtual.ts';

/** Plays the scenes, in a process of their own, and says of each how it went. `--only TEXT` takes those with the text. */
const virtual = await goVirtual();
const { playScene, playStory } = await import('./scenes/play.ts');
const { scenes, stories } = await import('./scenes/all.ts');
const index = process.argv.indexOf('--only');
const only = index === -1 ? '' : (process.argv[index + 1] ?? '');
const all = [
  ...scenes.map((scene) => ({ name: scene.name, play: async () => playScene(virtual, scene) })),
  ...stories.map((story) => ({ name: story.name, play: async () => playStory(virtual, story) })),
];
for (const { name, play } of all.filter((one) => one.name.includes(only))) {
  let failure: string | undefined;
  try {
    await play();
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  process.stdout.write(`${JSON.stringify({ name, failure })}\n`);
}
process.exit(0);
