import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { list, pin, pull, verify } from './commands.ts';
import { pinPath, readPins } from './pins.ts';
import { containerTarget, folderTarget } from './target.ts';

/**
 * `npm run components -- pull|list|verify|pin [--to FOLDER] [--only NAME]`: the manifests that Capstan installs into
 * a cluster, from pinned releases into the container `components` of the app's storage account, or into a folder.
 */
const usage = 'usage: npm run components -- pull|list|verify|pin [--to FOLDER] [--only NAME]';

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { to: { type: 'string' }, only: { type: 'string' } },
  });
  const [command = ''] = positionals;
  const workshop = {
    pins: readPins(),
    fetch: globalThis.fetch,
    say: (line: string) => console.log(line),
    ...(values.only === undefined ? {} : { only: values.only }),
  };
  const target = async () => (values.to === undefined ? containerTarget(process.env) : folderTarget(values.to));
  switch (command) {
    case 'pull':
      await pull(workshop, await target());
      return 0;
    case 'list':
      await list(workshop, await target());
      return 0;
    case 'verify':
      return (await verify(workshop, await target())).length === 0 ? 0 : 1;
    case 'pin':
      writeFileSync(pinPath, `${JSON.stringify(await pin(workshop), null, 2)}\n`);
      return 0;
    default:
      console.error(usage);
      return 2;
  }
}

try {
  process.exitCode = await run();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
