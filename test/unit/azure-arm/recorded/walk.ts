import { createBench } from '../harness.ts';
import { differences, pollDifferences } from './compare.ts';
import { type Exchange, exchanges } from './exchanges.ts';
import { prepare } from './prepare.ts';
import { sceneOf } from './scenes.ts';

/** What became of one recorded exchange. */
interface Walked {
  readonly name: string;
  /** Method, recorded status and the path below the provider. */
  readonly what: string;
  /** Differences in words; empty when the simulated Azure answers as the recorded one. */
  readonly found: readonly string[];
}

async function walkOne(exchange: Exchange, all: readonly Exchange[]): Promise<readonly string[]> {
  if (!exchange.path.startsWith('/')) return ['another host'];
  const bench = createBench();
  try {
    await prepare(bench, exchange, all);
    const ours = await sceneOf(exchange)(bench, exchange);
    return [...differences(exchange, ours), ...(await pollDifferences(bench, exchange, ours))];
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    bench.close();
  }
}

/** Sends every recorded request to a simulated Azure in the state that the recording speaks of, and compares the answers. */
export async function walk(): Promise<readonly Walked[]> {
  const all = exchanges();
  const walked: Walked[] = [];
  for (const exchange of all) {
    const below = exchange.path.split('/providers/').at(-1) ?? '';
    const what = `${exchange.method} ${exchange.response.status} ${below}`;
    walked.push({ name: exchange.name, what, found: await walkOne(exchange, all) });
  }
  return walked;
}
