import type { PoolView, StatusDocument, StepView } from '../status-document.ts';
import { poolZones, stepTime, stepTitle, type ZoneCells } from './facts.ts';
import { clean, columns, duration, fit, type Paint } from './text.ts';

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** A frame of the spinner; ten a second. */
export function spinnerFrame(now: number): string {
  return spinner[Math.floor(now / 100) % spinner.length] ?? '⠋';
}

/** `zone 1 ▪▪  zone 2 ▪▫`: a square per wanted node, filled when it is ready. */
export function zoneSquares(zones: readonly ZoneCells[], paint: Paint): string {
  return zones
    .map(({ label, ready, wanted }) => {
      // Large pools would run off the line: numbers from thirteen on.
      const cells =
        wanted > 12
          ? `${ready}/${wanted}`
          : `${paint.good('▪'.repeat(ready))}${paint.dim('▫'.repeat(Math.max(0, wanted - ready)))}`;
      return label === '' ? cells : `${label} ${cells}`;
    })
    .join('  ');
}

/** `general  zone 1 ▪▪  zone 2 ▪▫  zone 3 ▫   3 of 5`. */
export function poolLine(pool: PoolView, paint: Paint, nameWidth = 0): string {
  return `${pool.name.padEnd(nameWidth)}  ${zoneSquares(poolZones(pool), paint)}   ${pool.ready} of ${pool.replicas}`;
}

/** What a running step says: its own sentence, or how far it has come. */
export function runningText({ sentence, progress }: StepView): string {
  if (sentence !== undefined) return clean(sentence);
  if (progress === undefined) return '';
  if (progress.unit !== 'bytes') return `${progress.done} of ${progress.total} ${progress.unit}`;
  const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  return `${mebibytes(progress.done)} of ${mebibytes(progress.total)} MiB`;
}

/** What a step that has not begun waits for, in titles. */
export function waitingText(step: StepView, document: StatusDocument): string {
  const open = document.status.steps.filter((other) => step.needs.includes(other.id) && other.state !== 'done');
  return open.length === 0 ? 'next' : `after ${open.map((other) => stepTitle(other, document)).join(', ')}`;
}

/** The lines of one step: the step itself, and one line per pool where there are several. */
export function stepLines(
  step: StepView,
  document: StatusDocument,
  options: { readonly now: number; readonly width: number; readonly paint: Paint; readonly titleWidth: number },
): readonly string[] {
  const { now, width, paint, titleWidth } = options;
  const took = stepTime(step, now);
  const time = (took === undefined || step.state === 'pending' ? '' : duration(took)).padStart(8);
  const title = stepTitle(step, document).padEnd(titleWidth);
  const line = (sign: string, body: string): string => fit(`  ${sign} ${body}`, width);
  switch (step.state) {
    case 'done':
      return [line(paint.good('✔'), `${title}${time}   ${clean(step.sentence ?? '')}`.trimEnd())];
    case 'failed':
      return [line(paint.bad('✖'), `${title}${time}   ${clean(step.error?.message ?? step.sentence ?? '')}`)];
    case 'skipped':
      return [line(paint.dim('–'), paint.dim(`${title}${' '.repeat(8)}   not needed`))];
    case 'pending':
      return [line(paint.dim('·'), paint.dim(`${title}${' '.repeat(8)}   ${waitingText(step, document)}`))];
    case 'running':
      return runningLines(step, document, { head: `${title}${paint.dim(time)}   `, now, paint }).map((text) =>
        fit(text, width),
      );
    default:
      return [line('?', title)];
  }
}

function runningLines(
  step: StepView,
  { status: { pools } }: StatusDocument,
  { head, now, paint }: { readonly head: string; readonly now: number; readonly paint: Paint },
): readonly string[] {
  const sign = paint.live(spinnerFrame(now));
  if (step.id !== 'workerPools' || pools.length === 0) return [`  ${sign} ${head}${runningText(step)}`.trimEnd()];
  const nameWidth = Math.max(...pools.map((pool) => columns(pool.name)));
  const [first, ...rest] = pools.map((pool) => poolLine(pool, paint, nameWidth));
  const indent = ' '.repeat(4 + columns(head));
  return [`  ${sign} ${head}${first ?? ''}`, ...rest.map((text) => `${indent}${text}`)];
}
