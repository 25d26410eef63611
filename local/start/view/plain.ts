import type { StatusDocument, StepView } from '../status-document.ts';
import { clusterLine, failureOf, finished, poolZones, stepTime, stepTitle } from './facts.ts';
import { failureLines } from './failure.ts';
import { headerLines } from './frame.ts';
import type { Model, View } from './model.ts';
import { runningText } from './steps.ts';
import { clean, createPaint, duration } from './text.ts';

const paint = createPaint(false);
/** Nothing is cut or wrapped: log readers have lines of any length. */
const width = 1000;

/** Lines with timestamps, for pipes and CI: each fact once, when it becomes true. */
export function createPlainView(write: (line: string) => void): View {
  const said = new Set<string>();
  const stamped = (now: number, text: string): void => {
    write(`${new Date(now).toISOString().replace(/\.\d+Z$/, 'Z')} ${tight(text)}`.trimEnd());
  };
  const say = (now: number, key: string, text: string): void => {
    if (said.has(key)) return;
    said.add(key);
    stamped(now, text);
  };
  const update = (model: Model, now: number): void => {
    for (const line of header(model)) say(now, line, line);
    for (const part of model.parts) if (part.ready) say(now, `part ${part.name}`, `${part.name}: ready`);
    const { document } = model;
    if (document !== undefined) {
      const operation = document.status.operation.id;
      say(now, `cluster ${operation}`, clusterLine(document));
      for (const step of document.status.steps)
        sayStep(step, document, (key, text) => say(now, `${operation} ${key}`, text));
    }
    for (const note of model.notes) say(now, `note ${note}`, clean(note));
  };
  return {
    update,
    close(model, now, below) {
      update(model, now);
      const { document } = model;
      const failure = document === undefined ? undefined : failureOf(document);
      if (document !== undefined && failure !== undefined && finished(document)) {
        for (const line of failureLines(document, failure, width, paint)) stamped(now, line);
      }
      for (const line of below) stamped(now, line);
    },
    reopen() {
      // Lines go on.
    },
    restore() {
      // Nothing was changed.
    },
    width,
  };
}

function header(model: Model): readonly string[] {
  return headerLines(model, width, paint);
}

/** The right-hand column follows its text directly where there is no right-hand edge; other columns keep their width. */
function tight(line: string): string {
  return line.replace(/(\S) {40,}(\S)/g, '$1   $2').trimEnd();
}

function sayStep(step: StepView, document: StatusDocument, say: (key: string, text: string) => void): void {
  const title = stepTitle(step, document);
  const took = stepTime(step, Date.parse(step.endedAt ?? step.startedAt ?? ''));
  const time = took === undefined ? '' : ` in ${duration(took)}`;
  const rest = (text: string | undefined): string => (text === undefined || text === '' ? '' : `: ${clean(text)}`);
  switch (step.state) {
    case 'pending':
    case 'skipped':
      return;
    case 'running': {
      say(`${step.id} running`, `${title}: started`);
      const text = runningText(step);
      // Numbers that only count up would fill the log: a sentence counts as said whatever its figures are.
      if (text !== '') say(`${step.id} ${text.replaceAll(/\d+([.,]\d+)?/g, '#')} ${stage(step)}`, `${title}: ${text}`);
      if (step.id === 'workerPools') sayPools(document, title, say);
      return;
    }
    case 'done':
      say(`${step.id} done ${step.endedAt ?? ''}`, `${title}: done${time}${rest(step.sentence)}`);
      return;
    case 'failed':
      say(
        `${step.id} failed ${step.endedAt ?? ''}`,
        `${title}: failed${time}${rest(step.error?.message)} (${step.error?.code ?? 'no code'})`,
      );
  }
}

/** Quarter of the way for bytes, every change for things that people count. */
function stage({ progress }: StepView): string {
  if (progress === undefined) return '';
  if (progress.unit !== 'bytes') return String(progress.done);
  return String(Math.floor((4 * progress.done) / Math.max(1, progress.total)));
}

function sayPools(document: StatusDocument, title: string, say: (key: string, text: string) => void): void {
  for (const pool of document.status.pools) {
    const zones = poolZones(pool).map(
      ({ label, ready, wanted }) => `${label === '' ? '' : `${label} `}${ready}/${wanted}`,
    );
    say(
      `pool ${pool.name} ${zones.join()}`,
      `${title}: ${pool.name} ${zones.join(', ')}: ${pool.ready} of ${pool.replicas} ready`,
    );
  }
}
