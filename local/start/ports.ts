import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { type Ports, portNames } from './args.ts';

/** Tells a person what is in the way of a start; printed without a stack. */
export class StartProblem extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StartProblem';
  }
}

/**
 * Checks that every port is free on 127.0.0.1 and chooses one for each 0.
 *
 * @throws StartProblem that names every busy port, who wants it and the variable that moves it
 */
export async function claimPorts(wanted: Ports): Promise<Ports> {
  const keys = Object.keys(portNames) as (keyof Ports)[];
  const chosen: Record<keyof Ports, number> = { ...wanted };
  const busy: string[] = [];
  for (const key of keys) {
    const port = wanted[key] === 0 ? await anyFree(new Set(Object.values(chosen))) : wanted[key];
    if (port !== 0 && (wanted[key] === 0 || (await isFree(port)))) chosen[key] = port;
    else busy.push(busyLine(key, wanted[key]));
  }
  if (busy.length > 0) throw new StartProblem(busy.join('\n'));
  return chosen;
}

function busyLine(key: keyof Ports, port: number): string {
  const { variable, what } = portNames[key];
  return `Port ${port} on 127.0.0.1 is in use; ${what} needs it. Stop the other program, or choose another port: ${variable}=${port + 10_000 > 65_535 ? port - 10_000 : port + 10_000} npm start`;
}

/**
 * A free port below the range from which systems give out ports on their own: until the child listens on it, nothing
 * else is likely to get it. @returns 0 when none was found
 */
async function anyFree(taken: ReadonlySet<number>): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(20_000, 30_000);
    if (!taken.has(port) && (await isFree(port))) return port;
  }
  return 0;
}

/** Listens for a moment. */
async function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
