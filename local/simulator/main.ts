import { guide } from './guide.ts';
import { readSettings, usage } from './settings.ts';
import { createSimulator } from './simulator.ts';

async function main(): Promise<void> {
  if (process.argv.includes('--help')) {
    console.log(usage);
    return;
  }
  const settings = readSettings(process.argv.slice(2), process.env);
  const simulator = await createSimulator(settings);
  console.log(`simulated Azure listening on ${simulator.url}`);
  if (settings.guide) console.log(guide(simulator.url, await simulator.certificateFile()));
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    simulator.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error instanceof Error ? error.message : error);
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
