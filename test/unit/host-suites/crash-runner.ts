/**
 * Child process of the crash tests: runs one instance of `scenario` and kills itself right after commit number `killAt` (0:
 * never). Before that it writes down which steps were not recorded yet. Prints the final status and the number of commits.
 */
import { appendFileSync } from 'node:fs';
import { createHost } from '../../../local/host/host.ts';

const [app = '', data = '', killAt = '0'] = process.argv.slice(2);
const host = await createHost({ app, port: 0, data });
const { store, engine } = host;

store.onCommit = (commits) => {
  if (commits !== Number(killAt)) return;
  for (const { inst, name, input } of store.work()) {
    const { name: step } = JSON.parse(input ?? '{}') as { name?: string };
    appendFileSync(`${process.env['JOURNAL']}.open`, `${inst} ${name}${step === undefined ? '' : ` ${step}`}\n`);
  }
  process.kill(process.pid, 'SIGKILL');
};

if (!store.instance('one')) engine.startInstance({ name: 'scenario', instanceId: 'one', inputJson: null });

/** Raises the event once: it is on disk when a message or a row of the history holds it. */
function raiseOnce(): void {
  const known = [...store.history('one'), ...store.dueMessages('one', Number.MAX_SAFE_INTEGER).map((row) => row.event)];
  if (!known.some((event) => event.includes('"Name":"go"'))) engine.raiseEvent('one', 'go', '"event"');
}

await new Promise<void>((resolve) => {
  const look = (): void => {
    const row = store.instance('one');
    if (row?.custom === '"waiting"') raiseOnce();
    if (row?.status !== 'Pending' && row?.status !== 'Running') resolve();
  };
  engine.watch('one', look);
  look();
});
const { status, output } = store.view('one') ?? {};
const entity = store.entity('@counter@one')?.state;
console.log(JSON.stringify({ status, output, entity, commits: store.commits }));
await host.stop();
process.exit(0);
