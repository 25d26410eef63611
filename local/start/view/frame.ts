import type { StatusDocument } from '../status-document.ts';
import { clusterLine, elapsed, failureOf, finished, stepTitle } from './facts.ts';
import { failureLines } from './failure.ts';
import type { Model } from './model.ts';
import { spinnerFrame, stepLines } from './steps.ts';
import { clean, clockTime, columns, count, fit, type Paint, spread } from './text.ts';

export interface FrameOptions {
  readonly now: number;
  readonly width: number;
  readonly height: number;
  readonly paint: Paint;
}

/** Who runs where, and what was posted. */
export function headerLines(model: Model, width: number, paint: Paint): readonly string[] {
  const name = `${paint.strong('Capstan')} · embedded Functions host · simulated Azure ×${model.scale}`;
  const app = `app ${model.app}`;
  const azure = `azure ${model.azure}`;
  const fits = columns(name) + columns(app) + columns(azure) + 6 <= width;
  const posted =
    model.posted === undefined
      ? []
      : [`posted ${model.posted.file} to queue cluster-requests (request ${model.posted.requestId})`];
  const servers = `${app}   ${azure}`;
  const lines = fits
    ? [spread(name, servers, width)]
    : columns(servers) <= width
      ? [name, servers]
      : [name, app, azure];
  return [...lines, ...posted].map((line) => fit(line, width));
}

/** The whole picture: header, cluster, steps, notes and, when it failed, why. Fits into the terminal. */
export function frameLines(model: Model, options: FrameOptions): readonly string[] {
  const full = compose(model, options, false);
  return full.length < options.height ? full : compose(model, options, true).slice(0, Math.max(1, options.height - 1));
}

function compose(model: Model, options: FrameOptions, compact: boolean): readonly string[] {
  const { now, width, paint } = options;
  const { document } = model;
  const time = document === undefined ? now - model.startedAt : elapsed(document, now);
  const title = paint.strong(clusterLine(document ?? model.asked));
  const failure = document === undefined ? undefined : failureOf(document);
  return [
    ...headerLines(model, width, paint),
    '',
    spread(title, clockTime(time), width),
    ...(document === undefined ? partLines(model, options) : allSteps(document, options, compact)),
    ...model.notes.slice(compact ? -2 : -5).map((note) => fit(`  ${paint.warn('!')} ${clean(note)}`, width)),
    ...(document !== undefined && failure !== undefined && finished(document)
      ? ['', ...failureLines(document, failure, width, paint)]
      : []),
  ];
}

function partLines(model: Model, { now, width, paint }: FrameOptions): readonly string[] {
  const sign = (ready: boolean): string => (ready ? paint.good('✔') : paint.live(spinnerFrame(now)));
  const parts = model.parts.map(({ name, ready }) => fit(`  ${sign(ready)} ${name}`, width));
  const waiting = model.posted !== undefined && model.parts.every((part) => part.ready);
  return waiting ? [...parts, fit(`  ${sign(false)} waiting for the queue trigger to take the message`, width)] : parts;
}

function allSteps(document: StatusDocument, options: FrameOptions, compact: boolean): readonly string[] {
  const { steps } = document.status;
  const titleWidth = Math.max(...steps.map((step) => columns(stepTitle(step, document))));
  const lines = (list: typeof steps): readonly string[] =>
    list.flatMap((step) => stepLines(step, document, { ...options, titleWidth }));
  if (!compact) return lines(steps);
  const done = steps.filter((step) => step.state === 'done' || step.state === 'skipped');
  const pending = steps.filter((step) => step.state === 'pending');
  return [
    ...(done.length === 0 ? [] : [`  ${options.paint.good('✔')} ${count(done.length, 'step')} done`]),
    ...lines(steps.filter((step) => step.state === 'running' || step.state === 'failed')),
    ...(pending.length === 0 ? [] : [options.paint.dim(`  · ${count(pending.length, 'step')} to come`)]),
  ];
}
