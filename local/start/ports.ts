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
    const port = await probe(wanted[key]);
    if (port === undefined) busy.push(busyLine(key, wanted[key]));
    else chosen[key] = port;
  }
  if (busy.length > 0) throw new StartProblem(busy.join('\n'));
  return chosen;
}

function busyLine(key: keyof Ports, port: number): string {
  const { variable, what } = portNames[key];
  return `Port ${port} on 127.0.0.1 is in use; ${what} needs it. Stop the other program, or choose another port: ${variable}=${port + 10_000 > 65_535 ? port - 10_000 : port + 10_000} npm start`;
}

/** Listens for a moment. @returns the port, or undefined when it is taken or not allowed */
async function probe(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(undefined);
    });
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : undefined);
      });
    });
  });
}
