import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** Settings of the simulator process. */
export interface SimulatorSettings {
  readonly port: number;
  readonly dataDirectory: string;
  readonly timeScale: number;
  /** Decides ids, durations and what happens by chance. */
  readonly seed: string;
  /** Print how other tools reach the simulated Azure. */
  readonly guide: boolean;
}

export const usage = `Usage: simulator [--port N] [--data DIR] [--time-scale N] [--guide]

  --port N         TCP port on 127.0.0.1 (CAPSTAN_AZURE_PORT; default 7080, 0 for a free one)
  --data DIR       data folder; the state is kept in DIR/simulator (CAPSTAN_DATA; default .capstan)
  --time-scale N   Azure seconds per second (CAPSTAN_TIME_SCALE; default 1)
  --seed TEXT      decides ids, durations and what happens by chance; the same seed and requests give the
                   same log (CAPSTAN_AZURE_SEED; default capstan)
  --guide          print the lines to paste for the az CLI, Terraform and SDKs of any language`;

function number(text: string, name: string, minimum: number, maximum: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= minimum && value <= maximum) return value;
  throw new Error(`${name} must be a number from ${minimum} to ${maximum}, not "${text}".`);
}

/**
 * Reads flags, then environment, then defaults.
 *
 * @throws Error that names the flag or variable that is wrong
 */
export function readSettings(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): SimulatorSettings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: 'string' },
      data: { type: 'string' },
      'time-scale': { type: 'string' },
      seed: { type: 'string' },
      guide: { type: 'boolean', default: false },
    },
    strict: true,
  });
  const port = number(values.port ?? environment['CAPSTAN_AZURE_PORT'] ?? '7080', '--port', 0, 65_535);
  if (!Number.isInteger(port)) throw new Error(`--port must be a whole number, not "${port}".`);
  return {
    port,
    dataDirectory: resolve(values.data ?? environment['CAPSTAN_DATA'] ?? '.capstan'),
    guide: values.guide,
    seed: values.seed ?? environment['CAPSTAN_AZURE_SEED'] ?? 'capstan',
    timeScale: number(values['time-scale'] ?? environment['CAPSTAN_TIME_SCALE'] ?? '1', '--time-scale', 0.01, 100_000),
  };
}
