/** Part (a): every recorded orchestrator episode with a following payload goes through the replay of this host. */
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Action, HistoryEvent } from '../../local/host/durable/events.ts';
import { replay } from '../../local/host/durable/replay.ts';
import type { Report } from './report.ts';

interface Scheduled {
  readonly kind: string;
  readonly id: number;
  readonly name?: string | null;
  readonly fireAt?: string | number;
}

interface Episode {
  readonly file: string;
  readonly instanceId: string;
  readonly executionId: string;
  readonly episode: number;
  readonly history: readonly HistoryEvent[];
  readonly state: { readonly actions: readonly (readonly Action[])[] };
  readonly expected: readonly Scheduled[] | null;
}

function line(item: Scheduled): string {
  const time = item.kind === 'timer' ? `@${new Date(item.fireAt ?? 0).toISOString().slice(0, 23)}` : '';
  return `${item.kind}#${item.id}:${(item.name ?? '').toLowerCase()}${time}`;
}

function simulate(episode: Episode): string {
  try {
    const { newActions } = replay(
      episode.instanceId,
      episode.executionId,
      episode.state.actions[0] ?? [],
      episode.history,
    );
    return newActions.map((action) => line(action as Scheduled)).join(' ');
  } catch (error) {
    return `THROWS ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Compares by the rule of the recordings' own `episodes.mjs`, whose generator reads them. */
export async function compareEpisodes(folder: string, report: Report): Promise<void> {
  const part = report.part('episodes');
  const recorded: { episodes(dir: string): Iterable<Episode> } = await import(
    pathToFileURL(path.join(folder, 'episodes.mjs')).href
  );
  for (const episode of recorded.episodes(folder)) {
    if (!episode.expected) continue;
    const want = episode.expected.map((item) => line(item)).join(' ');
    const got = simulate(episode);
    const id = `${episode.file.replace(/\.json$/, '')}/${episode.instanceId}/${episode.episode}`;
    report.case(part, id, want === got ? [] : [`recorded ${want || '(nothing)'} here ${got || '(nothing)'}`]);
  }
  report.close(part);
}
