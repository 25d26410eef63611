import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BootFault } from './faults.ts';

/** What is remembered of one machine across a restart of the simulator. */
export interface MachineRecord {
  readonly id: string;
  /** SHA-256 of the user data: another one means another machine under the same name. */
  readonly userData: string;
  state: 'booting' | 'running' | 'failed';
  /** Index of the boot step that runs or runs next. */
  step: number;
  console: string;
  /** Planted by a test; kept, so that a restart of the simulator does not heal the machine. */
  fault?: BootFault;
  nodeName?: string;
  clusterKey?: string;
}

/** What is remembered of one cluster. */
export interface ClusterRecord {
  readonly key: string;
  readonly version: string;
  readonly caCertificate: string;
  readonly endpointHost: string;
  readonly endpointPort: number;
  readonly serviceSubnet: string;
  readonly certificateNames: readonly string[];
}

/** Small JSON documents, one file each, replaced atomically so that a kill at any moment leaves the old or the new one. */
export interface Records<T> {
  load(id: string): T | undefined;
  save(id: string, value: T): void;
  remove(id: string): void;
  all(): T[];
}

/** Opens a folder of records; unreadable files are an error that names the file. */
export function openRecords<T>(directory: string): Records<T> {
  mkdirSync(directory, { recursive: true });
  const pathOf = (id: string): string =>
    join(directory, `${createHash('sha256').update(id.toLowerCase()).digest('hex').slice(0, 24)}.json`);
  const read = (path: string): T | undefined => {
    let text: string;
    try {
      text = readFileSync(path, 'utf8');
    } catch {
      return undefined;
    }
    try {
      return JSON.parse(text) as T;
    } catch {
      throw new Error(
        `The state file ${path} of the simulated machines is not JSON. Delete the data folder (or start with --reset) to begin anew.`,
      );
    }
  };
  return {
    load: (id) => read(pathOf(id)),
    save: (id, value) => {
      const path = pathOf(id);
      writeFileSync(`${path}.new`, JSON.stringify(value), { mode: 0o600 });
      renameSync(`${path}.new`, path);
    },
    remove: (id) => rmSync(pathOf(id), { force: true }),
    all: () =>
      readdirSync(directory)
        .filter((name) => name.endsWith('.json'))
        .flatMap((name) => {
          const value = read(join(directory, name));
          return value === undefined ? [] : [value];
        }),
  };
}
