/**
 * Child process of crash.test.ts: runs one instance of `everything` and kills itself right after commit number `killAt`
 * (0: never). Prints the final status.
 */
import { createHost } from '../../../local/host/host.ts';

const [app = '', data = '', killAt = '0'] = process.argv.slice(2);
const host = await createHost({ app, port: 0, data });
const { store, engine } = host;
store.onCommit = (commits) => {
  if (commits === Number(killAt)) process.kill(process.pid, 'SIGKILL');
};
if (!store.instance('one')) engine.startInstance({ name: 'everything', instanceId: 'one', inputJson: null });
await new Promise<void>((resolve) => {
  const look = () => {
    if (store.instance('one')?.status === 'Completed') resolve();
  };
  engine.watch('one', look);
  look();
});
console.log(JSON.stringify({ output: store.view('one')?.output, commits: store.commits }));
await host.stop();
process.exit(0);
